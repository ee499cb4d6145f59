"""A small enrollment file that is right in every byte, and ways to write it or to spoil it.

`EVERYTHING` uses every loop and every segment of 005010X220A1, so that a test can spoil any of
them; `MEMBER` is what an exchange sends for one subscriber.
"""

from dataclasses import dataclass, replace

HEADER = (
    "BGN*00*12456*20260101*1200****2",
    "REF*38*ABCD012354",
    "DTP*303*D8*20260101",
    "QTY*TO*1",
    "N1*P5*HARBOR SPONSOR*FI*907654321",
    "N1*IN*HARBOR LIGHT*FI*007654321",
)
MEMBER = (
    "INS*Y*18*021*EC*A***AC",
    "REF*0F*0000011111",
    "REF*1L*9100000001",
    "REF*17*0000011111",
    "DTP*356*D8*20260101",
    "NM1*IL*1*DOE*JANE*Q***34*900121234",
    "PER*IP**TE*3195550101*EM*JANE@EXAMPLE.COM",
    "N3*1 MAIN ST*APT 2",
    "N4*CHARLOTTE*NC*28202**CY*37119",
    "DMG*D8*19800229*F",
    "HLH*N",
    "HD*021**HLT**IND",
    "DTP*348*D8*20260101",
    "REF*CE*91002NC001000101",
    "LS*2700",
    "LX*1",
    "N1*75*PRE AMT TOT",
    "REF*9X*412.50",
    "DTP*007*D8*20260101",
    "LX*2",
    "N1*75*ADDL MAINT REASON",
    "REF*17*CIC",
    "LE*2700",
)
DEPENDENT = (
    "INS*N*19*021*EC*A",
    "REF*0F*0000011111",
    "REF*17*0000022222",
    "NM1*IL*1*DOE*JOHN",
    "DMG*D8*20150704*M",
    "HD*021**HLT",
    "DTP*348*D8*20260101",
)
EVERYTHING_HEADER = (
    "BGN*15*12456*20260101*1200*ET*ORIG1**2",
    "REF*38*ABCD012354",
    "DTP*007*D8*20260101",
    "DTP*303*D8*20260101",
    "QTY*TO*1",
    "QTY*DT*0",
    "QTY*ET*1",
    "N1*P5*HARBOR SPONSOR*FI*907654321",
    "N1*IN*HARBOR LIGHT*FI*007654321",
    "N1*BO*FIRST BROKER*94*B-1",
    "ACT*ACCOUNT1*****ACCOUNT2",
    "N1*TV*SECOND BROKER*94*B-2",
)
EVERYTHING_MEMBER = (
    "INS*Y*18*021*EC*A*A:1**AC*F*N*D8*20260301*R****1",
    "REF*0F*0000011111",
    "REF*1L*9100000001",
    "REF*23*ISSUER-MEMBER",
    "REF*ZZ*ISSUER-SUBSCRIBER",
    "DTP*303*D8*20260102",
    "DTP*356*D8*20260101",
    "DTP*357*D8*20261231",
    "NM1*74*1*DOE*JANE*Q*DR*JR*34*900121234",
    "PER*IP**TE*3195550101*EM*JANE@EXAMPLE.COM*CP*3195550102",
    "N3*1 MAIN ST*APT 2",
    "N4*CHARLOTTE*NC*28202**CY*37119",
    "DMG*D8*19800229*F*M*C:RET:2106-3*1****REC*6",
    "EC*17",
    "ICM*1*4321.5*40",
    "AMT*P3*12.5",
    "HLH*T*68*172",
    "LUI*LD*SPA*SPANISH*7",
    "NM1*70*1*DOO*JANE",
    "DMG*D8*19800228*F",
    "NM1*31*1",
    "N3*PO BOX 1",
    "N4*RALEIGH*NC*27601",
    "NM1*36*1*EMPLOYER*ED****34*900129999",
    "PER*EP**TE*3195550103",
    "N3*2 WORK ST",
    "N4*DURHAM*NC*27701",
    "NM1*M8*2*SCHOOL",
    "PER*SK**TE*3195550104",
    "N3*3 SCHOOL ST",
    "N4*DURHAM*NC*27701",
    "NM1*S3*1*PARENT*PAT",
    "PER*PQ**TE*3195550105",
    "N3*4 HOME ST",
    "N4*DURHAM*NC*27701",
    "NM1*QD*1*RESPONSIBLE*ROB",
    "PER*RP**TE*3195550106",
    "N3*5 HOME ST",
    "N4*DURHAM*NC*27701",
    "NM1*45*1*DROP*DAN",
    "N3*6 HOME ST",
    "N4*DURHAM*NC*27701",
    "DSB*2******DX*585",
    "DTP*360*D8*20250101",
    "DTP*361*D8*20250201",
    "HD*021**HLT*GOLD*IND****N",
    "DTP*348*D8*20260101",
    "DTP*349*D8*20261231",
    "DTP*543*D8*20260131",
    "AMT*P3*412.5",
    "REF*1L*9100000002",
    "REF*CE*91002NC001000101",
    "REF*X9*ISSUER-POLICY",
    "REF*QQ*12",
    "IDC*CARD*H*1*RX",
    "LX*1",
    "NM1*P3*1*PROVIDER*PAUL****SV*P1*25",
    "N3*7 CLINIC ST",
    "N4*DURHAM*NC*27701",
    "PER*IC**TE*3195550107",
    "PLA*2*1P*20260101**14",
    "COB*P*890111*5",
    "REF*6P*GROUP1",
    "DTP*344*D8*20250101",
    "NM1*IN*2*OTHER INSURER",
    "N3*8 COB ST",
    "N4*DURHAM*NC*27701",
    "PER*CN**TE*3195550108",
    "LS*2700",
    "LX*1",
    "N1*75*PRE AMT TOT",
    "REF*9X*412.50",
    "DTP*007*RD8*20260101-20261231",
    "LE*2700",
)

