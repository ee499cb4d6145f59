"""834 transaction sets as the FFE sends them (CMS guide 7.2, tables 14, 17, 19, 20, 22 and 23)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from schemas.partners import Partner
from simulator.people import Address, Enrollee, Person, Policy

Kind = Literal["initial", "renewal", "change", "cancellation", "termination"]

_RENEWAL_ORIGIN = "11"  # table 27: auto re-enrollment


@dataclass(frozen=True, slots=True)
class MemberChange:
    """INS03, INS04 and ADDL MAINT REASON of one member (table 30). An empty one is not sent."""

    maintenance_type: str
    maintenance_reason: str
    additional: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """One enrollment event of a policy, with the policy as it stands after the event.

    `members` names the change of every member that the set carries, in their order on the policy.
    `former` holds the old person of each whose identifying data changed (loop 2100B).
    """

    kind: Kind
    policy: Policy
    members: dict[str, MemberChange]
    effective: date
    submitted: datetime
    origin: str = "1"
    former: dict[str, Person] = field(default_factory=dict)

    @property
    def carried(self) -> tuple[Enrollee, ...]:
        """The enrollees whom the set carries."""
        return tuple(e for e in self.policy.enrollees if e.person.member_id in self.members)

    @property
    def ends_policy(self) -> bool:
        """Whether this is a cancellation or termination: subscriber only, no loop 2300."""
        return self.kind in {"cancellation", "termination"}


@dataclass(frozen=True, slots=True)
class SetNumbers:
    """ST02 and BGN02 of a transaction set, and when it was made."""

    control_number: str
    reference: str
    created: datetime


def render_set(transaction: Transaction, partner: Partner, numbers: SetNumbers) -> list[str]:
    """The segments of the transaction set, ST to SE, without terminators."""
    segments = [
        f"ST*834*{numbers.control_number}*005010X220A1",
        *_header(transaction, numbers),
        *_parties(transaction.policy, partner),
    ]
    for enrollee in transaction.carried:
        segments.extend(_member(transaction, partner, enrollee))
    segments.append(f"SE*{len(segments) + 1}*{numbers.control_number}")
    return segments


def sponsor(policy: Policy) -> tuple[str, str, str]:
    """N102, N103 and N104 of loop 1000A: the subscriber by SSN or by exchange assigned id."""
    person = policy.subscriber.person
    name = f"{person.first_name} {person.last_name}"
    if person.ssn and int(policy.policy_id) % 4 == 0:
        return name, "FI", person.ssn
    return name, "94", person.member_id


def _header(transaction: Transaction, numbers: SetNumbers) -> Iterator[str]:
    created = numbers.created
    yield f"BGN*00*{numbers.reference}*{created:%Y%m%d}*{created:%H%M%S}*ET***2"
    if transaction.ends_policy:
        yield f"DTP*303*D8*{created:%Y%m%d}"
    total = len(transaction.members)
    yield f"QTY*TO*{total}"
    if total > 1:
        yield f"QTY*DT*{total - 1}"


def _parties(policy: Policy, partner: Partner) -> Iterator[str]:
    yield "*".join(("N1*P5", *sponsor(policy)))
    yield f"N1*IN*{partner.issuer_name}*FI*{partner.issuer_tax_id}"
    broker = policy.application.broker
    if broker and policy.state == "active":
        yield f"N1*BO*{broker.name}*94*{broker.producer_number}"


def _member(transaction: Transaction, partner: Partner, enrollee: Enrollee) -> Iterator[str]:
    change = transaction.members[enrollee.person.member_id]
    yield from _level(transaction, enrollee, change)
    if transaction.ends_policy:
        yield f"DTP*357*D8*{transaction.policy.end:%Y%m%d}"
        yield _name("IL", enrollee.person, with_ssn=False)
        yield f"DMG*D8*{enrollee.person.birth_date:%Y%m%d}*{enrollee.person.gender}"
    else:
        yield from _member_dates(transaction, enrollee, change)
        yield from _person(transaction, enrollee)
        yield from _coverage(transaction, enrollee, change)
    yield from _reporting_categories(transaction, partner, enrollee, change)


def _level(transaction: Transaction, enrollee: Enrollee, change: MemberChange) -> Iterator[str]:
    person, policy = enrollee.person, transaction.policy
    subscriber = person.relationship == "18"
    status = ("TE" if transaction.ends_policy else "AC") if subscriber else ""
    yield (
        f"INS*{'Y' if subscriber else 'N'}*{person.relationship}*{change.maintenance_type}"
        f"*{change.maintenance_reason}*A***{status}"
    ).rstrip("*")
    yield f"REF*0F*{policy.subscriber.person.member_id}"
    if transaction.ends_policy:
        yield f"REF*1L*{policy.policy_id}"
    yield f"REF*17*{person.member_id}"
    if policy.application.payment_transaction_id and not transaction.ends_policy:
        yield f"REF*6O*{policy.application.payment_transaction_id}"
    if enrollee.issuer_member_id:
        yield f"REF*23*{enrollee.issuer_member_id}"
    if policy.issuer_subscriber_id:
        yield f"REF*ZZ*{policy.issuer_subscriber_id}"


def _member_dates(
    transaction: Transaction, enrollee: Enrollee, change: MemberChange
) -> Iterator[str]:
    """Loop 2000 DTP: 356 where coverage begins, 303 on the subscriber of a maintenance."""
    if transaction.kind == "change" and enrollee.person.relationship == "18":
        yield f"DTP*303*D8*{transaction.effective:%Y%m%d}"
    if change.maintenance_type == "021":
        yield f"DTP*356*D8*{enrollee.begin:%Y%m%d}"


def _name(entity: str, person: Person, *, with_ssn: bool) -> str:
    name = f"NM1*{entity}*1*{person.last_name}*{person.first_name}*{person.middle_name}"
    name = f"{name}**{person.suffix}"
    if with_ssn and person.ssn:
        return f"{name}*34*{person.ssn}"
    return name.rstrip("*")


def _person(transaction: Transaction, enrollee: Enrollee) -> Iterator[str]:
    """Loops 2100A, 2100B, 2100C and 2100F."""
    person, application = enrollee.person, transaction.policy.application
    subscriber = person.relationship == "18"
    yield _name("IL", person, with_ssn=True)
    if person.phone:
        yield f"PER*IP**TE*{person.phone}*EM*{person.email}"
    address = application.address
    yield _street(address)
    yield f"{_city(address)}**CY*{address.county_code}"
    marital_status = application.marital_status if subscriber else ""
    race = f":RET:{person.race}" if person.race else ""
    demographics = f"DMG*D8*{person.birth_date:%Y%m%d}*{person.gender}*{marital_status}*{race}"
    yield demographics.rstrip("*")
    newly_enrolled = transaction.members[person.member_id].maintenance_type == "021"
    if person.phone and newly_enrolled:  # asked of adults only, sent once (section 6.4)
        yield f"HLH*{'T' if person.tobacco else 'N'}"
    if subscriber and application.language:
        yield f"LUI*LD*{application.language}**6"
    former = transaction.former.get(person.member_id)
    if former:
        yield _name("70", former, with_ssn=former.ssn != person.ssn)
        if former.birth_date != person.birth_date:
            yield f"DMG*D8*{former.birth_date:%Y%m%d}"
    if application.mailing:
        yield from ("NM1*31*1", _street(application.mailing), _city(application.mailing))
    if subscriber and application.guardian:
        yield f"NM1*S3*1*{person.last_name}*{application.guardian}"
        yield from (_street(address), _city(address))


def _street(address: Address) -> str:
    return f"N3*{address.line_1}*{address.line_2}".rstrip("*")


def _city(address: Address) -> str:
    return f"N4*{address.city}*{address.state}*{address.postal_code}"


def _coverage(transaction: Transaction, enrollee: Enrollee, change: MemberChange) -> Iterator[str]:
    policy = transaction.policy
    yield f"HD*{change.maintenance_type}**{policy.insurance_line}"
    if change.maintenance_type == "001":
        yield f"DTP*303*D8*{transaction.effective:%Y%m%d}"
    if change.maintenance_type == "024":
        yield f"DTP*349*D8*{enrollee.end:%Y%m%d}"
    else:
        yield f"DTP*348*D8*{enrollee.begin:%Y%m%d}"
    yield f"REF*CE*{policy.plan_id}"
    yield f"REF*1L*{policy.policy_id}"
    if policy.issuer_policy_id:
        yield f"REF*X9*{policy.issuer_policy_id}"


def _reporting_categories(
    transaction: Transaction, partner: Partner, enrollee: Enrollee, change: MemberChange
) -> Iterator[str]:
    yield "LS*2700"
    effective = f"DTP*007*D8*{transaction.effective:%Y%m%d}"
    categories = _categories(transaction, partner, enrollee, change)
    for number, (name, qualifier, value) in enumerate(categories, start=1):
        yield f"LX*{number}"
        yield f"N1*75*{name}"
        yield f"REF*{qualifier}*{value}"
        if name != "REQUEST SUBMIT TIMESTAMP":
            yield effective
    yield "LE*2700"


def _categories(
    transaction: Transaction, partner: Partner, enrollee: Enrollee, change: MemberChange
) -> Iterator[tuple[str, str, str]]:
    """Name, REF01 and value of each reporting category of a member (table 17, loop 2750)."""
    policy = transaction.policy
    yield "REQUEST SUBMIT TIMESTAMP", "17", f"{transaction.submitted:%Y%m%d%H%M%S}00"
    if not transaction.ends_policy:
        if enrollee.person.relationship == "18":
            rating_area = f"R-{partner.state}{policy.application.address.rating_area}"
            yield "APTC AMT", "9V", dollars(policy.aptc)
            yield "PRE AMT TOT", "9X", dollars(policy.premium)
            yield "TOT RES AMT", "9V", dollars(policy.responsible)
            yield "RATING AREA", "9X", rating_area
        yield "PRE AMT 1", "9X", dollars(enrollee.premium)
    if change.additional:
        yield "ADDL MAINT REASON", "17", change.additional
    yield "SOURCE EXCHANGE ID", "17", partner.tenant_id
    origin = _RENEWAL_ORIGIN if transaction.kind == "renewal" else transaction.origin
    yield "APPLICATION ID AND ORIGIN", "6M", f"{policy.application.application_id}-{origin}"


def dollars(cents: int) -> str:
    """An amount with an explicit decimal point, as REF02 of an amount category holds it."""
    return f"{cents // 100}.{cents % 100:02d}"
