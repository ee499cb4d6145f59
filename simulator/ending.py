"""The exchange's rules for cancellations and terminations (CMS guide 7.2, tables 19 and 20)."""

from collections.abc import Iterator
from datetime import date, timedelta

from schemas.partners import Partner
from simulator import echoes
from simulator.objections import (
    END_DATE,
    MISSING,
    ONE_DAY,
    STATE,
    WINDOW,
    Objection,
    differs,
)
from simulator.people import Policy
from simulator.reading import at
from simulator.received import ReceivedMember, ReceivedTransaction
from simulator.standing import Standing

_INITIAL_ONLY = {"CANCEL-ANTIDUPLICATION", "CANCEL-OUT-OF-AREA"}  # section 6.10, table 8


def cancellation(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """Every reason to reject a cancellation, but for the policy's status."""
    policy = standing.policy
    member = received.subscriber
    end = _end(member)
    yield from _ending(received, standing, partner)
    if end is not None and end not in (policy.begin, policy.begin - timedelta(days=1)):
        text = "eligibility end (357) is neither the first day nor the day before it"
        yield Objection(text, "DTP*357", (END_DATE,))
    if member and member.reason in _INITIAL_ONLY and policy.effectuated:
        yield Objection(f"{member.reason} is for initial policies only", "REF*17", (STATE,))


def termination(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """Every reason to reject a termination, but for the policy's status."""
    policy = standing.policy
    member = received.subscriber
    end = _end(member)
    yield from _ending(received, standing, partner)
    if end is None or member is None:
        return
    of_one_day = end == policy.begin and member.reason == "TERM-HICS"  # table 25
    if end <= policy.begin and not of_one_day:
        yield Objection("the policy would have no or one day of coverage", "DTP*357", ONE_DAY)
    year_end = date(policy.begin.year, 12, 31)
    if end > year_end:
        text = "eligibility end (357) is after the plan year"
        yield Objection(text, "DTP*357", (END_DATE,))
    if policy.state == "terminated" and policy.end and end >= policy.end:
        text = "eligibility end (357) is not earlier than the present one"
        yield Objection(text, "DTP*357", (END_DATE,))
    if end == year_end or member.reason == "TERM-ANTIDUPLICATION":
        yield from _year_end(member.reason, end, policy, standing.day)


def _ending(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """What a cancellation and a termination have in common."""
    policy = standing.delivered
    yield from echoes.header(received, standing, partner)
    yield from echoes.any_numbers(received, standing)
    yield from echoes.no_coverage(received)
    strangers = list(echoes.subscriber_only(received, policy))
    yield from strangers
    if strangers:
        return
    (member,) = received.members
    if member.level[:4] != ["INS", "Y", "18", "024"] or at(member.level, 5) != "A":
        yield differs("INS", "INS01 to INS05 are not those of an end")
    if at(member.level, 8) != "TE":
        yield differs("INS", "INS08 is not TE")
    if member.references.get("1L") not in {policy.policy_id, policy.issuer_policy_id}:
        yield differs("REF*1L", "REF*1L of loop 2000 is not the policy")
    if _end(member) is None:
        yield Objection("eligibility end (357) is missing or no date", "DTP*357", (MISSING,))
    yield from echoes.timestamp(member)
    yield from echoes.person(member, policy.subscriber, policy)


def _end(member: ReceivedMember | None) -> date | None:
    return echoes.as_date(member.dates.get("357", "")) if member else None


def _year_end(reason: str, end: date, policy: Policy, day: date) -> Iterator[Objection]:
    """On which days an end of 31 December may be sent, by its reason (section 6.10, table 8)."""
    year = policy.begin.year
    match reason:
        case "TERM":
            first = date(year + 1, 3, 1) if policy.aptc else date(year + 1, 1, 1)
            allowed = day >= first
        case "TERM-OTH":
            allowed = date(year, 12, 1) <= day <= date(year, 12, 31)
        case "TERM-ANTIDUPLICATION":
            in_window = date(year, 9, 15) <= day <= date(year, 12, 31)
            allowed = in_window and end == date(year, 12, 31)
        case _:
            allowed = True
    if not allowed:
        text = f"{reason} must not be sent with this end on this day"
        yield Objection(text, "DTP*357", (WINDOW,))
