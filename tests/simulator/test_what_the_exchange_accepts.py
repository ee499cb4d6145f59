"""Hand-written cancellations, terminations, maintenance and reinstatements, judged."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from xml.etree import ElementTree as ET

import pytest

from simulator import events, judging
from simulator.faults import NightFaults
from simulator.judging import by_status
from simulator.nights import EVENING, PartnerNight
from simulator.standing import IssuerSet, standing, with_issuer
from tests.simulator.hand_written import TEXAS, book_row, with_text, without


@pytest.mark.parametrize("days_before", [0, 1])
def test_a_cancellation_ends_a_policy_without_coverage(world, days_before):
    """357 is the first day or the day before it (section 7.2.5); the book says who ended it."""
    policy = world.policy(least=2)
    end = policy.begin - timedelta(days=days_before)
    assert world.say(policy, world.ending(policy, "CANCEL", "59", end)) == ""
    row = book_row(world, policy)
    assert (row["status"], row["benefit_end"]) == ("cancelled", policy.begin)
    assert row["ended_by"] == "issuer"


def test_a_termination_ends_the_coverage_of_all(world):
    """Each member's coverage ends on 357 (section 7.2.6)."""
    policy = world.effectuated(least=2)
    end = date(policy.begin.year, 3, 31)
    assert world.say(policy, world.ending(policy, "TERM", "59", end)) == ""
    rows = [r for r in world.box.book().to_pylist() if r["exchange_policy_id"] == policy.policy_id]
    assert {(r["status"], r["benefit_end"], r["effectuated"]) for r in rows} == {
        ("terminated", end, True)
    }


def test_a_termination_is_said_again_only_with_an_earlier_end(world):
    """CMS guide 7.2, table 16."""
    policy = world.effectuated()
    for month, reason in ((6, ""), (6, "not earlier"), (7, "not earlier"), (5, "")):
        said = world.say(policy, world.ending(policy, "TERM-OTH", "", date(2027, month, 1)))
        assert (reason in said) is True
        assert bool(said) == bool(reason)


@pytest.mark.parametrize(
    ("status", "accepts"),
    [
        ("initial", "effectuation cancellation termination"),
        ("effectuated", "cancellation termination maintenance"),
        ("terminated initial", "effectuation cancellation termination reinstatement"),
        ("terminated effectuated", "cancellation termination maintenance reinstatement"),
        ("cancelled", "reinstatement"),
    ],
)
def test_each_status_accepts_what_table_16_says(world, status, accepts):
    """All 25 fields of the table, but for the end of a second termination."""
    policy = replace(world.policy(), effectuated=status.endswith("effectuated"))
    if status.startswith("terminated"):
        policy = policy.ended("terminated", date(2027, 6, 30))
    elif status == "cancelled":
        policy = policy.ended("cancelled", policy.begin)
    accepted = {kind for kind in judging._RULES if not list(by_status(kind, policy))}
    assert accepted == set(accepts.split())


def test_a_reinstatement_restores_all_coverage(world):
    """After an end by the issuer: the members, dates and the confirmation are back."""
    policy = world.effectuated(least=2)
    world.say(policy, world.ending(policy, "CANCEL-OTH", "", policy.begin))
    assert world.say(policy, world.reinstatement(policy)) == ""
    assert world.now(policy) == policy
    assert book_row(world, policy)["status"] == "effectuated"


def test_an_end_by_the_exchange_is_not_reinstated_but_for_dental_policies(world):
    """Section 7.2.7, with its exception for what a dental enrollee ended."""
    for line, answer in (("HLT", "the exchange ended the policy"), ("DEN", "")):
        policy = world.policy(line=line)
        partner = world.box.scenario.partners[TEXAS]
        occasion = events.Occasion(
            world.box.state.load_transactions([1]).__next__().submitted.replace(year=2027),
            policy.begin,
            7,
            partner,
            FirstChoice(),
        )
        end = events.cancellation(policy, occasion)
        known = standing(world.box.state, TEXAS, policy.policy_id, date(2026, 12, 1))
        known = replace(known, policy=end.policy, delivered=end.policy)
        against = list(judging.confirming._may_be_reinstated(known))
        assert [objection.text for objection in against] == ([answer] if answer else [])


