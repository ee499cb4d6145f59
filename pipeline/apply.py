"""What has passed the gate into the book of enrollments."""

import structlog

from enrollment.application import Night, apply_events, refuse_files
from enrollment.said import take_back
from ledger import gates
from pipeline.cases import case_book
from pipeline.full_files import meet_full_files
from pipeline.gate import judge_next_batch
from pipeline.journal import journal
from pipeline.runs import Run, writing
from pipeline.wiring import House

log = structlog.get_logger()


def apply_to_book(house: House, run: Run, partner_id: str) -> None:
    """Brings into the partner's book what may go in, and what has been waiting for that.

    All of a batch is applied in the exchange's order, whatever the order of arrival. Each
    transaction is applied once, however often this runs. A batch that waited behind one that is
    settled now is judged next, and so on.
    """
    settle_batches(house, run, partner_id)
    while judge_next_batch(house, run, partner_id):
        settle_batches(house, run, partner_id)


def settle_batches(house: House, run: Run, partner_id: str) -> None:
    """Applies what passed or was released, and keeps out for good what was refused.

    What the exchange has rejected of what we said is folded away.
    """
    with writing(house, run, partner_id, "book brought up to date") as conn:
        refuse_files(conn, run.run_id, gates.files_to_refuse(conn, partner_id))
        files = gates.files_to_apply(conn, partner_id)
        night = Night(run.run_id, partner_id, house.exchange(partner_id), run.as_of)
        applied = apply_events(conn, night, files, take_back(conn, night))
        gates.settle(conn, run.run_id, partner_id)
        on_day = house.day_of(partner_id, run.as_of)
        case_book(conn, run, partner_id, on_day, house.exchange(partner_id).time_zone)
        meet_full_files(conn, run, partner_id, on_day, house.settings.tables_folder)
        journal(conn, run, "book brought up to date", partner=partner_id, applied=applied.applied)
    log.info(
        "book brought up to date",
        partner=partner_id,
        applied=applied.applied,
        duplicate=applied.duplicate,
        pending=applied.pending,
    )
