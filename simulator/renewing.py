"""The renewal of all policies for another plan year, and what it makes of some of them.

Sections 7.2.4 and 7.2.9 of CMS guide 7.2, and table 23: a plain renewal and one into another plan
are of coverage that was confirmed and need no new confirmation; one of a policy that never was, of
another subscriber, or of people who come from another issuer does.
"""

from dataclasses import replace
from datetime import date, datetime
from random import Random

from simulator.events import anew, for_all
from simulator.people import Enrollee, Policy
from simulator.transactions import MemberChange, Transaction

_TO_SILVER = 0.15  # share of the effectuated policies
_SUCCEEDED = 0.15  # share of them of which somebody else becomes the subscriber
_SILVER_VARIANTS = ("04", "05", "06")
_ADULT = 19
_SUBSCRIBER = "18"


def bulk_renewal(  # noqa: PLR0913 - a renewal, spelled out
    policy: Policy,
    policy_id: str,
    begin: date,
    submitted: datetime,
    random: Random,
    other_plans: list[str],
) -> Transaction:
    """The policy for another plan year, under an id of its own.

    `other_plans` are the issuer's plans (14 characters) into which it may be moved.
    """
    renewed = anew(policy, policy_id, begin, policy.plan_id)
    if not policy.effectuated:
        return _passive(renewed, "PASSIVE - INITIAL", submitted)
    moves, succeeds = random.random() < _TO_SILVER, random.random() < _SUCCEEDED
    to_silver = moves and bool(other_plans)
    if to_silver:
        plan_id = random.choice(other_plans) + random.choice(_SILVER_VARIANTS)
        renewed = replace(renewed, plan_id=plan_id)
    successor = _successor(renewed, begin) if succeeds else None
    if successor is not None:
        reason = "PASSIVE - NEW SUBSCRIBER (B2S)" if to_silver else "PASSIVE - NEW SUBSCRIBER"
        return _passive(_succeeded(renewed, successor), reason, submitted)
    reason = "PASSIVE - B2S" if to_silver else "PASSIVE"
    return _passive(replace(renewed, effectuated=True), reason, submitted)


def from_another_issuer(policy: Policy, submitted: datetime) -> Transaction:
    """A household whose issuer of this year has nothing for it in the next one."""
    change = MemberChange("021", "EC", "PASSIVE REENROLL - NEW TO ISSUER")
    return for_all("renewal", policy, change, submitted)


def _passive(policy: Policy, reason: str, submitted: datetime) -> Transaction:
    return for_all("renewal", policy, MemberChange("021", "41", reason), submitted)


def _successor(policy: Policy, begin: date) -> Enrollee | None:
    """The first dependent of age, if there is one."""
    adults = (
        enrollee
        for enrollee in policy.covered[1:]
        if (begin - enrollee.person.birth_date).days // 365 >= _ADULT
    )
    return next(adults, None)


def _succeeded(policy: Policy, successor: Enrollee) -> Policy:
    """The policy of all but its subscriber, with another one of them in that place."""
    person = replace(successor.person, relationship=_SUBSCRIBER)
    others = [one for one in policy.covered[1:] if one is not successor]
    changed = replace(policy, enrollees=(replace(successor, person=person), *others))
    return replace(changed, aptc=min(changed.aptc, changed.premium))
