"""`make bench-book`: how long the book takes, beside a raw COPY of the same rows.

The rows are those that a parser hands over: members, coverages, reporting categories. What is
measured is all that the book does with them, from staging to the commit. Nothing here passes or
fails: ratios are for people to read, in `benchmarks/RESULTS.md`.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from math import log
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from benchmarks import report
from benchmarks.households import AUDIT, ENROLLMENT, Saying, parsed_households
from benchmarks.plain_copy import copy_spent
from benchmarks.spent import Spent, spending
from enrollment.application import Night, apply_events
from enrollment.staged_events import FileTables
from enrollment.staging import stage_file
from ledger.files import ReceivedFile, record_received
from ledger.runs import open_run
from ledger.server import embedded_url, open_engine, upgrade
from schemas import tables
from schemas.database import disposition, file, transaction_set
from schemas.partners import load_exchange
from schemas.postgres_copy import copy_into

_PARTNER = "potomac-dc"
_EXCHANGE = "dc-health-link"  # one that sends audits
_FIRST_NIGHT = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
_SECTION = "# The book of enrollments"
_COPIES = 3  # a COPY is short, and one of them may fall into a bad moment
_MANY = 500_000  # members, of whom one run takes minutes
_RUNS = 3  # of fewer
_HOW = (
    "From the parser's tables to the commit, on the embedded PostgreSQL as it comes. COPY puts the "
    "same rows into plain tables without keys, in the same run, three times. All seconds are "
    "medians. Where a machine is shared, the processor's seconds (this process and the server's "
    "sessions) say more than the clock's."
)


@dataclass(frozen=True)
class Timed:
    """What one night took, and the COPY of its rows into plain tables."""

    members: int
    what: str
    stage: Spent
    apply: Spent
    copy: Spent
    runs: int = 1

    @classmethod
    def usual(cls, several: Sequence["Timed"]) -> "Timed":
        """The medians of the same night, played several times."""
        return cls(
            several[0].members,
            several[0].what,
            stage=Spent.usual(one.stage for one in several),
            apply=Spent.usual(one.apply for one in several),
            copy=Spent.usual(one.copy for one in several),
            runs=len(several),
        )

    def cells(self) -> tuple[str, ...]:
        """A row of the table of results."""
        whole = self.stage + self.apply
        parts = (self.copy, self.stage, self.apply, whole)
        cells = [f"{self.members:,}", self.what, str(self.runs)]
        cells += [f"{part.clock:.1f}" for part in parts]
        cells += [f"{whole.clock / self.copy.clock:.1f}"]
        cells += [f"{self.copy.processor:.1f}", f"{whole.processor:.1f}"]
        return (*cells, f"{whole.processor / self.copy.processor:.1f}")


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--members", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    timed = list(chain.from_iterable(_measure(members) for members in options.members))
    seconds = ("COPY s", "staging s", "book s", "both s", "to COPY")
    processor = ("COPY CPU s", "both CPU s", "CPU to COPY")
    titles = ("members", "what", "runs", *seconds, *processor)
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-book`.",
            report.machine(),
            _HOW,
            report.table(titles, [one.cells() for one in timed]),
            *_growth(timed),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _growth(timed: Sequence[Timed]) -> Iterator[str]:
    """For each kind of night that was played with fewer and with more members, how it grows."""
    for what in dict.fromkeys(one.what for one in timed):
        alike = [one for one in timed if one.what == what]
        few, many = alike[0], alike[-1]
        if few is not many:
            seconds = [(one.stage + one.apply).processor for one in (few, many)]
            power = log(seconds[1] / seconds[0]) / log(many.members / few.members)
            yield (
                f"From {few.members:,} to {many.members:,} members the processor's seconds of "
                f"{what} grow with the power {power:.2f} of the members."
            )


def _measure(members: int) -> Iterator[Timed]:
    """What each of the two nights takes, the median of several runs where they are short."""
    runs = [list(_both_nights(members)) for _ in range(1 if members >= _MANY else _RUNS)]
    return map(Timed.usual, zip(*runs, strict=True))


def _both_nights(members: int) -> Iterator[Timed]:
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
    copied = Spent.usual([copy_spent(engine, parsed) for _ in range(_COPIES)])
    with spending(engine) as stage, engine.begin() as conn:
        staged = stage_file(conn, file_id, exchange, parsed, run_id)
    with spending(engine) as apply, engine.begin() as conn:
        result = apply_events(conn, Night(run_id, _PARTNER, exchange, as_of), [file_id])
    assert staged == result.applied == sets.num_rows
    with engine.connect() as conn:
        assert conn.execute(_BELIEVED).one() == _told(parsed)
    return Timed(members, what, stage[0], apply[0], copied)


# What the book believes after either night: it is what the first one told, and no audit differs.
_BELIEVED = sa.text("""
SELECT (SELECT count(*) FROM book.policy), (SELECT count(*) FROM book.member),
  (SELECT count(*) FROM book.coverage), (SELECT count(*) FROM book.amount),
  (SELECT sum(amount) FROM book.amount), (SELECT count(*) FROM book.address),
  (SELECT count(*) FROM book.audit_difference)
""")


def _told(parsed: FileTables) -> tuple[object, ...]:
    """The same counts by the parser's tables: everybody has one coverage and one address."""
    policies = pc.count_distinct(parsed.coverages.column("exchange_policy_id")).as_py()
    told = parsed.reporting_categories
    values = told.filter(pc.match_substring(told.column("name"), " AMT")).column("value")
    total = pc.sum(pc.cast(values.combine_chunks(), tables.MONEY)).as_py()
    members = parsed.members.num_rows
    return (policies, members, members, len(values), total, members, 0)


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


if __name__ == "__main__":
    main()
