"""What the exchange has told since: a cancellation that it overtook, a plan that never held."""

import csv
from dataclasses import replace
from datetime import date
from random import Random

from simulator import events
from simulator.carrier import CarrierCore
from simulator.faults import NightFaults
from simulator.nights import EVENING, PartnerNight
from tests.simulator.hand_written import TEXAS, book_row, with_text


def said_at(body, clock):
    """The set with another REQUEST SUBMIT TIMESTAMP."""
    return with_text(body, "2026120119000000", clock)


def test_a_cancellation_that_was_said_before_a_change_of_the_exchange_is_rejected(world):
    """In the morning, between the drops: the child of the afternoon would join a cancelled policy.

    What the carrier could not know is no fault of its own, and in the evening it says it again.
    """
    policy = world.policy()
    box, partner = world.box, world.box.scenario.partners[TEXAS]
    night = PartnerNight(box.state, box.scenario, partner, 2, NightFaults(0.0, Random(1)))
    with box.state.transaction():
        added = night.entry(events.addition(policy, night.occasion()))
        night.file("I834", EVENING, [added], evening=True)
    body = world.ending(policy, "CANCEL", "59", policy.begin)

    assert world.say(policy, said_at(body, "2026120207000000"), night=2) == ""
    assert box.read_answers(2, evening=False).forced == (
        (policy.policy_id, "the exchange has changed the policy since"),
    )
    assert world.now(policy).state == "active"

    box.mailboxes.place_planned(box.state, 2)
    world.carrier.acknowledge(2)
    box.read_answers(2)
    assert world.say(policy, said_at(body, "2026120219000000"), night=2) == ""
    assert world.now(policy).state == "cancelled"
    assert len(box.read_answers(2).forced) == 1


def test_a_policy_that_ends_before_its_variant_changes_has_the_plan_of_its_last_day(
    world, tmp_path
):
    """At the exchange and in the carrier's records, whatever was told for later."""
    policy = world.policy()
    box, partner = world.box, world.box.scenario.partners[TEXAS]
    night = PartnerNight(box.state, box.scenario, partner, 2, NightFaults(0.0, Random(1)))
    with box.state.transaction():
        in_june = replace(night.occasion(), effective=date(2027, 6, 1))
        changed = night.entry(events.variant_change(policy, in_june))
        night.file("I834", EVENING, [changed])
    box.mailboxes.place_planned(box.state, 2)
    world.carrier.acknowledge(2)
    box.read_answers(2)
    columns = partner.carrier_records.members

    def plans():
        """By the exchange's book, and by the carrier's extract."""
        CarrierCore(box, 7).write_extract(tmp_path, TEXAS, 2)
        with (tmp_path / "members.csv").open(newline="") as file:
            held = {row[columns["exchange_policy_id"]]: row for row in csv.DictReader(file)}
        carriers = held[policy.policy_id][columns["plan_id"]]
        return book_row(world, policy)["plan_id"], carriers

    later = changed.transaction.policy
    assert plans() == (later.plan_id, later.plan_id)
    end = world.ending(policy, "TERM", "59", date(2027, 5, 31))
    assert world.say(later, end, night=2) == ""
    assert plans() == (policy.plan_id, policy.plan_id)
