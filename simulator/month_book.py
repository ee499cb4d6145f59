"""The exchange's book of a coverage year cut into segments, for its month.

A segment begins where a member or an amount begins, changes or ends; what was told later holds from
its own day on. It is worked out from the transactions that the carrier has accepted, policy by
policy, and knows nothing of how the carrier cuts its own book.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from simulator.exchange import ExchangeInABox, Known
from simulator.monthly import Segment, segments_of
from simulator.people import Application, Enrollee, Policy

_DAY = timedelta(days=1)
_FOREVER = date.max


def segments_of_year(
    exchange: ExchangeInABox, partner_id: str, year: int, on_day: date
) -> list[Segment]:
    """All segments of the partner that begin in the year, with addresses of that day."""
    known = exchange.accepted_by_carrier(partner_id)
    return [
        segment
        for one in known
        for segment in _segments(one, year, on_day)
        if segment.values["begin"].startswith(str(year))
    ]


def _segments(known: Known, year: int, on_day: date) -> Iterator[Segment]:
    policy = replace(
        known.policy,
        application=_lives(known, on_day),
        enrollees=tuple(_at_home(one, known, on_day) for one in known.policy.enrollees),
    )
    known = replace(known, policy=policy)
    if policy.state == "cancelled":
        yield from segments_of(_from_its_begin(policy), year)
        return
    days = _days(known)
    ends = [day - _DAY for day in days[1:]] + [policy.end or _FOREVER]
    for begin, end in zip(days, ends, strict=True):
        covered = tuple(one for one in policy.enrollees if _covers(one, policy, begin))
        if covered and begin <= end:
            yield from _of_span(known, covered, begin, None if end == _FOREVER else end, year)


def _lives(known: Known, on_day: date) -> Application:
    """Where they live on the day, or where they will at their begin."""
    return known.amounts_on(max(on_day, known.policy.begin)).told.application


def _at_home(enrollee: Enrollee, known: Known, on_day: date) -> Enrollee:
    """The enrollee with the home of the day: who comes later is known where all will live then."""
    if enrollee.last_home is not None:
        return enrollee
    return replace(enrollee, last_home=_lives(known, max(on_day, enrollee.begin)).address)


def _from_its_begin(policy: Policy) -> Policy:
    """All who were ever on the policy, as if from its first day on."""
    all_of_it = tuple(replace(one, begin=policy.begin) for one in policy.enrollees)
    return replace(policy, enrollees=all_of_it)


def _covers(enrollee: Enrollee, policy: Policy, day: date) -> bool:
    last = min(enrollee.end or _FOREVER, policy.end or _FOREVER)
    return enrollee.begin <= day <= last and enrollee.begin != enrollee.end


def _days(known: Known) -> list[date]:
    """The days on which something of the policy begins to be otherwise."""
    policy = known.policy
    told = {max(one.since, policy.begin) for one in known.amounts}
    told |= {one.begin for one in policy.enrollees}
    told |= {one.end + _DAY for one in policy.enrollees if one.end}
    last = policy.end or _FOREVER
    days: list[date] = []
    before: object = None
    for day in sorted(one for one in told | {policy.begin} if one <= last):
        amounts = known.amounts_on(day)
        members = tuple(
            (one.person.member_id, known.premium_of(one, day))
            for one in policy.enrollees
            if _covers(one, policy, day)
        )
        holds = (amounts.told.plan_id, amounts.premium, amounts.aptc, members)
        if holds != before:
            days.append(day)
        before = holds
    return days


def _of_span(
    known: Known, covered: tuple[Enrollee, ...], begin: date, end: date | None, year: int
) -> Iterator[Segment]:
    """The segments of those who are covered from one day to another."""
    amounts = known.amounts_on(begin)
    one_day = replace(
        known.policy,
        begin=begin,
        end=end,
        state="terminated" if end else "active",
        enrollees=tuple(
            replace(one, begin=begin, end=end, premium=known.premium_of(one, begin))
            for one in covered
        ),
        aptc=amounts.aptc,
        plan_id=amounts.told.plan_id,
    )
    subscriber = known.policy.subscriber.person.member_id
    for segment in segments_of(one_day, year, amounts.premium):
        values = dict(segment.values)
        values["exchange_subscriber_id"] = subscriber
        values["subscriber"] = "Y" if values["exchange_member_id"] == subscriber else "N"
        yield replace(segment, values=values | _spans(known, values, begin))


def _spans(known: Known, values: dict[str, str], begin: date) -> dict[str, str]:
    """First and last day of each amount's own span, which may be longer than the segment."""
    member = next(
        one
        for one in known.policy.enrollees
        if one.person.member_id == values["exchange_member_id"]
    )
    found = {}
    for name in ("premium", "aptc", "individual"):
        if name not in values:
            continue
        days = [day for day in _days(known) if name != "individual" or day >= member.begin]
        worth = {day: _worth(known, member, name, day) for day in days}
        first = begin
        for day in reversed([one for one in days if one <= begin]):
            if worth[day] != worth[begin]:
                break
            first = day
        later = [day for day in days if day > begin and worth[day] != worth[begin]]
        last = later[0] - _DAY if later else known.policy.end
        if name == "individual" and member.end is not None:
            last = min(last or _FOREVER, member.end)
        found[f"{name}_begin"] = f"{first:%Y%m%d}"
        found[f"{name}_end"] = f"{last:%Y%m%d}" if last else ""
    return found


def _worth(known: Known, member: Enrollee, name: str, day: date) -> int:
    amounts = known.amounts_on(day)
    of_policy = {"premium": amounts.premium, "aptc": amounts.aptc}
    return of_policy[name] if name in of_policy else known.premium_of(member, day)
