"""What has passed the gate into the book of enrollments."""

import sqlalchemy as sa
import structlog

from enrollment.application import Night, apply_events, refuse_files
from enrollment.said import take_back
from ledger import corrections, gates
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
    with house.engine.connect() as conn:
        is_due = corrections.may_be_applied(conn, partner_id)
    if is_due:  # it has stood back for what is in the book by now
        settle_batches(house, run, partner_id)


def settle_batches(house: House, run: Run, partner_id: str) -> None:
    """Applies what passed or was released, and keeps out for good what was refused.

    What the exchange has rejected of what we said is folded away. Corrections stand back for what
    the exchange says of their policies, and give way to what has mended it.
    """
    with writing(house, run, partner_id, "book brought up to date") as conn:
        refuse_files(conn, run.run_id, gates.files_to_refuse(conn, partner_id))
        _give_way(conn, run, partner_id)
        behind = corrections.standing_back(conn, partner_id)
        files = [one for one in gates.files_to_apply(conn, partner_id) if one not in behind]
        night = Night(run.run_id, partner_id, house.exchange(partner_id), run.as_of)
        applied = apply_events(conn, night, files, take_back(conn, night))
        gates.settle(conn, run.run_id, partner_id, behind)
        on_day = house.day_of(partner_id, run.as_of)
        case_book(conn, run, partner_id, on_day, house.exchange(partner_id).time_zone)
        _give_way(conn, run, partner_id)
        meet_full_files(conn, run, partner_id, on_day, house.settings.tables_folder)
        journal(conn, run, "book brought up to date", partner=partner_id, applied=applied.applied)
    log.info(
        "book brought up to date",
        partner=partner_id,
        applied=applied.applied,
        duplicate=applied.duplicate,
        pending=applied.pending,
    )


def _give_way(conn: sa.Connection, run: Run, partner_id: str) -> None:
    """Keeps out what persons have corrected and others have mended before it was applied."""
    overtaken = corrections.giving_way(conn, partner_id, run.run_id, run.as_of)
    refuse_files(conn, run.run_id, overtaken, "correction-overtaken")
