"""How the exchange cuts a policy into the segments of its month, where the policy has changed."""

from dataclasses import replace
from datetime import date

from simulator import events
from simulator.carrier import _another_id
from simulator.exchange import Amounts, Known
from simulator.month_book import _segments
from tests.simulator.test_enrollment_files import family_policy, occasion

JANUARY, FEBRUARY = date(2027, 1, 1), date(2027, 2, 1)
MONTH_END = date(2027, 1, 30)


def known(*told):
    """A policy as the carrier knows it after what was told from those days on."""
    amounts = tuple(Amounts(since, one.premium, one.aptc, one) for since, one in told)
    return Known(told[-1][1], JANUARY, JANUARY, amounts)


def segments(one):
    return [segment.values for segment in _segments(one, 2027, MONTH_END)]


def test_the_premium_of_a_segment_is_what_was_told_for_it(partners):
    """A member is taken off as never covered, but the new total holds from February only."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    left = events.removal(policy, occasion(partner)).policy
    found = segments(known((JANUARY, policy), (FEBRUARY, left)))
    totals = {row["begin"]: row["premium"] for row in found if row["subscriber"] == "Y"}
    assert totals == {
        "20270101": f"{policy.premium / 100:.2f}",
        "20270201": f"{left.premium / 100:.2f}",
    }
    gone = left.enrollees[-1].person.member_id
    assert gone not in {row["exchange_member_id"] for row in found}


def test_who_comes_later_is_known_where_all_will_live_then(partners):
    """The household moves on the day on which the new member begins."""
    partner = partners["cedar-valley-tx"]
    policy = family_policy(partner)
    later = replace(occasion(partner), effective=FEBRUARY)
    added = events.addition(policy, later).policy
    moved = events.move(added, later).policy
    found = segments(known((JANUARY, policy), (FEBRUARY, added), (FEBRUARY, moved)))
    newest = added.enrollees[-1].person.member_id
    zips = {row["exchange_member_id"]: row["zip"] for row in found}
    assert zips.pop(newest) == moved.application.address.postal_code
    assert set(zips.values()) == {policy.application.address.postal_code}
    assert policy.application.address != moved.application.address


def test_who_has_left_a_policy_keeps_the_id_that_the_exchange_knows(partners):
    """A carrier that names its members anew could tell nobody of a former one."""
    policy = family_policy(partners["cedar-valley-tx"])
    member = replace(policy.enrollees[-1], issuer_member_id="M1")
    gone = replace(member, removed=True, end=member.begin)
    assert _another_id(member) == {"issuer_member_id": f"N{member.person.member_id}"}
    assert _another_id(gone) == {"issuer_member_id": "M1"}
    assert _another_id(replace(gone, issuer_member_id=None)) == {}
