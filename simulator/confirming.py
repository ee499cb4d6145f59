"""The exchange's rules for effectuations and reinstatements (CMS guide 7.2, tables 18 and 21)."""

from collections.abc import Iterator

from schemas.partners import Partner
from simulator import echoes
from simulator.objections import NOT_REINSTATED, Objection, differs, missing
from simulator.people import Enrollee, Policy
from simulator.reading import at
from simulator.received import ReceivedMember, ReceivedTransaction
from simulator.standing import Standing

# What a dental issuer may reinstate although the exchange ended it (section 7.2.7).
_DENTAL_EXCEPTIONS = {"CANCEL", "CANCELCIC", "TERM", "TERMCIC"}
# Ends of the plan year that an issuer may undo (section 7.2.6), though they were told ahead.
_UNDONE = {"TERM-ANTIDUPLICATION", "TERM-HICS"}


def effectuation(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """Every reason to reject an effectuation, but for the policy's status."""
    policy = standing.delivered
    yield from echoes.header(received, standing, partner)
    yield from echoes.last_numbers(received, standing)
    strangers = list(echoes.all_covered(received, policy))
    yield from strangers
    if strangers:
        return
    covered = {enrollee.person.member_id: enrollee for enrollee in policy.covered}
    for member in received.members:
        yield from _confirmed(member, covered[member.member_id], policy)


def _confirmed(member: ReceivedMember, enrollee: Enrollee, policy: Policy) -> Iterator[Objection]:
    is_subscriber = enrollee is policy.subscriber
    relationship = enrollee.person.relationship
    expected = ["INS", "Y" if is_subscriber else "N", relationship, "021", "28", "A"]
    if member.level[:6] != expected:
        yield differs("INS", "INS01 to INS05 are not those of a confirmation")
    if at(member.level, 8) != ("AC" if is_subscriber else ""):
        yield differs("INS", "INS08 is AC on the subscriber only")
    if member.reason != "CONFIRM":
        yield differs("REF*17", "ADDL MAINT REASON is not CONFIRM")
    yield from echoes.timestamp(member)
    yield from echoes.person(member, enrollee, policy)
    if (at(member.coverage, 1), at(member.coverage, 3)) != ("021", policy.insurance_line):
        yield differs("HD", "HD is not as sent")
    yield from echoes.begins(member, enrollee.begin)
    yield from echoes.plan_and_policy(member, policy)
    last_paid = member.coverage_dates.get("543")
    if is_subscriber and echoes.as_date(last_paid or "") is None:
        yield missing("DTP*543", "last premium paid (543) is missing on the subscriber")
    if not is_subscriber and last_paid is not None:
        yield differs("DTP*543", "last premium paid (543) is on a dependent")


def reinstatement(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """Every reason to reject a reinstatement, but for the policy's status."""
    policy = standing.delivered
    yield from echoes.header(received, standing, partner)
    yield from echoes.any_numbers(received, standing)
    yield from _may_be_reinstated(standing)
    strangers = list(echoes.subscriber_only(received, policy))
    yield from strangers
    if strangers:
        return
    (member,) = received.members
    if member.level[:6] != ["INS", "Y", "18", "025", "", "A"] or at(member.level, 8) != "AC":
        yield differs("INS", "INS is not that of a reinstatement")
    yield from echoes.timestamp(member)
    yield from echoes.person(member, policy.subscriber, policy)
    if (at(member.coverage, 1), at(member.coverage, 3)) != ("025", policy.insurance_line):
        yield differs("HD", "HD is not that of a reinstatement")
    yield from echoes.begins(member, policy.subscriber.begin)
    yield from echoes.plan_and_policy(member, policy)


def _may_be_reinstated(standing: Standing) -> Iterator[Objection]:
    """Only an end by the issuer, not told ahead, and only without other coverage of the line."""
    policy = standing.policy
    if policy.state == "active":
        return  # the status says so
    exception = policy.insurance_line == "DEN" and policy.end_reason in _DENTAL_EXCEPTIONS
    if policy.left or (policy.ended_by != "issuer" and not exception):
        yield _refused("the exchange ended the policy")
    if policy.end and policy.end_told_on and policy.end > policy.end_told_on:
        undone = policy.end_reason in _UNDONE
        if policy.state == "terminated" and not undone:
            yield _refused("the end lay ahead when it was told")
    if standing.later_policies:
        yield _refused("a member has other coverage of the same product")


def _refused(text: str) -> Objection:
    return Objection(text, "", (NOT_REINSTATED,))
