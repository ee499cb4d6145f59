"""What files were wrapped in: what came in them, and as what they were sent."""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.database import file
from schemas.wrappings import wrapping


@dataclass(frozen=True)
class Wrapping:
    """These bytes on the wire hold that file. Without `origin_file_id` we have sent them."""

    file_id: int
    how: str
    name: str
    sha256: str
    size_bytes: int
    storage_key: str
    origin_file_id: int | None = None
    ordinal: int = 1


def record_wrapping(conn: sa.Connection, told: Wrapping) -> None:
    """Records it once."""
    conn.execute(insert(wrapping).values(**asdict(told)).on_conflict_do_nothing())


def sent_as(conn: sa.Connection, file_id: int) -> sa.Row[Any] | None:
    """What the file was wrapped in for the wire; None when it was not yet."""
    told = sa.select(wrapping).where(
        wrapping.c.file_id == file_id, wrapping.c.origin_file_id.is_(None)
    )
    return conn.execute(told.order_by(wrapping.c.wrapping_id).limit(1)).one_or_none()


def is_opened(conn: sa.Connection, file_id: int) -> bool:
    """Whether what came wrapped has been opened, or is a copy of what has."""
    first = sa.func.coalesce(file.c.duplicate_of, file.c.file_id)
    known = sa.select(first).where(file.c.file_id == file_id).scalar_subquery()
    state = conn.execute(sa.select(file.c.state).where(file.c.file_id == known)).scalar_one()
    return bool(state == "applied")


def set_opened(conn: sa.Connection, file_id: int, refused: str | None) -> None:
    """Marks what came wrapped as opened, or set apart with the reason."""
    told = {"state": "applied", "note": None}
    if refused is not None:
        told = {"state": "quarantined", "note": refused}
    waiting = file.c.state.in_(["received", "quarantined"])
    changed = (file.c.state != told["state"]) | file.c.note.is_distinct_from(told["note"])
    conn.execute(sa.update(file).where(file.c.file_id == file_id, waiting, changed).values(**told))
