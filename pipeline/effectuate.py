"""Effectuations: the policies whose binder payment the carrier holds, confirmed to the exchange."""

import pyarrow as pa
import structlog

from enrollment.effectuation import decide_effectuations, mark_effectuated
from pipeline.carrier import CarrierRecords
from pipeline.check import sent_envelopes
from pipeline.journal import journal
from pipeline.outgoing import Letter, write_for
from pipeline.proof import prove_enrollment
from pipeline.runs import Run, writing
from pipeline.wiring import House
from replies.issuer834 import count_groups, count_sets, said_sets, write_issuer_transactions
from replies.x12_writer import ControlNumbers
from schemas import tables
from schemas.errors import Terminal
from schemas.partners import Exchange

log = structlog.get_logger()


def effectuate(house: House, run: Run, partner_id: str, records: CarrierRecords) -> int:
    """How many policies are effectuated by the file that was written now.

    Decision, control numbers, file and the book's new state are one transaction: a policy is
    effectuated if and only if its effectuation is on its way.
    """
    with writing(house, run, partner_id, "effectuations settled") as conn:
        offer = decide_effectuations(
            conn, run.run_id, partner_id, records.payments, records.members
        )
        if not len(offer):
            journal(conn, run, "effectuations settled", partner=partner_id, policies=0)
            return 0
        writer = write_for(house, run, partner_id, conn)
        offer = _with_codes(offer, writer.exchange)
        control = ControlNumbers(
            writer.numbers("group", count_groups(offer)),
            writer.numbers("transaction_set", count_sets(offer)),
        )
        (envelope,) = writer.envelopes(1)
        content = write_issuer_transactions(offer, envelope, control)
        prove_enrollment(content)
        number = envelope.interchange_control_number
        groups = said_sets(offer)["group_ordinal"].to_pylist()
        sets = list(zip(groups, control.sets, strict=True))
        file_id = writer.send(
            Letter("effectuation", writer.exchange.function_codes.issuer_enrollment),
            content,
            number,
            sent_envelopes([number], list(control.groups), sets),
        )
        count = mark_effectuated(conn, partner_id, file_id, run.as_of)
        journal(conn, run, "effectuations settled", partner=partner_id, policies=count)
    log.info("effectuations written", partner=partner_id, file_id=file_id, policies=count)
    return count


def _with_codes(offer: pa.Table, exchange: Exchange) -> pa.Table:
    """The rows with the codes by which the exchange knows an effectuation (table 29)."""
    for codes in exchange.combinations:
        if (codes.direction, codes.transaction) == ("issuer_to_exchange", "effectuation"):
            break
    else:
        raise Terminal(f"Exchange {exchange.id} names no codes for an effectuation to it.")
    filled = {
        "maintenance_type": codes.maintenance_type,
        "maintenance_reason": codes.maintenance_reason,
        "additional_maintenance_reason": codes.additional[0] or None,
    }
    for name, code in filled.items():
        place = offer.schema.get_field_index(name)
        column = pa.repeat(pa.scalar(code, tables.TEXT), offer.num_rows)
        offer = offer.set_column(place, name, column)
    return offer
