"""What the renewal for another plan year makes of a policy, and who must be confirmed again."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from random import Random

import pytest

from schemas.partners import load_exchange, partners_of
from simulator.population import household, newcomer, policies
from simulator.renewing import bulk_renewal, from_another_issuer
from simulator.transactions import SetNumbers, render_set

TEXAS = "cedar-valley-tx"
BEGIN, SUBMITTED = date(2027, 1, 1), datetime(2026, 12, 15, 9)
OTHER_PLANS = ["91001TX0020001"]


@pytest.fixture(scope="module")
def effectuated(partners_of_the_exchange):
    """Effectuated policies of this year."""
    partner = partners_of_the_exchange[TEXAS]
    homes = (household(7, partner, index) for index in range(900))
    made = [p for home in homes for p in policies(7, partner, home, date(2026, 6, 1))]
    return [replace(policy, effectuated=True) for policy in made]


@pytest.fixture(scope="module")
def partners_of_the_exchange():
    """Both trading partners."""
    return partners_of("ffe")


@pytest.fixture(scope="module")
def renewed(effectuated):
    """Pairs of the policy before and its renewal, by ADDL MAINT REASON."""
    random, found = Random(1), defaultdict(list)
    for number, policy in enumerate(effectuated):
        renewal = bulk_renewal(policy, f"3{number:09d}", BEGIN, SUBMITTED, random, OTHER_PLANS)
        ((code, reason),) = {(c.maintenance_reason, c.additional) for c in renewal.members.values()}
        assert code == "41"
        found[reason].append((policy, renewal.policy))
    return found


def test_effectuated_policies_are_renewed_in_four_ways(renewed):
    """Plainly most often; into another plan, with another subscriber, or both."""
    plain, silver = "PASSIVE", "PASSIVE - B2S"
    succeeded, both = "PASSIVE - NEW SUBSCRIBER", "PASSIVE - NEW SUBSCRIBER (B2S)"

    assert set(renewed) == {plain, silver, succeeded, both}
    assert len(renewed[plain]) > sum(len(renewed[one]) for one in (silver, succeeded, both))
    for reason, pairs in renewed.items():
        for before, after in pairs:
            assert (before.plan_id == after.plan_id) == (reason in {plain, succeeded})
            same_subscriber = before.subscriber.person == after.subscriber.person
            assert same_subscriber == (reason in {plain, silver})


def test_who_must_be_confirmed_is_who_the_companion_guide_names(renewed):
    """Section 7.2.4: a new subscriber is confirmed, a plain renewal and one into silver are not."""
    waived = load_exchange("ffe").effectuation.not_required_for
    for reason, pairs in renewed.items():
        assert {after.effectuated for _, after in pairs} == {reason in waived}


def test_a_new_subscriber_was_a_dependent_of_age(renewed):
    """The former one is gone; all others stay, and owe no less than nothing."""
    for before, after in renewed["PASSIVE - NEW SUBSCRIBER"]:
        subscriber = after.subscriber.person
        assert subscriber.relationship == "18"
        assert (BEGIN - subscriber.birth_date).days >= 19 * 365
        stayed = {one.person.member_id for one in before.covered[1:]}
        assert {one.person.member_id for one in after.covered} == stayed
        assert after.responsible >= 0


def test_a_child_who_joins_after_that_has_an_id_of_its_own(renewed, partners_of_the_exchange):
    """The former subscriber's and everybody else's ids stay theirs."""
    for before, after in renewed["PASSIVE - NEW SUBSCRIBER"]:
        home = tuple(one.person for one in after.enrollees)
        child = newcomer(7, partners_of_the_exchange[TEXAS], home)
        assert child.member_id not in {one.person.member_id for one in before.enrollees}


def test_a_policy_that_was_never_confirmed_is_initial_again(effectuated):
    """PASSIVE - INITIAL, whatever else."""
    before = replace(effectuated[0], effectuated=False)
    renewal = bulk_renewal(before, "3000000000", BEGIN, SUBMITTED, Random(1), OTHER_PLANS)

    assert {one.additional for one in renewal.members.values()} == {"PASSIVE - INITIAL"}
    assert not renewal.policy.effectuated


def test_people_from_another_issuer_are_enrolled_by_selection(
    effectuated, partners_of_the_exchange
):
    """INS04 is EC, and nothing was confirmed here yet (table 23)."""
    policy = replace(effectuated[0], effectuated=False)
    numbers = SetNumbers("000000001", "0000001", SUBMITTED)
    segments = render_set(
        from_another_issuer(policy, SUBMITTED), partners_of_the_exchange[TEXAS], numbers
    )

    assert any(segment.startswith("INS*Y*18*021*EC*") for segment in segments)
    assert "REF*17*PASSIVE REENROLL - NEW TO ISSUER" in segments
