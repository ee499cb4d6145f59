"""A run: one nightly cycle with one clock."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

import ledger.runs
from pipeline.wiring import House
from schemas.database import run


@dataclass(frozen=True)
class Run:
    """The run that the use cases work for. `as_of` is its clock: nothing asks for another time."""

    run_id: int
    as_of: datetime


def open_run(house: House, as_of: datetime) -> Run:
    """The run of that moment: a new one, or the one that was interrupted."""
    with house.engine.begin() as conn:
        return Run(ledger.runs.open_run(conn, as_of), as_of)


def is_open(house: House, run_id: int) -> bool:
    """Whether the run has not been closed."""
    with house.engine.connect() as conn:
        return conn.scalar(sa.select(run.c.state).where(run.c.run_id == run_id)) == "open"