def test_an_end_of_the_exchange_beneath_that_of_the_issuer_is_not_reinstated(world):
    """Section 7.2.7: the member had left before the issuer ended the policy for an earlier day."""
    policy = world.effectuated()
    end = policy.begin.replace(month=6)
    left = replace(policy.ended("terminated", end), ended_by="exchange", end_reason="TERM")
    said = [
        IssuerSet(policy.policy_id, "termination", "TERM", end.replace(month=4), end, 1),
        IssuerSet(policy.policy_id, "maintenance", "ISSUER MAINT", None, end, 1),
    ]
    known = standing(world.box.state, TEXAS, policy.policy_id, end)
    known = replace(known, policy=with_issuer(left, 1, said), later_policies=False)

    assert known.policy.ended_by == "issuer"
    against = list(judging.confirming._may_be_reinstated(known))
    assert [objection.text for objection in against] == ["the exchange ended the policy"]


class FirstChoice:
    """A random stream that always takes the first."""

    @staticmethod
    def choice(values):
        return values[0]


def test_a_reinstatement_needs_the_same_keys(world):
    """Tenant, policy, subscriber, first day and plan (section 7.2.7)."""
    policy = world.policy()
    world.say(policy, world.ending(policy, "CANCEL-OTH", "", policy.begin))
    for old, new, reason in (
        ("DTP*356*D8*20270101", "DTP*356*D8*20270201", "eligibility begin"),
        ("DTP*348*D8*20270101", "DTP*348*D8*20270201", "benefit begin"),
        (f"REF*CE*{policy.plan_id}", f"REF*CE*{policy.plan_id[:-2]}00", "REF*CE"),
        ("REF*0F*2", "REF*0F*3", "REF*0F"),
    ):
        body = with_text(world.reinstatement(policy), old, new)
        assert reason in world.say(policy, body)


def test_issuer_ids_change_in_pairs(world):
    """23 with ABB: the new id is known afterwards, and the old one is no longer right."""
    policy = world.effectuated(least=2)
    assert world.say(policy, world.maintenance(policy)) == ""
    assert world.now(policy).subscriber.issuer_member_id == "M-NEW"
    assert book_row(world, policy)["issuer_member_id"] == "M-NEW"
    assert "former id is not the one" in world.say(policy, world.maintenance(policy, "M-3"))


def test_a_new_id_without_the_former_one_is_rejected(world):
    """CMS guide 7.2, table 22."""
    policy = world.effectuated(least=2)
    body = without(world.maintenance(policy), "REF*ABB")
    assert "former id is missing" in world.say(policy, body)


def test_a_maintenance_needs_an_effectuated_policy_and_all_members(world):
    """Table 16, and table 22 for the members."""
    policy = world.policy(least=2)
    assert "not effectuated" in world.say(policy, world.maintenance(policy))
    policy = world.effectuated(least=2)
    alone = replace(policy, enrollees=policy.enrollees[:1])
    assert "members are not those" in world.say(policy, world.maintenance(alone))


