"""`make bench-night`: a whole night with a full file, from the exchange's outbox to its inbox.

Three nights of one partner are played with the steps of `edi834 night`, over a real OpenSSH server
and the embedded PostgreSQL: everybody is enrolled; a full file names everybody again, while the
carrier's records are there and part of the policies have been paid; and everybody is told once more
when nothing is new. Beside each stands what `cp`, `wc -l` and a raw COPY of the same rows take
together. Nothing here passes or fails: ratios are for people to read, in `benchmarks/RESULTS.md`.
"""

import argparse
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.openssh import openssh
from benchmarks.plain_copy import copy_spent
from benchmarks.spent import Spent
from enrollment.snapshot import book_snapshot
from enrollment.staged_events import FileTables
from pipeline.checked_tables import read_table
from pipeline.night import close_night
from pipeline.runs import at_work
from pipeline.settings import CarrierSettings, MailboxSettings, Settings
from pipeline.steps import Steps
from pipeline.wiring import House, open_house
from schemas.partners import load_partner
from schemas.tables import TEXT
from simulator.generate import write_enrollment_file

BUDGET = 30  # times, of a night with a full file
_PARTNER = "potomac-dc"  # of an exchange that sends full files
_NAME = "OPR.009876543.I834.D{day:%y%m%d}.T060000000.P"
_FIRST_NIGHT = datetime.fromisoformat("2026-12-01T12:00:00+00:00")
_PAID = 50  # one policy in so many has been paid since the last night
_DIFFERS = 128  # the carrier has one member in so many otherwise
_SECTION = "# A whole night"
_HOW = (
    "From the exchange's outbox to its inbox, over an OpenSSH server on the loopback, on the "
    "embedded PostgreSQL as it comes: seconds on the clock of each step of `edi834 night`, one "
    f"run. The full file meets a book of the same members, of whom the carrier has one in "
    f"{_DIFFERS} otherwise; one policy in {_PAID} has been paid and is confirmed to the exchange. "
    "COPY puts the rows that the parser hands over into plain tables without keys, on the same "
    f"server; the budget of a night with a full file is {BUDGET} times the three together."
)
# As DC's exchange names its sponsor, and what makes an audit of an enrollment: gluedb's samples.
_SPONSOR = (re.compile(rb"N1\*P5\*[^*~]*\*"), b"N1*P5*DC0*")
_AUDIT = (
    (re.compile(rb"\*021\*EC\*"), b"*030*XN*"),
    (re.compile(rb"HD\*021\*"), b"HD*030*"),
    (re.compile(rb"\*ET\*\*\*2~"), b"*ET***4~"),
)
_ISSUER_IDS = (  # of the carrier: made of those of the exchange
    ("issuer_policy_id", "exchange_policy_id", "P"),
    ("issuer_subscriber_id", "exchange_subscriber_id", "S"),
    ("issuer_member_id", "exchange_member_id", "M"),
)
_Changes = tuple[tuple[re.Pattern[bytes], bytes], ...]


