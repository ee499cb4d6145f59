"""Effectuations: the policies whose binder payment the carrier holds, confirmed to the exchange."""

import pyarrow.compute as pc
import structlog

from enrollment.effectuation import decide_effectuations, mark_effectuated
from pipeline.carrier import CarrierRecords
from pipeline.check import sent_envelopes
from pipeline.journal import journal
from pipeline.outgoing import Letter, write_for
from pipeline.proof import prove_enrollment
from pipeline.runs import Run, writing
from pipeline.wiring import House
from replies.effectuation834 import count_groups, count_sets, write_effectuations
from replies.x12_writer import ControlNumbers

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
        control = ControlNumbers(
            writer.numbers("group", count_groups(offer)),
            writer.numbers("transaction_set", count_sets(offer)),
        )
        (envelope,) = writer.envelopes(1)
        content = write_effectuations(offer, envelope, control)
        prove_enrollment(content)
        number = envelope.interchange_control_number
        subscribers = offer.filter(pc.field("is_subscriber"))
        plans = pc.utf8_slice_codeunits(subscribers["plan_id"], 0, 14).to_pylist()
        ordinals = {plan: place for place, plan in enumerate(dict.fromkeys(plans), 1)}
        sets = list(zip(sorted(ordinals[plan] for plan in plans), control.sets, strict=True))
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
