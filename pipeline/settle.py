"""What follows from book and carrier's records: decided, held or written, proved, and said.

Decisions, control numbers, file and the book's new state are one transaction: we have said
something if and only if it is on its way.
"""

from typing import Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa
import structlog

from enrollment.application import Night
from enrollment.decisions import decide
from enrollment.holds import hold_endings
from enrollment.offering import offer
from enrollment.said import say
from ledger.sent import sent_file_id
from pipeline.carrier import CarrierRecords
from pipeline.check import sent_envelopes
from pipeline.issuer_proof import prove_issuer_transactions
from pipeline.journal import journal
from pipeline.outgoing import Letter, write_for
from pipeline.runs import Run, writing
from pipeline.wiring import House
from replies.issuer834 import count_groups, count_sets, said_sets, write_issuer_transactions
from replies.x12_writer import ControlNumbers

log = structlog.get_logger()

_KIND: Literal["enrollment"] = "enrollment"
_STALE = "The carrier's records are stale: what they lack may have come meanwhile."


def settle_decisions(house: House, run: Run, partner_id: str, records: CarrierRecords) -> int:
    """How many transaction sets are in the file that was written now.

    A run sends one such file to a partner; what is paid or released after that waits for the next
    run.
    """
    with writing(house, run, partner_id, "decisions settled") as conn:
        sets = 0
        if sent_file_id(conn, _KIND, run.run_id, partner_id) is None:
            _decide(house, run, partner_id, conn, records)
            rows = offer(conn, partner_id, run.run_id)
            sets = _send(house, run, partner_id, conn, rows) if rows.num_rows else 0
        journal(conn, run, "decisions settled", partner=partner_id, policies=sets)
    log.info("decisions settled", partner=partner_id, sets=sets)
    return sets


def _decide(
    house: House, run: Run, partner_id: str, conn: sa.Connection, records: CarrierRecords
) -> None:
    """Decides as of the run's day at the exchange, and holds what persons must see first."""
    partner, exchange = house.partner(partner_id), house.exchange(partner_id)
    on_day = run.as_of.astimezone(ZoneInfo(exchange.time_zone)).date()
    decide(conn, run.run_id, partner, exchange, on_day, records)
    doubts = [_STALE] if records.is_stale else []
    hold_id = hold_endings(conn, run.run_id, partner_id, on_day, partner.holding, doubts)
    if hold_id is not None:
        log.warning("endings held", partner=partner_id, hold=hold_id)


def _send(house: House, run: Run, partner_id: str, conn: sa.Connection, rows: pa.Table) -> int:
    """Writes the rows (tables.ISSUER_TRANSACTIONS), proves them, and says them."""
    writer = write_for(house, run, partner_id, conn)
    control = ControlNumbers(
        writer.numbers("group", count_groups(rows)),
        writer.numbers("transaction_set", count_sets(rows)),
    )
    (envelope,) = writer.envelopes(1)
    content = write_issuer_transactions(rows, envelope, control)
    proof = prove_issuer_transactions(content, rows, envelope, control)
    number = envelope.interchange_control_number
    groups = said_sets(rows)["group_ordinal"].to_pylist()
    file_id = writer.send(
        Letter(_KIND, writer.exchange.function_codes.issuer_enrollment),
        content,
        number,
        sent_envelopes(
            [number], list(control.groups), list(zip(groups, control.sets, strict=True))
        ),
    )
    night = Night(run.run_id, partner_id, writer.exchange, run.as_of)
    return say(conn, night, file_id, proof.tables)