@dataclass
class Timed:
    """A night: seconds on the clock by step, and of what it is compared with."""

    what: str
    members: int
    size_bytes: int
    steps: dict[str, float] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)
    state: str = ""

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(self.steps.values())

    @property
    def ratio(self) -> float:
        """To cp, wc -l and COPY together."""
        return self.seconds / sum(self.beside.values())

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Adds the time of a block to a step."""
        begun = time.perf_counter()
        yield
        self.steps[name] = self.steps.get(name, 0.0) + time.perf_counter() - begun


def main() -> None:
    """Measures, prints the tables, and writes them to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="printed in the results")
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-night.") as folder:
        nights = list(_nights(Path(folder), options.members))
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-night`.",
            report.machine(),
            _HOW,
            _by_step(nights),
            "\n".join(_sentence(night) for night in nights),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _by_step(nights: list[Timed]) -> str:
    rows = [(step, *(f"{night.steps[step]:.1f}" for night in nights)) for step in nights[0].steps]
    rows.append(("all steps", *(f"{night.seconds:.1f}" for night in nights)))
    rows += [
        (name, *(f"{night.beside[name]:.2f}" for night in nights)) for name in nights[0].beside
    ]
    rows.append(("ratio", *(f"{night.ratio:.1f}" for night in nights)))
    return report.table(("stage", *(night.what for night in nights)), rows)


def _sentence(night: Timed) -> str:
    return (
        f"- {night.what}: {night.members:,} members, {night.size_bytes / 1e6:,.0f} MB, "
        f"ended {night.state.replace('_', ' ')}."
    )


def _nights(folder: Path, members: int) -> Iterator[Timed]:
    enrolled = folder / "enrollment.834"
    write_enrollment_file(enrolled, members, 834, load_partner(_PARTNER))
    enrolled = _retold(enrolled, "district.834", ())
    extracts = folder / "carrier"
    extracts.mkdir()
    with openssh(folder / "wire") as served:
        for number, what in enumerate(("everybody enrolled", "full file", "full file again")):
            sent = enrolled if number == 0 else _told_again(enrolled, number)
            night = Timed(what, members, sent.stat().st_size)
            with open_house(_settings(folder, served.mailbox, extracts)) as house:
                _play(house, night, number, _sent(sent, served.outbox, number), extracts)
            yield night


def _settings(folder: Path, mailbox: MailboxSettings, extracts: Path) -> Settings:
    carrier = CarrierSettings(
        kind="file",
        members=str(extracts / "members.parquet"),
        payments=str(extracts / "payments.parquet"),
    )
    return Settings(
        home=folder / "home",
        settle_seconds=0.1,
        mailboxes={_PARTNER: mailbox},
        carriers={_PARTNER: carrier},
    )


def _sent(path: Path, outbox: Path, number: int) -> Path:
    """The file as it lies in the exchange's outbox; a copy, as it is compared with `cp` later."""
    name = _NAME.format(day=_FIRST_NIGHT + timedelta(days=number))
    (outbox / name).write_bytes(b"")
    subprocess.run(["cp", path, outbox / name], check=True)
    return path


def _play(house: House, night: Timed, number: int, sent: Path, extracts: Path) -> None:
    """The steps of a night, in their order, and what it is compared with.

    The carrier delivers its records of the day while nobody looks at the clock.
    """
    as_of = _FIRST_NIGHT + timedelta(days=number)
    with at_work(house, as_of, [_PARTNER]) as opened:
        steps = Steps(house, opened.run, _PARTNER)
        with night.step("receive"):
            steps.receive()
        file_ids = steps.waiting_files()
        with night.step("check"):
            for file_id in file_ids:
                steps.check(file_id)
        for name, do in (("gate (staging too)", steps.gate), ("apply", steps.apply)):
            with night.step(name):
                do()
        _write_carrier(house, extracts, number)
        for name, do in (
            ("reconcile and decide", steps.settle),
            ("report", steps.report),
            ("deliver", steps.deliver),
        ):
            with night.step(name):
                do()
        with night.step("close"):
            night.state = close_night(house, opened.run).state
    parsed = _parsed(house, file_ids[-1])
    night.beside["cp"] = _command_seconds(["cp", sent, sent.with_suffix(".copy")])
    night.beside["wc -l"] = _command_seconds(["wc", "-l", sent])
    copied = Spent.usual([copy_spent(house.engine, parsed) for _ in range(3)])
    night.beside["COPY"] = copied.clock


def _parsed(house: House, file_id: int) -> FileTables:
    folder = house.settings.tables_folder / str(file_id)
    names = ("members", "coverages", "reporting_categories")
    return FileTables(*(read_table(folder, name) for name in names))


def _command_seconds(command: list[str | Path]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _told_again(enrolled: Path, number: int) -> Path:
    """Everybody once more, by a file of audits with control numbers and moments of its own."""
    moment = f"{_FIRST_NIGHT + timedelta(days=number):%Y%m%d}".encode()
    own = (
        (re.compile(rb"\*000000001([*~])"), b"*%d\\1" % (900_000_000 + number)),
        (re.compile(f"{_FIRST_NIGHT:%Y%m%d}".encode()), moment),
    )
    return _retold(enrolled, "audit.834", (*_AUDIT, *own))


def _retold(path: Path, name: str, changes: _Changes) -> Path:
    """The file with other texts, and the sponsor as this exchange names it."""
    retold = path.with_name(name)
    with path.open("rb") as lines, retold.open("wb") as file:
        while part := b"".join(lines.readlines(1 << 26)):
            for old, new in (_SPONSOR, *changes):
                part = old.sub(new, part)
            file.write(part)
    return retold


def _write_carrier(house: House, extracts: Path, number: int) -> None:
    """The carrier's records as it would keep them, and who has paid since the night before."""
    as_of = _FIRST_NIGHT + timedelta(days=number)
    with house.engine.connect() as conn:
        book = book_snapshot(conn, _PARTNER, as_of)
    columns = house.partner(_PARTNER).carrier_records
    differs = pc.equal(pc.bit_wise_and(pa.array(range(book.num_rows)), _DIFFERS - 1), 0)
    names = pc.if_else(differs, "OTHERWISE", book["first_name"].combine_chunks())
    book = book.set_column(book.column_names.index("first_name"), "first_name", names)
    for ours, exchange_id, letter in _ISSUER_IDS:
        ids = pc.binary_join_element_wise(
            pa.scalar(letter, TEXT), book[exchange_id], pa.scalar("", TEXT)
        )
        book = book.set_column(book.column_names.index(ours), ours, ids)
    members = {theirs: book[ours] for ours, theirs in columns.members.items()}
    pq.write_table(pa.table(members), extracts / "members.parquet")
    heads = book.filter(book["is_subscriber"])
    paid = heads.take(pa.array(range(number, heads.num_rows, _PAID)))
    payments = {
        "exchange_policy_id": paid["exchange_policy_id"],
        "amount": paid["responsible_amount"],
        "received_on": pa.repeat(pa.scalar(as_of.date()), paid.num_rows),
        "paid_through": pc.add(paid["benefit_begin"], pa.scalar(timedelta(days=30))).cast(
            pa.date32()
        ),
    }
    renamed = {theirs: payments[ours] for ours, theirs in columns.payments.items()}
    pq.write_table(pa.table(renamed), extracts / "payments.parquet")


if __name__ == "__main__":
    main()