def test_what_follows_files_in_the_wrong_order_is_no_fault_of_the_carrier(world):
    """A correction comes later than the child who was added after it: who answers knows half."""
    policy = world.effectuated(least=2)
    box, partner = world.box, world.box.scenario.partners[TEXAS]
    night = PartnerNight(box.state, box.scenario, partner, 2, NightFaults(0.0, Random(1)))
    with box.state.transaction():
        corrected = night.entry(events.correction(policy, night.occasion()))
        night.file("I834", EVENING, [corrected], held=3)
        added = night.entry(events.addition(corrected.transaction.policy, night.occasion()))
        night.file("I834", EVENING, [added])
    box.mailboxes.place_planned(box.state, 2)
    world.carrier.acknowledge(2)
    box.read_answers(2)
    assert standing(box.state, TEXAS, policy.policy_id, date(2026, 12, 2)).delivered == policy

    child = added.transaction.policy.enrollees[-1]
    known = replace(policy, enrollees=(*policy.enrollees, child))
    assert world.say(known, world.maintenance(known), night=2) == ""
    ((named, reasons),) = box.read_answers(2).forced
    assert (named, "members are not those" in reasons) == (policy.policy_id, True)


def test_a_member_who_was_added_before_the_confirmation_is_confirmed_with_it(world):
    """With BGN02 and QTY of the change that brought her; without her it is no confirmation."""
    policy = world.policy(least=2)
    box, partner = world.box, world.box.scenario.partners[TEXAS]
    night = PartnerNight(box.state, box.scenario, partner, 2, NightFaults(0.0, Random(1)))
    (possible,) = (possible for possible, make in events.CHANGES if make is events.addition)
    assert possible(policy)
    with box.state.transaction():
        added = night.entry(events.addition(policy, night.occasion()))
        night.file("I834", EVENING, [added])
    box.mailboxes.place_planned(box.state, 2)
    world.carrier.acknowledge(2)
    box.read_answers(2)
    whole = added.transaction.policy

    assert "the members are not" in world.say(policy, world.confirmation(policy), night=2)
    assert world.say(policy, world.confirmation(whole), night=2) == ""
    assert world.now(policy).status == "effectuated"


def test_a_confirmation_may_answer_any_copy_of_what_was_sent(world):
    """A transaction that came again under another BGN02 is the same one; the one before is not."""
    policy = world.policy()
    box, partner = world.box, world.box.scenario.partners[TEXAS]
    night = PartnerNight(box.state, box.scenario, partner, 2, NightFaults(0.0, Random(1)))
    with box.state.transaction():
        changed = night.entry(events.financial_change(policy, night.occasion()))
        night.file("I834", EVENING, [changed])
        night.file("I834RT", EVENING, [changed])
    box.mailboxes.place_planned(box.state, 2)
    world.carrier.acknowledge(2)
    box.read_answers(2)
    stands = standing(box.state, TEXAS, policy.policy_id, date(2026, 12, 2))
    body = world.confirmation(changed.transaction.policy)
    (former,) = stands.references - stands.copies
    first, last = sorted(stands.copies)

    assert stands.reference == last
    assert "BGN02" in world.say(policy, with_text(body, f"*{last}*", f"*{former}*"), night=2)
    assert world.say(policy, with_text(body, f"*{last}*", f"*{first}*"), night=2) == ""


WRONG_ENDS = [
    (("CANCEL", "59", "20270102"), "357", "B107"),
    (("TERM", "59", "20270101"), "one day", "E148 E158 E160 E161"),
    (("TERM", "59", "20280101"), "after the plan year", "B107"),
    (("TERM", "59", "20271231"), "on this day", "B108"),
    (("TERM-OTH", "", "20271231"), "on this day", "B108"),
    (("TERM-ANTIDUPLICATION", "", "20271130"), "on this day", "B108"),
    (("CANCEL", "14", "20270101"), "no combination", "B103"),
]


