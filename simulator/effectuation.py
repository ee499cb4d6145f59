"""The exchange's rules for an effectuation: state and fields (CMS guide 7.2, tables 16 and 18)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from schemas.partners import Partner
from simulator.people import Enrollee, Policy
from simulator.reading import ReceivedSet, Segment, at
from simulator.transactions import sponsor


@dataclass
class ReceivedMember:
    """One INS with what belongs to it, by qualifier."""

    level: Segment
    references: dict[str, str] = field(default_factory=dict)  # 2000 REF
    dates: dict[str, str] = field(default_factory=dict)  # 2000 DTP
    name: Segment = field(default_factory=list)
    demographics: Segment = field(default_factory=list)
    coverage: Segment = field(default_factory=list)
    coverage_references: dict[str, str] = field(default_factory=dict)  # 2300 REF
    coverage_dates: dict[str, str] = field(default_factory=dict)  # 2300 DTP
    categories: dict[str, str] = field(default_factory=dict)  # 2750, by name

    @property
    def member_id(self) -> str:
        """The exchange assigned member id."""
        return self.references.get("17", "")


@dataclass
class ReceivedEffectuation:
    """A transaction set of the carrier, taken apart."""

    beginning: Segment
    quantities: dict[str, str]
    parties: dict[str, Segment]  # N1 by N101
    members: list[ReceivedMember]

    @property
    def policy_id(self) -> str:
        """The exchange assigned policy id on the first member; empty when there is none."""
        return self.members[0].coverage_references.get("1L", "") if self.members else ""


@dataclass(frozen=True)
class Sent:
    """What the last delivered transaction set of a policy said, to be echoed."""

    reference: str  # BGN02
    total: int
    group_sender: str  # GS02 of the received group
    group_receiver: str  # GS03


def take_apart(received: ReceivedSet) -> ReceivedEffectuation:
    """The set's header and members."""
    header: list[Segment] = []
    members: list[ReceivedMember] = []
    category = ""
    for segment in received.segments:
        if segment[0] == "INS":
            members.append(ReceivedMember(segment))
            category = ""
        elif not members:
            header.append(segment)
        elif segment[0] in {"LS", "LE"}:
            category = ""
        elif segment[0] == "N1":
            category = at(segment, 2)
        elif category:
            if segment[0] == "REF":
                members[-1].categories[category] = at(segment, 2)
        else:
            _file_away(members[-1], segment)
    return ReceivedEffectuation(
        next((segment for segment in header if segment[0] == "BGN"), []),
        {at(segment, 1): at(segment, 2) for segment in header if segment[0] == "QTY"},
        {at(segment, 1): segment for segment in header if segment[0] == "N1"},
        members,
    )


def _file_away(member: ReceivedMember, segment: Segment) -> None:
    in_coverage = bool(member.coverage)
    match segment[0]:
        case "REF":
            references = member.coverage_references if in_coverage else member.references
            references[at(segment, 1)] = at(segment, 2)
        case "DTP":
            dates = member.coverage_dates if in_coverage else member.dates
            dates[at(segment, 1)] = at(segment, 3)
        case "NM1" if at(segment, 1) == "IL":
            member.name = segment
        case "DMG" if not member.demographics:
            member.demographics = segment
        case "HD":
            member.coverage = segment


def objections(
    received: ReceivedEffectuation, policy: Policy, sent: Sent, partner: Partner
) -> Iterator[str]:
    """Every reason to reject the effectuation. None when it is accepted."""
    yield from _state_objections(policy)
    yield from _header_objections(received, policy, sent, partner)
    covered = {enrollee.person.member_id: enrollee for enrollee in policy.covered}
    if sorted(member.member_id for member in received.members) != sorted(covered):
        yield "the members are not those of the policy"
        return
    for member in received.members:
        yield from _member_objections(member, covered[member.member_id], policy)


def _state_objections(policy: Policy) -> Iterator[str]:
    """Table 16: only what is initial, or was terminated from initial, can be effectuated."""
    if policy.state == "cancelled":
        yield "the policy is cancelled"
    elif policy.effectuated:
        yield "the policy is effectuated already"


