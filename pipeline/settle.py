"""What follows from book and carrier's records: decided, held or written, proved, and said.

Decisions, control numbers, file and the book's new state are one transaction: we have said
something if and only if it is on its way.
"""

from typing import Literal

import pyarrow as pa
import sqlalchemy as sa
import structlog

from enrollment.application import Night
from enrollment.decisions import decide
from enrollment.holds import hold_endings
from enrollment.obstacles import note_obstacles
from enrollment.offering import offer
from enrollment.said import say
from ledger.files import kept_from_the_book
from ledger.sent import sent_file_id
from pipeline.carrier import CarrierRecords
from pipeline.check import sent_envelopes
from pipeline.issuer_drafts import Draft, draft_of
from pipeline.journal import journal
from pipeline.outgoing import Letter, Writer, write_for
from pipeline.runs import Run, writing
from pipeline.wiring import House
from replies.issuer834 import said_sets

log = structlog.get_logger()

_KIND: Literal["enrollment"] = "enrollment"
_STALE = "The carrier's records are stale: what they lack may have come meanwhile."
_KEPT_OUT = "Files of the exchange that are not in the book: {:,}. They may tell what is owed."


def settle_decisions(house: House, run: Run, partner_id: str, records: CarrierRecords) -> int:
    """How many transaction sets are in the file that was written now.

    A run sends one such file to a partner; what is paid or released after that waits for the next
    run.
    """
    with writing(house, run, partner_id, "decisions settled") as conn:
        sets, told = 0, {}
        if sent_file_id(conn, _KIND, run.run_id, partner_id) is None:
            let_go = _decide(house, run, partner_id, conn, records)
            told = {"let_go": list(let_go)} if let_go else {}
            rows = offer(conn, partner_id, house.exchange(partner_id), run.run_id)
            sets = _send(house, run, partner_id, conn, rows)
        journal(conn, run, "decisions settled", partner=partner_id, policies=sets, **told)
    log.info("decisions settled", partner=partner_id, sets=sets)
    return sets


def _decide(
    house: House, run: Run, partner_id: str, conn: sa.Connection, records: CarrierRecords
) -> tuple[str, ...]:
    """Decides as of the run's day at the exchange, and holds what persons must see first.

    Returns the policies of which persons let something go: a replay asks the trail for them.
    """
    partner, exchange = house.partner(partner_id), house.exchange(partner_id)
    on_day = exchange.day_of(run.as_of)
    decided = decide(conn, run.run_id, partner, exchange, on_day, records)
    doubts = [_STALE] if records.is_stale else []
    if kept_out := kept_from_the_book(conn, partner_id):
        doubts.append(_KEPT_OUT.format(kept_out))
    hold_id = hold_endings(conn, run.run_id, partner_id, on_day, partner.holding, doubts)
    if hold_id is not None:
        log.warning("endings held", partner=partner_id, hold=hold_id)
    return decided.let_go


def _send(house: House, run: Run, partner_id: str, conn: sa.Connection, rows: pa.Table) -> int:
    """Writes what can be sent of the rows (tables.ISSUER_TRANSACTIONS), and says it.

    What cannot be sent stays, each decision with the reason (`book.decision.obstacle`).
    """
    writer = write_for(house, run, partner_id, conn)
    draft, hindered = draft_of(writer, rows)
    sets = _say(writer, draft) if draft is not None else 0
    held_back = note_obstacles(conn, partner_id, hindered)
    if held_back:
        log.warning("decisions cannot be sent", partner=partner_id, policies=held_back)
    return sets


def _say(writer: Writer, draft: Draft) -> int:
    number = draft.envelope.interchange_control_number
    groups = said_sets(draft.rows)["group_ordinal"].to_pylist()
    sets = list(zip(groups, draft.control.sets, strict=True))
    file_id = writer.send(
        Letter(_KIND, writer.exchange.function_codes.issuer_enrollment),
        draft.content,
        number,
        sent_envelopes([number], list(draft.control.groups), sets),
    )
    night = Night(writer.run.run_id, writer.partner.id, writer.exchange, writer.run.as_of)
    return say(writer.conn, night, file_id, draft.proof.tables)