@pytest.mark.parametrize(("end", "reason", "codes"), WRONG_ENDS)
def test_a_wrong_end_is_rejected_by_a_business_acknowledgement(world, end, reason, codes):
    """The file names numbers, ids and codes; the policy is as it was."""
    policy = world.policy()
    amrc, code, day = end
    told = date(int(day[:4]), int(day[4:6]), int(day[6:]))
    assert reason in world.say(policy, world.ending(policy, amrc, code, told))
    (path,) = world.box.mailboxes.outbox(TEXAS).glob("*.BAA.*")
    root = ET.fromstring(path.read_bytes())
    partner = world.box.scenario.partners[TEXAS]
    assert root.findtext("TradingPartnerId") == partner.trading_partner_id
    (transaction,) = root.findall("Transaction")
    assert transaction.findtext("ExchangeAssignedPolicyId") == policy.policy_id
    number = transaction.findtext("InterchangeControlNumber")
    assert number == str(int(number))  # as a number, which has no leading zeros
    assert [e.findtext("Code") for e in transaction.findall("Error")] == codes.split()
    assert world.now(policy) == policy


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda s: [*s[:-9], "HD*024**HLT", "DTP*349*D8*20270101", *s[-9:]], "loop 2300"),
        (lambda s: without(s, "REF*1L"), "not known"),
        (lambda s: without(s, "DTP*357"), "357"),
        (lambda s: with_text(s, "***TE", "***AC"), "INS08"),
        (lambda s: with_text(s, "BGN*00*", "BGN*00*9"), "BGN02"),
        (lambda s: with_text(s, "DMG*D8*19", "DMG*D8*18"), "demographics"),
    ],
)
def test_a_cancellation_has_the_form_of_table_19(world, alter, reason):
    """Each field rule on its own."""
    policy = world.policy()
    body = alter(world.ending(policy, "CANCEL", "59", policy.begin))
    assert reason in world.say(policy, body)
    assert world.now(policy) == policy


@pytest.mark.parametrize("reason", ["CANCEL-ANTIDUPLICATION", "CANCEL-OUT-OF-AREA"])
def test_some_reasons_are_for_initial_policies_only(world, reason):
    """CMS guide 7.2, table 8."""
    policy = world.effectuated()
    said = world.say(policy, world.ending(policy, reason, "", policy.begin))
    assert "initial policies only" in said


def test_an_end_of_the_year_may_be_sent_in_its_window(world):
    """TERM-ANTIDUPLICATION from 15 September, TERM-OTH in December, TERM in the next year."""
    year_end = date(2027, 12, 31)
    for reason, code, aptc, allowed, refused in (
        ("TERM-ANTIDUPLICATION", "", None, date(2027, 9, 15), date(2027, 9, 14)),
        ("TERM-OTH", "", None, date(2027, 12, 1), date(2027, 11, 30)),
        ("TERM", "59", False, date(2028, 1, 1), date(2027, 12, 31)),
        ("TERM", "59", True, date(2028, 3, 1), date(2028, 2, 29)),
        ("TERM-HICS", "26", None, date(2027, 2, 1), None),
    ):
        policy = world.policy(aptc=aptc)
        known = standing(world.box.state, TEXAS, policy.policy_id, allowed)
        year = judging.ending._year_end
        assert not list(year(reason, year_end, known.policy, allowed)), code
        assert refused is None or list(year(reason, year_end, known.policy, refused))


def test_what_is_accepted_gets_no_business_acknowledgement(world):
    """Silence is acceptance (CMS guide 7.2, section 5.2)."""
    policy = world.policy()
    world.say(policy, world.ending(policy, "CANCEL-FLC", "14", policy.begin))
    assert not list(world.box.mailboxes.outbox(TEXAS).glob("*.BAA.*"))


def test_an_ended_policy_that_was_confirmed_is_not_confirmed_again(world):
    """It is terminated from effectuated; a cancellation of it is accepted (table 16)."""
    policy = world.effectuated()
    world.say(policy, world.ending(policy, "TERM-HICS", "26", date(2027, 5, 31)))
    sent = world.carrier.sets_of(1, policy.policy_id)[-1][1]
    again = world.carrier.confirmation(sent)[1:-1]
    assert "effectuated already" in world.say(policy, again)
    assert world.say(policy, world.ending(policy, "CANCEL-HICS", "26", policy.begin)) == ""
    assert book_row(world, policy)["status"] == "cancelled"
