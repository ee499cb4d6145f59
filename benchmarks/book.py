"""`make bench-book`: how long the book takes, beside a raw COPY of the same rows.

The rows are those that a parser hands over: members, coverages, reporting categories. What is
measured is all that the book does with them, from staging to the commit. Nothing here passes or
fails: ratios are for people to read, in `benchmarks/RESULTS.md`.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from benchmarks import report
from benchmarks.households import AUDIT, ENROLLMENT, Saying, parsed_households
from enrollment.application import Night, apply_events
from enrollment.staged_events import FileTables
from enrollment.staging import stage_file
from ledger.files import ReceivedFile, record_received
from ledger.runs import open_run
from ledger.server import embedded_url, open_engine, upgrade
from schemas import tables
from schemas.columns import columns_of
from schemas.database import disposition, file, transaction_set
from schemas.partners import load_exchange
from schemas.postgres_copy import copy_into

_PARTNER = "potomac-dc"
_EXCHANGE = "dc-health-link"  # one that sends audits
_FIRST_NIGHT = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
_SECTION = "# The book of enrollments"
_HOW = (
    "From the parser's tables to the commit, on the embedded PostgreSQL as it comes. COPY puts the "
    "same rows into plain tables without keys, in the same run."
)


@dataclass(frozen=True)
class Timed:
    """Seconds of one night, and of the COPY of its rows into plain tables."""

    members: int
    what: str
    stage: float
    apply: float
    copy: float

    def cells(self) -> tuple[str, ...]:
        """A row of the table of results."""
        whole = self.stage + self.apply
        seconds = (f"{s:.1f}" for s in (self.copy, self.stage, self.apply, whole))
        return (f"{self.members:,}", self.what, *seconds, f"{whole / self.copy:.1f}")


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--members", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    timed = [one for members in options.members for one in _measure(members)]
    titles = ("members", "what", "COPY s", "staging s", "book s", "both s", "to COPY")
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-book`.",
            report.machine(),
            _HOW,
            report.table(titles, [one.cells() for one in timed]),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _measure(members: int) -> Iterator[Timed]:
    """An enrollment of everybody into an empty book, then an audit of everybody."""
    with tempfile.TemporaryDirectory(prefix="bench-book.") as folder:
        engine = open_engine(embedded_url(Path(folder) / "data", "book"))
        upgrade(engine)
        for night, (what, saying) in enumerate(
            [("initial enrollments", ENROLLMENT), ("full file of audits", AUDIT)]
        ):
            yield _night(engine, members, what, saying, _FIRST_NIGHT + timedelta(days=night))
        engine.dispose()


def _night(engine: sa.Engine, members: int, what: str, saying: Saying, as_of: datetime) -> Timed:
    sets, parsed = parsed_households(members, saying)
    exchange = load_exchange(_EXCHANGE)
    with engine.begin() as conn:
        run_id = open_run(conn, as_of)
        file_id = _checked_file(conn, run_id, sets, parsed, as_of)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("VACUUM ANALYZE"))
        conn.execute(sa.text("CHECKPOINT"))
    copied = _copy_seconds(engine, parsed)
    with _seconds() as stage, engine.begin() as conn:
        staged = stage_file(conn, file_id, exchange, parsed, run_id)
    with _seconds() as apply, engine.begin() as conn:
        result = apply_events(conn, Night(run_id, _PARTNER, exchange, as_of), [file_id])
    assert staged == result.applied == sets.num_rows
    return Timed(members, what, stage[0], apply[0], copied)


def _checked_file(
    conn: sa.Connection, run_id: int, sets: pa.Table, parsed: FileTables, as_of: datetime
) -> int:
    """The id of a file whose members were all accepted."""
    digest = hashlib.sha256(as_of.isoformat().encode()).hexdigest()
    name = f"OPR.001234567T.I834.D{as_of:%y%m%d}.T060000000.P"
    received = ReceivedFile(
        _PARTNER, name, "enrollment", "I834", as_of.replace(tzinfo=None), digest, 1000,
        f"landing/{digest}", run_id, as_of,
    )  # fmt: skip
    file_id = record_received(conn, received).file_id
    copy_into(conn, transaction_set, sets, file_id=file_id, ack="A")
    accepted = parsed.members.select(["set_ordinal", "member_ordinal"])
    copy_into(conn, disposition, accepted, file_id=file_id, state="accepted", decided_in_run=run_id)
    conn.execute(sa.update(file).where(file.c.file_id == file_id).values(state="checked"))
    return file_id


def _copy_seconds(engine: sa.Engine, parsed: FileTables) -> float:
    """Seconds to put the rows into plain tables and commit; the tables are dropped again."""
    catalogue = sa.MetaData()
    plain = {
        "plain_member": (tables.MEMBERS, parsed.members),
        "plain_coverage": (tables.COVERAGES, parsed.coverages),
        "plain_category": (tables.REPORTING_CATEGORIES, parsed.reporting_categories),
    }
    made = {name: sa.Table(name, catalogue, *columns_of(s)) for name, (s, _) in plain.items()}
    catalogue.create_all(engine)
    with _seconds() as seconds, engine.begin() as conn:
        for name, (_, rows) in plain.items():
            copy_into(conn, made[name], rows)
    catalogue.drop_all(engine)
    return seconds[0]


@contextmanager
def _seconds() -> Iterator[list[float]]:
    """A list that holds the seconds when the block has ended."""
    spent: list[float] = []
    begun = time.perf_counter()
    yield spent
    spent.append(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
