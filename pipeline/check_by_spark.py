"""`edi834 check --engine spark`: small files as they are, large ones stretch by stretch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipeline.check_command import CheckOptions, Judge, terms_of
from pipeline.settings import spark_endpoint
from schemas.limits import load_spark_limits
from schemas.spark import spark_session
from validators.check import Checked, Sink, Tell, Terms, check_file
from validators.crews import MapInOrder
from validators.spark_crew import SparkCrew


@dataclass
class _Kept:
    """A sink that keeps the tables, stretch by stretch, in the order in which they came."""

    tables: list[tuple[str, pa.Table]] = field(default_factory=list)

    def write(self, name: str, table: pa.Table) -> None:
        self.tables.append((name, table))


@dataclass(frozen=True)
class _WholeFile:
    """One file judged by one worker: an error of reading it comes back as a value."""

    terms: Terms
    wants_tables: bool

    def judge(self, path: Path) -> tuple[Checked | OSError, list[tuple[str, pa.Table]]]:
        kept = _Kept()
        try:
            checked = check_file(path, self.terms, kept if self.wants_tables else None)
        except OSError as error:
            return OSError(error.errno, error.strerror), []
        return checked, kept.tables


@contextmanager
def judge_by_spark(paths: Sequence[Path], options: CheckOptions) -> Iterator[Judge]:
    """Judges these files, asked for one by one in their order; the result is that of one machine.

    Raises Terminal without a client or an endpoint, Retryable when the endpoint does not answer.
    """
    with spark_session(spark_endpoint()) as session:
        crew = SparkCrew(session)
        whole = _WholeFile(terms_of(options), wants_tables=options.out is not None)
        small = [path for path in paths if _is_small(path)]  # asked once: files may change
        with crew.gathered(lambda: None) as in_order:
            done = _done(in_order, whole, small)

            def judge(path: Path, terms: Terms, sink: Sink | None, tell: Tell) -> Checked:
                if path not in small:
                    return check_file(path.absolute(), terms, sink, tell, crew)
                of, checked, tables = next(done)
                assert of == path, f"{path} was asked for, {of} is next"
                if isinstance(checked, OSError):
                    raise checked
                if sink is not None:
                    for name, table in tables:
                        sink.write(name, table)
                return checked

            yield judge


def _is_small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= load_spark_limits().whole_file_bytes


def _done(
    in_order: MapInOrder, whole: _WholeFile, small: list[Path]
) -> Iterator[tuple[Path, Checked | OSError, list[tuple[str, pa.Table]]]]:
    judged = in_order(whole.judge, (path.absolute() for path in small))
    for path, (checked, tables) in zip(small, judged, strict=True):
        yield path, checked, tables
