"""What every transaction of the carrier must repeat as it was sent (tables 14, 18 to 22)."""

from collections.abc import Iterator
from datetime import date, datetime

from schemas.partners import Partner
from simulator.objections import BEGIN_DIFFERS, NOT_ALLOWED_HERE, Objection, differs, missing
from simulator.people import Enrollee, Policy
from simulator.reading import at
from simulator.received import ReceivedMember, ReceivedTransaction
from simulator.standing import Standing
from simulator.transactions import sponsor


def header(
    received: ReceivedTransaction, standing: Standing, partner: Partner
) -> Iterator[Objection]:
    """BGN, GS, sponsor and payer."""
    policy = standing.delivered
    if at(received.beginning, 1) != "00" or at(received.beginning, 8) != "2":
        yield differs("BGN", "BGN01 or BGN08 is not that of a transaction of an issuer")
    if (received.group_sender, received.group_receiver) != (policy.plan_id[:14], partner.tenant_id):
        yield differs("GS", "GS02 and GS03 are not plan and tenant")
    if at(received.parties.get("P5", []), 4) not in _sponsor_ids(policy):
        yield differs("N1*P5", "the sponsor is not the subscriber")
    payer = received.parties.get("IN", [])
    if (at(payer, 3), at(payer, 4)) != ("FI", partner.issuer_tax_id):
        yield differs("N1*IN", "the payer is not the issuer")


def last_numbers(received: ReceivedTransaction, standing: Standing) -> Iterator[Objection]:
    """BGN02 and QTY are those of the last set that carried all members, or of a copy of it."""
    if at(received.beginning, 2) not in standing.copies:
        yield differs("BGN", "BGN02 is not that of the last transaction")
    if _quantities(received) != _totals(standing.total):
        yield differs("QTY", "QTY is not as last sent")


def any_numbers(received: ReceivedTransaction, standing: Standing) -> Iterator[Objection]:
    """BGN02 is that of any set of the policy; QTY counts this set, or is as last sent.

    Table 14 asks for both without saying which holds for a set of the subscriber alone.
    """
    if at(received.beginning, 2) not in standing.references:
        yield differs("BGN", "BGN02 is that of no transaction of the policy")
    allowed = (_totals(len(received.members)), _totals(standing.total))
    if _quantities(received) not in allowed:
        yield differs("QTY", "QTY is neither as last sent nor that of the set")


def names(member: ReceivedMember, enrollee: Enrollee, policy: Policy) -> Iterator[Objection]:
    """Subscriber id and name."""
    known = enrollee.person
    if member.references.get("0F") != policy.subscriber.person.member_id:
        yield differs("REF*0F", "REF*0F is not the subscriber")
    if (at(member.name, 3), at(member.name, 4)) != (known.last_name, known.first_name):
        yield differs("NM1*IL", "the name is not as sent")


def person(member: ReceivedMember, enrollee: Enrollee, policy: Policy) -> Iterator[Objection]:
    """Subscriber id, name, birth date and gender."""
    yield from names(member, enrollee, policy)
    known = enrollee.person
    born = f"{known.birth_date:%Y%m%d}"
    if (at(member.demographics, 2), at(member.demographics, 3)) != (born, known.gender):
        yield differs("DMG", "the demographics are not as sent")


def timestamp(member: ReceivedMember) -> Iterator[Objection]:
    """REQUEST SUBMIT TIMESTAMP is on every member."""
    if as_timestamp(member.categories.get("REQUEST SUBMIT TIMESTAMP", "")) is None:
        yield missing("REF*17", "REQUEST SUBMIT TIMESTAMP is missing or no timestamp")


def subscriber_only(received: ReceivedTransaction, policy: Policy) -> Iterator[Objection]:
    """The one member is the policy's subscriber."""
    expected = [policy.subscriber.person.member_id]
    if [member.member_id for member in received.members] != expected:
        yield differs("INS", "the members are not the subscriber alone")


def all_covered(received: ReceivedTransaction, policy: Policy) -> Iterator[Objection]:
    """The members are those whom the policy covers."""
    covered = sorted(enrollee.person.member_id for enrollee in policy.covered)
    if sorted(member.member_id for member in received.members) != covered:
        yield differs("INS", "the members are not those of the policy")


def begins(member: ReceivedMember, begin: date) -> Iterator[Objection]:
    """Eligibility and benefit begin are as sent."""
    text = f"{begin:%Y%m%d}"
    if member.dates.get("356") != text:
        yield Objection("eligibility begin (356) is not as sent", "DTP*356", (BEGIN_DIFFERS,))
    if member.coverage_dates.get("348") != text:
        yield differs("DTP*348", "benefit begin (348) is not as sent")


def plan_and_policy(member: ReceivedMember, policy: Policy) -> Iterator[Objection]:
    """REF*CE and REF*1L of loop 2300."""
    if member.coverage_references.get("CE") != policy.plan_id:
        yield differs("REF*CE", "REF*CE is not the plan as sent")
    if member.coverage_references.get("1L") != policy.policy_id:
        yield differs("REF*1L", "REF*1L is not the policy")


def no_coverage(received: ReceivedTransaction) -> Iterator[Objection]:
    """Loop 2300 must not be there (tables 19 and 20)."""
    if any(member.coverage for member in received.members):
        yield Objection("loop 2300 is there", "HD", (NOT_ALLOWED_HERE,))


def as_date(text: str) -> date | None:
    """A date of the form CCYYMMDD, or None."""
    try:
        return datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None
    except ValueError:
        return None


def as_timestamp(text: str) -> datetime | None:
    """A moment of the form CCYYMMDDHHMMSSss, hundredths of a second at the end, or None."""
    if len(text) != 16 or not text.isdigit():
        return None
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S")
    except ValueError:
        return None


def _sponsor_ids(policy: Policy) -> set[str]:
    return {sponsor(policy)[2], policy.subscriber.person.member_id}


def _quantities(received: ReceivedTransaction) -> tuple[str | None, str | None]:
    return received.quantities.get("TO"), received.quantities.get("DT")


def _totals(total: int) -> tuple[str, str | None]:
    return str(total), str(total - 1) if total > 1 else None
