"""A transaction set of the carrier, taken apart: header, parties, members by qualifiers."""

from dataclasses import dataclass, field

from simulator.reading import ReceivedSet, Segment, at


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

    @property
    def is_subscriber(self) -> bool:
        """Whether INS01 says so."""
        return at(self.level, 1) == "Y"

    @property
    def reason(self) -> str:
        """ADDL MAINT REASON; empty when there is none."""
        return self.categories.get("ADDL MAINT REASON", "")


@dataclass
class ReceivedTransaction:
    """A transaction set of the carrier, and the GS02 and GS03 that it came under."""

    beginning: Segment
    quantities: dict[str, str]
    parties: dict[str, Segment]  # N1 by N101
    members: list[ReceivedMember]
    group_sender: str = ""
    group_receiver: str = ""

    @property
    def subscriber(self) -> ReceivedMember | None:
        """The first subscriber, if any."""
        return next((member for member in self.members if member.is_subscriber), None)

    @property
    def named_policy(self) -> str:
        """REF*1L, of whichever loop: the exchange's policy id, or on an ending the issuer's."""
        for member in self.members:
            named = member.coverage_references.get("1L") or member.references.get("1L")
            if named:
                return named
        return ""

    @property
    def named_by_issuer(self) -> tuple[str, ...]:
        """The issuer's ids of the policy: REF*X9 and XM, and what REF*1L may be instead."""
        references = [member.coverage_references for member in self.members]
        names = [one.get(key, "") for one in references for key in ("XM", "X9")]
        return tuple(name for name in (self.named_policy, *names) if name)


def take_apart(received: ReceivedSet, header: Segment) -> ReceivedTransaction:
    """The set's header and members; `header` is the GS of its group."""
    beginning: list[Segment] = []
    members: list[ReceivedMember] = []
    category = ""
    for segment in received.segments:
        if segment[0] == "INS":
            members.append(ReceivedMember(segment))
            category = ""
        elif not members:
            beginning.append(segment)
        elif segment[0] in {"LS", "LE"}:
            category = ""
        elif segment[0] == "N1":
            category = at(segment, 2)
        elif category:
            if segment[0] == "REF":
                members[-1].categories[category] = at(segment, 2)
        else:
            _file_away(members[-1], segment)
    return ReceivedTransaction(
        next((segment for segment in beginning if segment[0] == "BGN"), []),
        {at(segment, 1): at(segment, 2) for segment in beginning if segment[0] == "QTY"},
        {at(segment, 1): segment for segment in beginning if segment[0] == "N1"},
        members,
        at(header, 2),
        at(header, 3),
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