def _header_objections(
    received: ReceivedEffectuation, policy: Policy, sent: Sent, partner: Partner
) -> Iterator[str]:
    if at(received.beginning, 1) != "00" or at(received.beginning, 8) != "2":
        yield "BGN01 or BGN08 is not that of an effectuation"
    if at(received.beginning, 2) != sent.reference:
        yield "BGN02 is not that of the last transaction"
    dependents = str(sent.total - 1) if sent.total > 1 else None
    if (received.quantities.get("TO"), received.quantities.get("DT")) != (
        str(sent.total),
        dependents,
    ):
        yield "QTY is not as last sent"
    if (sent.group_sender, sent.group_receiver) != (policy.plan_id[:14], partner.tenant_id):
        yield "GS02 and GS03 are not plan and tenant"
    if at(received.parties.get("P5", []), 4) not in _sponsor_ids(policy):
        yield "the sponsor is not the subscriber"
    payer = received.parties.get("IN", [])
    if (at(payer, 3), at(payer, 4)) != ("FI", partner.issuer_tax_id):
        yield "the payer is not the issuer"


def _sponsor_ids(policy: Policy) -> set[str]:
    return {sponsor(policy)[2], policy.subscriber.person.member_id}


def _member_objections(member: ReceivedMember, enrollee: Enrollee, policy: Policy) -> Iterator[str]:
    person = enrollee.person
    subscriber = person.relationship == "18"
    expected = ["INS", "Y" if subscriber else "N", person.relationship, "021", "28", "A"]
    if member.level[:6] != expected:
        yield "INS01 to INS05 are not those of a confirmation"
    if at(member.level, 8) != ("AC" if subscriber else ""):
        yield "INS08 is AC on the subscriber only"
    if member.references.get("0F") != policy.subscriber.person.member_id:
        yield "REF*0F is not the subscriber"
    if member.categories.get("ADDL MAINT REASON") != "CONFIRM":
        yield "ADDL MAINT REASON is not CONFIRM"
    if not _is_timestamp(member.categories.get("REQUEST SUBMIT TIMESTAMP", "")):
        yield "REQUEST SUBMIT TIMESTAMP is missing or no timestamp"
    name = (person.last_name, person.first_name)
    if (at(member.name, 3), at(member.name, 4)) != name:
        yield "the name is not as sent"
    born = f"{person.birth_date:%Y%m%d}"
    if (at(member.demographics, 2), at(member.demographics, 3)) != (born, person.gender):
        yield "the demographics are not as sent"
    yield from _coverage_objections(member, enrollee, policy)


def _coverage_objections(
    member: ReceivedMember, enrollee: Enrollee, policy: Policy
) -> Iterator[str]:
    if (at(member.coverage, 1), at(member.coverage, 3)) != ("021", policy.insurance_line):
        yield "HD is not as sent"
    begin = f"{enrollee.begin:%Y%m%d}"
    if member.dates.get("356") != begin:
        yield "eligibility begin (356) is not as sent"
    if member.coverage_dates.get("348") != begin:
        yield "benefit begin (348) is not as sent"
    if member.coverage_references.get("CE") != policy.plan_id:
        yield "REF*CE is not the plan as sent"
    if member.coverage_references.get("1L") != policy.policy_id:
        yield "REF*1L is not the policy"
    if enrollee.person.relationship == "18":
        if not _is_date(member.coverage_dates.get("543", "")):
            yield "last premium paid (543) is missing on the subscriber"
    elif "543" in member.coverage_dates:
        yield "last premium paid (543) is on a dependent"


def _is_date(text: str) -> bool:
    return _parses(text, "%Y%m%d", 8)


def _is_timestamp(text: str) -> bool:
    """CCYYMMDDHHMMSSss: hundredths of a second at the end."""
    return len(text) == 16 and text.isdigit() and _parses(text[:14], "%Y%m%d%H%M%S", 14)


def _parses(text: str, pattern: str, length: int) -> bool:
    try:
        datetime.strptime(text, pattern)
    except ValueError:
        return False
    return len(text) == length
