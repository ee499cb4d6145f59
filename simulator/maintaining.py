"""The exchange's rules for a maintenance of issuer ids (CMS guide 7.2, table 22)."""

from collections.abc import Iterator

from schemas.partners import Partner
from simulator import echoes
from simulator.objections import ID_PAIR, Objection, differs, missing
from simulator.people import Enrollee, Policy
from simulator.reading import at
from simulator.received import ReceivedMember, ReceivedTransaction
from simulator.standing import Standing

_CHANGED = ("25", "ISSUER MAINT")
_UNCHANGED = ("", "NO CHANGE")


def maintenance(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """Every reason to reject a maintenance, but for the policy's status."""
    policy = standing.delivered
    yield from echoes.header(received, standing, partner)
    yield from echoes.any_numbers(received, standing)
    strangers = list(echoes.all_covered(received, policy))
    yield from strangers
    if strangers:
        return
    if not any(_means(member) == _CHANGED for member in received.members):
        yield missing("REF*17", "no member has ISSUER MAINT")
    covered = {enrollee.person.member_id: enrollee for enrollee in policy.covered}
    for member in received.members:
        yield from _maintained(member, covered[member.member_id], policy)


def _means(member: ReceivedMember) -> tuple[str, str]:
    return at(member.level, 4), member.reason


def _maintained(member: ReceivedMember, enrollee: Enrollee, policy: Policy) -> Iterator[Objection]:
    is_subscriber = enrollee is policy.subscriber
    yield from _level(member, enrollee, is_subscriber=is_subscriber)
    yield from echoes.names(member, enrollee, policy)
    if (at(member.coverage, 1), at(member.coverage, 3)) != ("001", policy.insurance_line):
        yield differs("HD", "HD is not that of a maintenance")
    yield from echoes.begins(member, enrollee.begin)
    yield from _policy_references(member, policy)
    if _means(member) == _CHANGED:
        yield from _pairs(member, enrollee, policy)
    elif _differs(member.references.get("23"), enrollee.issuer_member_id):
        yield differs("REF*23", "a member without change has another issuer member id")


def _level(
    member: ReceivedMember, enrollee: Enrollee, *, is_subscriber: bool
) -> Iterator[Objection]:
    expected = ["INS", "Y" if is_subscriber else "N", enrollee.person.relationship, "001"]
    if member.level[:4] != expected or at(member.level, 5) != "A":
        yield differs("INS", "INS is not that of a maintenance")
    if at(member.level, 8) != ("AC" if is_subscriber else ""):
        yield differs("INS", "INS08 is AC on the subscriber only")
    if _means(member) not in (_CHANGED, _UNCHANGED):
        yield differs("INS", "INS04 and ADDL MAINT REASON do not belong together")
    if _means(member) == _CHANGED and echoes.as_date(member.dates.get("303", "")) is None:
        yield missing("DTP*303", "the day of the change (303) is missing")
    if _means(member) == _UNCHANGED and "303" in member.dates:
        yield differs("DTP*303", "303 is on a member without change")


def _policy_references(member: ReceivedMember, policy: Policy) -> Iterator[Objection]:
    """Loop 2300 holds one of CE, 1L, X9 and XM at least; what it holds is as sent."""
    references = member.coverage_references
    if not references.keys() & {"CE", "1L", "X9", "XM"}:
        yield missing("REF", "loop 2300 names no policy")
    if references.get("CE", policy.plan_id) != policy.plan_id:
        yield differs("REF*CE", "REF*CE is not the plan as sent")
    if references.get("1L", policy.policy_id) != policy.policy_id:
        yield differs("REF*1L", "REF*1L is not the policy")


def _pairs(member: ReceivedMember, enrollee: Enrollee, policy: Policy) -> Iterator[Objection]:
    """A new id comes with the one that it takes the place of, if there is one."""
    of_member, of_policy = member.references, member.coverage_references
    known = (
        ("23", of_member.get("23"), of_member.get("ABB"), enrollee.issuer_member_id),
        ("ZZ", of_member.get("ZZ"), of_member.get("Q4"), policy.issuer_subscriber_id),
        ("X9", of_policy.get("X9"), of_policy.get("XM"), policy.issuer_policy_id),
    )
    for qualifier, new, former, present in known:
        if former is not None and former != present:
            text = f"the former id is not the one that REF*{qualifier} takes the place of"
            yield Objection(text, f"REF*{qualifier}", (ID_PAIR,))
        elif former is None and present is not None and _differs(new, present):
            text = f"REF*{qualifier} is new, and the former id is missing"
            yield Objection(text, f"REF*{qualifier}", (ID_PAIR,))


def _differs(new: str | None, present: str | None) -> bool:
    return new is not None and new != present
