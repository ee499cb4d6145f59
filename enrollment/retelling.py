"""Retelling: what each transaction set of one policy changed, one after another.

The fold works out what follows from all sets together; here each is set against those told before
it, so that a person can follow. Values of a person are not repeated, only which of them changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from enrollment.told import ToldSet
from schemas.columns import MAILING, NAME, RESIDENCE, SINGLE

_FIELDS = {
    **dict.fromkeys(NAME, "name"),
    **dict.fromkeys(RESIDENCE, "residence"),
    **dict.fromkeys(MAILING, "mailing address"),
    **{name: name.replace("_", " ") for name in SINGLE},
}
_AS_A_WHOLE = (NAME, RESIDENCE, MAILING)


@dataclass(frozen=True)
class Change:
    """One thing that a set changed, from a day on.

    `what` is begins, effectuates, ends, cancels, reinstates, plan, amount, added, removed, person,
    broker, or identifies;
    `before` and `after` are dates, amounts or ids, never a value that says who somebody is.
    """

    what: str
    since: date | None = None
    member: str | None = None  # null = the policy, or its subscriber
    name: str | None = None  # of an amount, or which values of a person
    before: str | None = None
    after: str | None = None


@dataclass
class Retold:
    """The policy as told so far: an enrollment begins it anew."""

    begin: date | None = None
    end: date | None = None
    enrolled_to: date | None = None
    left: date | None = None  # the end that the exchange told, whatever we have said since
    ended_by_us: bool = False
    cancelled: bool = False
    plan: str | None = None
    broker: str | None = None
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun: dict[str, date] = field(default_factory=dict)  # of each member, as it was added last
    amounts: dict[tuple[str, str], list[tuple[date, Decimal | None]]] = field(default_factory=dict)


def retell(sets: Iterable[ToldSet]) -> tuple[dict[int, list[Change]], Retold]:
    """The changes by the number of the set that made them, and what was told in the end.

    Only sets that applied have changes.
    """
    changes, policy = {}, Retold()
    for one in _as_they_count([each for each in sets if each.is_applied]):
        completes = one.begins and policy.begin is not None and not policy.cancelled
        if one.begins and not completes:
            policy = Retold()
        tell = _completion if completes else _TELL[one.row["transaction"]]
        changes[one.number] = list(tell(policy, one))
    return changes, policy


def _as_they_count(applied: list[ToldSet]) -> list[ToldSet]:
    """An enrollment is told before the sets that waited for it, with what completes it."""
    told: list[ToldSet] = []
    waited: list[ToldSet] = []
    alive, begin, enrolled = False, None, 0
    for one in applied:
        if one.begins and alive:
            told.insert(enrolled, one)
            enrolled += 1
        elif one.begins:
            told.append(one)
            enrolled = len(told)
            told += waited
            waited, alive, begin = [], True, one.row["benefit_begin"]
        elif alive or one.row["transaction"] in _REINSTATE:
            told.append(one)
            alive = not _cancels(one, begin)
        else:
            waited.append(one)
    return told + waited


def _cancels(one: ToldSet, begin: date | None) -> bool:
    """Whether nothing is left: exchanges without reasons say so by an end that is not after it."""
    ends, end = one.row["transaction"], one.row["benefit_end"]
    if ends in _CANCEL or ends not in _TERMINATE or not begin:
        return ends in _CANCEL
    return bool(end <= begin and not one.events[0]["additional_maintenance_reason"])


def _enrollment(policy: Retold, one: ToldSet) -> Iterator[Change]:
    policy.begin = one.row["benefit_begin"]
    policy.end = policy.enrolled_to = one.row["benefit_end"]
    policy.plan, policy.broker = one.row["plan_id"], one.row["broker_id"]
    yield Change("begins", policy.begin, None, str(len(one.events)), None, policy.plan)
    for event in one.events:
        policy.begun[event["exchange_member_id"]] = event["benefit_begin"]
        list(_person(policy, event))
        told = list(_amounts(policy, event))
        yield from told if event["is_subscriber"] else ()


def _completion(policy: Retold, one: ToldSet) -> Iterator[Change]:
    """An enrollment told again with members whom our verdict had kept out of it."""
    for event in one.events:
        member = event["exchange_member_id"]
        is_new = member not in policy.begun
        policy.begun[member] = event["benefit_begin"]
        if is_new:
            yield Change("added", event["benefit_begin"], member)
            list(_person(policy, event))
        else:
            yield from _person(policy, event)
        yield from _amounts(policy, event)


def _maintenance(policy: Retold, one: ToldSet) -> Iterator[Change]:
    for event in one.events:
        member = event["exchange_member_id"]
        if event["is_subscriber"]:
            yield from _of_policy(policy, one, event)
        if event["maintenance_type"] == "021":
            yield Change("added", event["benefit_begin"], member)
            policy.begun[member] = event["benefit_begin"]
            list(_person(policy, event))
        elif event["maintenance_type"] == "024":
            yield Change("removed", event["benefit_end"], member)
        elif event["maintenance_type"] != "030":
            yield from _person(policy, event)
        if event["maintenance_type"] != "030":
            yield from _amounts(policy, event)
        if event["maintenance_type"] == "024" and not event["is_subscriber"]:
            _end_amounts(policy, event)


def _of_policy(policy: Retold, one: ToldSet, event: dict[str, Any]) -> Iterator[Change]:
    since = event["maintenance_effective"] or event["benefit_begin"] or policy.begin
    plan = one.row["plan_id"]
    if plan not in (None, policy.plan):
        yield Change("plan", since, before=policy.plan, after=plan)
        policy.plan = plan
    broker = one.row["broker_id"]
    if broker != policy.broker and (broker or event["kind"] == "broker change"):
        yield Change("broker", since, before=policy.broker, after=broker)
        policy.broker = broker


def _person(policy: Retold, event: dict[str, Any]) -> Iterator[Change]:
    """What is left out stays as it was; name and addresses are replaced as a whole."""
    known = policy.people.setdefault(event["exchange_member_id"], {})
    said = {name: event[name] for name in SINGLE if event[name] is not None}
    for group in _AS_A_WHOLE:
        if event[group[0]] is not None:
            said |= {name: event[name] for name in group}
    differing = [name for name, value in said.items() if known.get(name) != value]
    known.update(said)
    if differing:
        since = event["maintenance_effective"] or event["benefit_begin"] or policy.begin
        names = ", ".join(dict.fromkeys(_FIELDS[name] for name in differing))
        yield Change("person", since, event["exchange_member_id"], names)


def _amounts(policy: Retold, event: dict[str, Any]) -> Iterator[Change]:
    """A new amount holds from its day on and replaces all that was told of later days."""
    for name, first_day, text in event["amounts"] or ():
        since, amount = date.fromisoformat(first_day), Decimal(text)
        spans = policy.amounts.setdefault((event["exchange_member_id"], name), [])
        earlier = [span for span in spans if span[0] <= since]
        before = earlier[-1][1] if earlier else None
        if spans and (len(earlier) < len(spans) or before != amount):
            yield _amount(event, name, since, before, amount)
        elif not spans:
            yield _amount(event, name, since, None, amount)
        kept = [span for span in spans if span[0] < since]
        if not kept or kept[-1][1] != amount:
            kept.append((since, amount))
        policy.amounts[event["exchange_member_id"], name] = kept


def _end_amounts(policy: Retold, event: dict[str, Any]) -> None:
    """Whoever is removed has no amounts any more from the day after on; none at all if never in."""
    member, end = event["exchange_member_id"], event["benefit_end"]
    never = end == policy.begun.get(member)
    day = end if never else end + timedelta(days=1)
    for (whose, name), spans in policy.amounts.items():
        if whose == member:
            policy.amounts[whose, name] = [*(span for span in spans if span[0] < day), (day, None)]


def _amount(
    event: dict[str, Any], name: str, since: date, before: Decimal | None, after: Decimal
) -> Change:
    said_before = None if before is None else str(before)
    member = None if event["is_subscriber"] else event["exchange_member_id"]
    return Change("amount", since, member, name, said_before, str(after))


def _cancellation(policy: Retold, one: ToldSet) -> Iterator[Change]:
    yield Change("cancels", policy.begin, before=_day(policy.end))
    policy.end, policy.cancelled = policy.begin, True
    policy.left, policy.ended_by_us = policy.left if one.is_ours else None, one.is_ours


def _termination(policy: Retold, one: ToldSet) -> Iterator[Change]:
    end = one.row["benefit_end"]
    if _cancels(one, policy.begin):
        yield from _cancellation(policy, one)
        return
    yield Change("ends", end, before=_day(policy.end), after=_day(end))
    policy.end = end
    policy.left, policy.ended_by_us = policy.left if one.is_ours else end, one.is_ours


def _reinstatement(policy: Retold, one: ToldSet) -> Iterator[Change]:
    """Beneath our own end that of the exchange comes into force again."""
    left = policy.left if one.is_ours and policy.ended_by_us else None
    end = left or policy.enrolled_to
    yield Change("reinstates", before=_day(policy.end), after=_day(end))
    policy.end, policy.cancelled, policy.left, policy.ended_by_us = end, False, left, False


def _effectuation(policy: Retold, one: ToldSet) -> Iterator[Change]:
    yield Change("effectuates", policy.begin, None, str(len(one.events)))
    yield from _identification(policy, one)


def _identification(_: Retold, one: ToldSet) -> Iterator[Change]:
    """The issuer's own ids, by which the exchange may know its members."""
    for event in one.events:
        names = [name for name in _ISSUER_IDS if event[name] is not None]
        if names:
            said = ", ".join(name.replace("_", " ") for name in names)
            yield Change("identifies", member=event["exchange_member_id"], name=said)


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


_ISSUER_IDS = ("issuer_policy_id", "issuer_subscriber_id", "issuer_member_id")
_CANCEL = ("cancellation", "issuer_cancellation")
_TERMINATE = ("termination", "issuer_termination")
_REINSTATE = ("reinstatement", "issuer_reinstatement")
_TELL = {
    "initial": _enrollment,
    "renewal": _enrollment,
    "change": _maintenance,
    "cancellation": _cancellation,
    "termination": _termination,
    "reinstatement": _reinstatement,
    "effectuation": _effectuation,
    "issuer_cancellation": _cancellation,
    "issuer_termination": _termination,
    "issuer_maintenance": _identification,
    "issuer_reinstatement": _reinstatement,
}
