"""Received files: each recorded once, before anything is read from it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.database import file, received_interchange, sighting

_FROM_EXCHANGE = "exchange_to_issuer"
FileKind = Literal[
    "enrollment",
    "payment",
    "acknowledgement",
    "month_answer",
    "pre_audit",
    "unknown",
    "correction",
    "wrapped",
]
_OF_MONTH = ("month_answer", "pre_audit")  # read as a whole and at once; a copy says nothing more


@dataclass(frozen=True)
class ReceivedFile:
    """A file of the exchange that lies in the landing zone.

    `named_at` is the date and time in its name, in the exchange's own time zone; null when the
    name has none. `storage_key` finds the raw bytes again.
    """

    partner_id: str
    name: str
    kind: FileKind
    function_code: str | None
    named_at: datetime | None
    sha256: str
    size_bytes: int
    storage_key: str
    run_id: int
    received_at: datetime
    interchanges: tuple[tuple[str, str], ...] = ()  # ISA06 and ISA13 of each, in file order


@dataclass(frozen=True)
class Recorded:
    """Where a received file stands in the ledger.

    `is_new` is false when the same name and content were recorded before. `duplicate_of` is the
    first file with the same content under another name, of a month's file in the same month.
    """

    file_id: int
    is_new: bool
    duplicate_of: int | None


def record_received(conn: sa.Connection, received: ReceivedFile) -> Recorded:
    """The file's place in the ledger, after recording it or, if it is known, its sighting."""
    same_content = f"{received.partner_id}/{received.sha256}"
    conn.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(same_content, 0)))
    )
    alike = conn.execute(
        sa.select(file)
        .where(
            file.c.direction == _FROM_EXCHANGE,
            file.c.partner_id == received.partner_id,
            file.c.sha256 == received.sha256,
        )
        .order_by(file.c.file_id)
    ).all()
    for known in alike:
        if known.name == received.name:
            if known.recorded_at != received.received_at:
                _record_sighting(conn, known.file_id, received)
            return Recorded(known.file_id, is_new=False, duplicate_of=known.duplicate_of)
    if received.kind in _OF_MONTH:
        mine = _month(received.named_at or received.received_at)
        alike = [known for known in alike if month_of(known) == mine]
    first = alike[0].file_id if alike else None
    return Recorded(_insert(conn, received, first), is_new=True, duplicate_of=first)


def month_of(row: sa.Row[Any]) -> str:
    """The month (CCYYMM) of a received file: by its name, or in which it came."""
    return _month(row.named_at or row.recorded_at)


def _month(moment: datetime) -> str:
    return f"{moment:%Y%m}"


def record_released(conn: sa.Connection, received: ReceivedFile) -> int:
    """The id of a file that a person has released: no copy, although another has its bytes."""
    return _insert(conn, received, None)


def _insert(conn: sa.Connection, received: ReceivedFile, duplicate_of: int | None) -> int:
    row = sa.insert(file).values(
        direction=_FROM_EXCHANGE,
        partner_id=received.partner_id,
        name=received.name,
        kind=received.kind,
        function_code=received.function_code,
        named_at=received.named_at,
        sha256=received.sha256,
        size_bytes=received.size_bytes,
        storage_key=received.storage_key,
        run_id=received.run_id,
        recorded_at=received.received_at,
        state="received" if duplicate_of is None else "duplicate",
        duplicate_of=duplicate_of,
    )
    file_id: int = conn.execute(row.returning(file.c.file_id)).scalar_one()
    if received.interchanges:
        numbers = [
            {
                "file_id": file_id,
                "interchange_ordinal": ordinal,
                "sender_id": sender_id,
                "control_number": control_number,
            }
            for ordinal, (sender_id, control_number) in enumerate(received.interchanges, start=1)
        ]
        conn.execute(sa.insert(received_interchange), numbers)
    return file_id


def _record_sighting(conn: sa.Connection, file_id: int, received: ReceivedFile) -> None:
    seen = {"file_id": file_id, "run_id": received.run_id, "seen_at": received.received_at}
    conn.execute(insert(sighting).values(seen).on_conflict_do_nothing())


def unchecked_files(conn: sa.Connection, partner_id: str) -> list[sa.Row[Any]]:
    """The partner's received files that have no verdict yet, in the order of arrival.

    Files of an interrupted run are among them, and duplicates, because they get an answer too:
    all but those of the month's files and of what came wrapped.
    """
    is_waiting = file.c.state.in_(["received", "duplicate"]) & file.c.verdict.is_(None)
    is_copy = file.c.kind.in_((*_OF_MONTH, "wrapped")) & (file.c.state == "duplicate")
    return _received(conn, partner_id, is_waiting & ~is_copy)


