"""An answer of the month that came otherwise than by the mailbox, taken in by a person."""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from pipeline.month_answers import format_of
from pipeline.month_intake import LoadedAnswer, load
from pipeline.night import close_run
from pipeline.receive import take_in
from pipeline.runs import at_work
from pipeline.wiring import House
from schemas.errors import Terminal
from schemas.monthly_exchanges import load_month
from schemas.runs import run
from sftp_inbox.receive import Fetched


def load_answer(
    house: House, partner_id: str, coverage_year: int, path: Path, came_at: datetime
) -> LoadedAnswer:
    """Takes an answer in, in a run of its own.

    The same bytes again change nothing. A file that is refused leaves what the answer before it
    left; its bytes and what is wrong with it are remembered. Raises Terminal when its name tells
    another year, when somebody works for the partner, or when a night of that very moment is open.
    """
    month = load_month(house.partner(partner_id).exchange)
    format_of(month)
    told = month.year_of(path.name, came_at)
    if told not in (None, coverage_year):
        raise Terminal(f"{path.name} is of {told} by its name. Give --year {told}, or rename it.")
    _require_closed(house, came_at)
    content = path.read_bytes()
    with at_work(house, came_at, [partner_id]) as opened:  # what it refuses leaves no file behind
        stored = house.landing.store([content])
        fetched = Fetched(
            partner_id=partner_id, name=path.name, sha256=stored.sha256,
            size_bytes=stored.size_bytes, storage_key=stored.storage_key, modified_at=None,
        )  # fmt: skip
        recorded = take_in(house, opened.run, fetched, kind="month_answer")
        loaded = load(house, opened.run, recorded.file_id, coverage_year)
        close_run(house, opened.run)
    return loaded


def _require_closed(house: House, moment: datetime) -> None:
    open_at = sa.select(run.c.run_id).where(run.c.as_of == moment, run.c.state == "open")
    with house.engine.connect() as conn:
        if conn.execute(open_at).scalar() is not None:
            raise Terminal("A night of that very moment is open. Give another --as-of.")
