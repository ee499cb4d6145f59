"""Runs: one nightly cycle each, from opening to its balance."""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ledger import audit
from schemas.database import run

FinalState = Literal["balanced", "balanced_with_open_items", "failed"]


def open_run(conn: sa.Connection, as_of: datetime) -> int:
    """The id of the open run of that moment: the one that was interrupted, or a new one."""
    new = conn.execute(
        insert(run)
        .values(as_of=as_of)
        .on_conflict_do_nothing(index_elements=["as_of"], index_where=run.c.state == "open")
        .returning(run.c.run_id)
    ).scalar()
    if new is not None:
        return int(new)
    opened = sa.select(run.c.run_id).where(run.c.as_of == as_of, run.c.state == "open")
    run_id: int = conn.execute(opened).scalar_one()
    audit.note(conn, "taken up", "run", run_id)
    return run_id


def close_run(conn: sa.Connection, run_id: int, state: FinalState) -> None:
    """Closes an open run with its final state; a run that is closed already stays as it is."""
    conn.execute(
        sa.update(run)
        .where(run.c.run_id == run_id, run.c.state == "open")
        .values(state=state, closed_at=sa.func.now())
    )