def to_check_before(conn: sa.Connection, file_id: int) -> list[int]:
    """Ids of earlier files of the partner that have no verdict and bring the same ISA13.

    Which of them is the repetition is decided by arrival, so they are checked first.
    """
    own, other = received_interchange.alias(), received_interchange.alias()
    mine, earlier = file.alias(), file.alias()
    same_number = (own.c.sender_id == other.c.sender_id) & (
        own.c.control_number == other.c.control_number
    )
    waiting = (
        sa.select(earlier.c.file_id)
        .distinct()
        .select_from(own)
        .join(other, same_number)
        .join(mine, mine.c.file_id == own.c.file_id)
        .join(earlier, earlier.c.file_id == other.c.file_id)
        .where(
            own.c.file_id == file_id,
            earlier.c.file_id < file_id,
            earlier.c.partner_id == mine.c.partner_id,
            earlier.c.verdict.is_(None),
            earlier.c.state.in_(["received", "duplicate"]),
        )
    )
    return list(conn.execute(waiting.order_by(earlier.c.file_id)).scalars())


def received_enrollments(
    conn: sa.Connection, since: date, until: date | None, partner_id: str | None = None
) -> list[sa.Row[Any]]:
    """The enrollment files of all partners, or of one, that came from one day to another (UTC).

    In the order of arrival; both days are included, and copies of files are left out.
    """
    rows = sa.select(file).where(
        file.c.direction == _FROM_EXCHANGE,
        file.c.kind == "enrollment",
        file.c.duplicate_of.is_(None),
        file.c.recorded_at >= datetime.combine(since, time(), UTC),
    )
    if until is not None:
        behind = datetime.combine(until, time(), UTC) + timedelta(days=1)
        rows = rows.where(file.c.recorded_at < behind)
    if partner_id is not None:
        rows = rows.where(file.c.partner_id == partner_id)
    return list(conn.execute(rows.order_by(file.c.file_id)).all())


def unstaged_files(conn: sa.Connection, partner_id: str) -> list[sa.Row[Any]]:
    """The partner's checked files that have not been staged for the book, in order of arrival.

    Payments are none of them: they change nothing in the book.
    """
    is_waiting = (file.c.state == "checked") & (file.c.kind != "payment")
    return _received(conn, partner_id, is_waiting)


def kept_from_the_book(conn: sa.Connection, partner_id: str) -> int:
    """How many of the partner's files about enrollment have come and were not staged.

    Their check or their staging has failed, or is still to be done; those set apart are left out.
    """
    counted = sa.select(sa.func.count()).where(
        file.c.direction == _FROM_EXCHANGE,
        file.c.partner_id == partner_id,
        file.c.kind.in_(["enrollment", "correction"]),
        file.c.state.in_(["received", "checked"]),
    )
    count: int = conn.execute(counted).scalar_one()
    return count


def unposted_files(conn: sa.Connection, partner_id: str) -> list[sa.Row[Any]]:
    """The partner's checked files of payments that have not been posted, in order of arrival."""
    return _received(conn, partner_id, (file.c.state == "checked") & (file.c.kind == "payment"))


def _received(
    conn: sa.Connection, partner_id: str, condition: sa.ColumnElement[bool]
) -> list[sa.Row[Any]]:
    rows = sa.select(file).where(
        file.c.direction == _FROM_EXCHANGE, file.c.partner_id == partner_id, condition
    )
    return list(conn.execute(rows.order_by(file.c.file_id)).all())


def set_of_month(
    conn: sa.Connection, file_id: int, refused_as: str | None = None, copy_of: int | None = None
) -> None:
    """Marks a received file of the month as taken in, set apart with what is wrong, or a copy."""
    told: dict[str, Any] = {"state": "applied"}
    if refused_as is not None:
        told = {"state": "quarantined", "note": refused_as}
    elif copy_of is not None:
        told = {"state": "duplicate", "duplicate_of": copy_of}
    conn.execute(
        sa.update(file).where(file.c.file_id == file_id, file.c.state == "received").values(**told)
    )


def settle_held(conn: sa.Connection, file_id: int, note: str | None) -> None:
    """Marks a month's file that was set apart as taken in; with a note it stays apart for good."""
    told = {"state": "applied", "note": None} if note is None else {"note": note}
    held = (file.c.file_id == file_id) & (file.c.state == "quarantined")
    conn.execute(sa.update(file).where(held).values(**told))


def file_row(conn: sa.Connection, file_id: int) -> sa.Row[Any]:
    """The file's row in the ledger, received or sent."""
    return conn.execute(sa.select(file).where(file.c.file_id == file_id)).one()
