"""What was sent and what people were given, byte for byte beside what the replay has written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ledger.carrier_readings import readings
from pipeline.replay_history import History
from pipeline.replay_scratch import Scratch
from pipeline.wiring import House
from replies.error_report import CSV, PAGE, WORKBOOK
from schemas.database import file
from schemas.errors import Terminal
from strongroom.files import read_clear

_ISA_BYTES = 106
_KINDS = {"ta1": "TA1", "999": "999", "enrollment": "enrollment", "error_report": "errors"}


@dataclass(frozen=True)
class ComparedFile:
    """One file: its kind, and in one sentence what is not the same; None when nothing is."""

    kind: str
    difference: str | None


@dataclass(frozen=True)
class _Sent:
    """A sent file in one of the ledgers. `key` is what it answers, or the run and partner."""

    row: sa.Row[Any]

    @property
    def key(self) -> tuple[Any, ...]:
        row = self.row
        if row.answers_file_id is not None:
            return row.kind, row.answers_file_id
        return row.kind, row.run_id, row.partner_id

    @property
    def name(self) -> str:
        answers = self.row.answers_file_id
        about = f"for file {answers}" if answers else f"of run {self.row.run_id}"
        return f"{self.row.partner_id}: {self.row.name} ({_KINDS[self.row.kind]} {about})"


def compare_sent(
    house: House, then: sa.Connection, now: sa.Connection, scratch: Scratch, history: History
) -> Iterator[ComparedFile]:
    """Every file that was sent up to the cut: by name, hash and bytes."""
    written = {
        entry.object_id
        for entry in history.told
        if entry.kind == "file" and entry.action == "written"
    }
    sent = {one.key: one for one in _sent(then) if one.row.file_id in written}
    again = {one.key: one for one in _sent(now)}
    for key, one in sent.items():
        yield ComparedFile(one.row.kind, _unlike(house, scratch, one, again.get(key)))
    for key, one in again.items():
        if key not in sent:
            yield ComparedFile(one.row.kind, f"{one.name} is written in the replay only")


def _sent(conn: sa.Connection) -> list[_Sent]:
    rows = sa.select(file).where(file.c.direction == "issuer_to_exchange").order_by(file.c.file_id)
    return [_Sent(row) for row in conn.execute(rows)]


def _unlike(house: House, scratch: Scratch, one: _Sent, other: _Sent | None) -> str | None:
    if other is None:
        return f"{one.name} is not written in the replay"
    if one.row.name != other.row.name:
        return f"{one.name} is called {other.row.name} in the replay"
    stored = house.landing.folder / one.row.storage_key
    again = scratch.own / other.row.storage_key
    try:
        place = _first_difference(stored, again) if stored.is_file() else "; its bytes are gone"
    except Terminal:  # a sealed file that was changed tells nothing at all
        place = "; its sealed bytes were altered"
    if one.row.sha256 != other.row.sha256:
        return f"{one.name} differs from what was sent{place or '; the sent bytes were altered'}"
    if place is not None:
        return (
            f"{one.name}: what is stored is not what was sent{place}. The replay has the bytes "
            "that were sent"
        )
    return None


def _first_difference(stored: Path, again: Path) -> str | None:
    """Where two files begin to differ: byte, and segment or line with its id; None when equal."""
    one, other = read_clear(stored), read_clear(again)
    if one == other:
        return None
    at = next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
    if other[:3] != b"ISA" or at < _ISA_BYTES - 1:
        line = other[:at].count(b"\n") + 1
        return f" at byte {at:,}, line {line:,}"
    end, separator = other[_ISA_BYTES - 1 : _ISA_BYTES], other[3:4]
    ordinal = other[:at].count(end)
    segment = other.split(end)[ordinal].strip().partition(separator)[0].decode("ascii", "replace")
    return f" at byte {at:,}, segment {ordinal + 1:,} ({segment})"


def compare_reports(house: House, scratch: Scratch, history: History) -> Iterator[ComparedFile]:
    """The error reports for people of each run and partner, where they are still kept."""
    for run_id in history.runs:
        if run_id in history.later.runs:
            continue  # a later piece of work may have written them anew
        for again in sorted(scratch.house.settings.reports_folder.glob(f"{run_id}/*/")):
            for name in (CSV, WORKBOOK, PAGE):
                place = Path(str(run_id)) / again.name / name
                kept = house.settings.reports_folder / place
                if kept.is_file() and (again / name).is_file():
                    unlike = _first_difference(kept, again / name)
                    about = f"reports/{place} differs from what people were given{unlike}"
                    yield ComparedFile("report", about if unlike else None)


def require_received(house: House, conn: sa.Connection, history: History) -> int:
    """How many stored contents the history begins with, each found as it came in.

    Raises Terminal with the first that is damaged or gone: without it nothing can be replayed.
    """
    contents = [*_received(conn, history), *_carrier_records(conn, history)]
    for what, storage_key in contents:
        try:
            house.landing.verified_path(storage_key)
        except Terminal as error:
            raise Terminal(f"{what}: {error}") from None
    return len(contents)


def _received(conn: sa.Connection, history: History) -> Iterator[tuple[str, str]]:
    """What came in from exchanges, by name and storage key."""
    came_in = {entry.object_id for entry in history.told if entry.work == "received"}
    rows = sa.select(file.c.file_id, file.c.partner_id, file.c.name, file.c.storage_key)
    for row in conn.execute(rows.order_by(file.c.file_id)):
        if row.file_id in came_in:
            yield f"File {row.file_id}, {row.name} of {row.partner_id}", row.storage_key


def _carrier_records(conn: sa.Connection, history: History) -> Iterator[tuple[str, str]]:
    """What was read of carriers, by run and partner, and storage key."""
    read = {
        (entry.object_id, entry.details["partner"])
        for entry in history.told
        if entry.work == "carrier records read"
    }
    for run_id, partner_id in sorted(read):
        for reading in readings(conn, run_id, partner_id):
            what = f"The carrier's records that run {run_id} has read for {partner_id}"
            yield from [(what, key) for key in reading.keys]
