"""Checked files into the book of enrollments."""

import structlog

from enrollment.application import Application, apply_events
from enrollment.staging import FileTables, stage_file
from ledger.files import unstaged_files
from pipeline.checked_tables import read_table
from pipeline.runs import Run
from pipeline.wiring import House

log = structlog.get_logger()


def apply_to_book(house: House, run: Run, partner_id: str) -> Application:
    """What became of the partner's accepted and waiting transactions.

    Stages every checked file, then applies all of them in the exchange's order, whatever the order
    of arrival. Each file is staged once and each transaction applied once, however often this runs.
    """
    exchange = house.exchange(partner_id)
    with house.engine.connect() as conn:
        checked = unstaged_files(conn, partner_id)
    for row in checked:
        folder = house.settings.tables_folder / str(row.file_id)
        names = ("members", "coverages", "reporting_categories")
        parsed = FileTables(*(read_table(folder, name) for name in names))
        with house.engine.begin() as conn:
            stage_file(conn, row.file_id, exchange, parsed, run.run_id)
    with house.engine.begin() as conn:
        applied = apply_events(conn, run.run_id, partner_id, run.as_of)
    log.info(
        "book brought up to date",
        partner=partner_id,
        applied=applied.applied,
        duplicate=applied.duplicate,
        pending=applied.pending,
    )
    return applied