DELIMITERS = ("*", "~", "^", ":")  # element, terminator, repetition, component


@dataclass(frozen=True)
class Interchange:
    """One interchange as its parts; `text()` writes it, whatever it says."""

    groups: tuple["Group", ...]
    isa: tuple[str, ...] = (
        *("00", " " * 10, "00", " " * 10, "ZZ", f"{'CMSFFM':15}", "ZZ", f"{'007654321T':15}"),
        *("260101", "1200", "^", "00501", "000000001", "0", "P", ":"),
    )
    group_count: str | None = None
    trailer_number: str | None = None
    before_trailer: tuple[str, ...] = ()
    has_trailer: bool = True

    def segments(self):
        """The segments without their terminators, with the usual delimiters."""
        yield "*".join(("ISA", *self.isa))
        for group in self.groups:
            yield from group.segments()
        yield from self.before_trailer
        if self.has_trailer:
            count = len(self.groups) if self.group_count is None else self.group_count
            number = self.isa[12] if self.trailer_number is None else self.trailer_number
            yield f"IEA*{count}*{number}"

    def text(self, line_end="", end="~"):
        """The interchange as text; `line_end` follows every terminator."""
        return "".join(f"{segment}{end}{line_end}" for segment in self.segments())

    def with_isa(self, position, value):
        """This interchange with another ISA element (1-based)."""
        changed = [*self.isa[: position - 1], value, *self.isa[position:]]
        return replace(self, isa=tuple(changed))


@dataclass(frozen=True)
class Group:
    """One functional group as its parts."""

    sets: tuple["Set", ...]
    header: str = "GS*BE*NC0*91002NC0010001*20260101*1200*{number}*X*005010X220A1"
    number: str = "1"
    set_count: str | None = None
    trailer_number: str | None = None
    has_trailer: bool = True

    def segments(self):
        """The segments of the group."""
        yield self.header.format(number=self.number)
        for one in self.sets:
            yield from one.segments()
        if self.has_trailer:
            count = len(self.sets) if self.set_count is None else self.set_count
            yield f"GE*{count}*{self.trailer_number or self.number}"


@dataclass(frozen=True)
class Set:
    """One transaction set as its parts."""

    body: tuple[str, ...]
    number: str = "0001"
    header: str = "ST*834*{number}*005010X220A1"
    count: str | None = None
    trailer_number: str | None = None
    has_trailer: bool = True

    def segments(self):
        """The segments of the set, ST and SE included."""
        yield self.header.format(number=self.number)
        yield from self.body
        if self.has_trailer:
            count = len(self.body) + 2 if self.count is None else self.count
            yield f"SE*{count}*{self.trailer_number or self.number}"


def enrollment(*members, header=HEADER):
    """An interchange with one set of these members (`MEMBER` when there are none)."""
    members = tuple(segment for member in members or (MEMBER,) for segment in member)
    count = sum(segment.startswith("INS") for segment in members)
    counted = (f"QTY*TO*{count}" if segment == "QTY*TO*1" else segment for segment in header)
    return Interchange((Group((Set((*counted, *members)),)),))


def everything():
    """An interchange with every loop and every segment of the guide."""
    return enrollment(EVERYTHING_MEMBER, header=EVERYTHING_HEADER)


def changed(segments, old, *new):
    """The segments with the one that begins with `old` replaced by `new` (none: left out)."""
    places = [place for place, segment in enumerate(segments) if segment.startswith(old)]
    assert places, old
    return (*segments[: places[0]], *new, *segments[places[0] + 1 :])
