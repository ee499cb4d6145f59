"""What exchanges send, right by their guides, one set of each kind.

Those of the federal exchange are for harbor-light-nc and right by CMS guide 7.2; state exchanges
send the same with other names.

A family: Jane, her husband Max and their children John and Amy. The change adds Amy, removes Max
and says that the tax credit is another one.
"""

from dataclasses import dataclass, replace

from tests.cases.enrollment import Group, Interchange, Set

_BEGIN = "20260101"
_CHANGED = "20260301"
_PLAN = "91002NC001000101"
_POLICY = "9100000001"


@dataclass(frozen=True)
class _Member:
    ins: str
    number: str
    name: str
    demographics: str
    premium: str
    reason: str = ""
    ssn: str = ""
    race: str = ""

    @property
    def kind(self):
        return self.ins.split("*")[3]


def _jane(codes, reason="", status="AC"):
    ins = f"INS*Y*18*{codes}*A***{status}"
    return _Member(ins, "11111", "DOE*JANE*Q", "19800229*F*M", "412.50", reason, "900121234")


def _max(codes, reason=""):
    return _Member(f"INS*N*01*{codes}*A", "22222", "DOE*MAX", "19790704*M", "400.00", reason)


def _john(codes, reason=""):
    return _Member(f"INS*N*19*{codes}*A", "33333", "DOE*JOHN", "20150704*M", "200.00", reason)


def _amy(codes, reason=""):
    return _Member(f"INS*N*19*{codes}*A", "44444", "DOE*AMY", "20260301*F", "150.00", reason)


def _written(*members, dates=()):
    """The interchange with one set of those members."""
    header = ("BGN*00*12456*20260301*120000*ET***2", *dates, f"QTY*TO*{len(members)}")
    if len(members) > 1:
        header += (f"QTY*DT*{len(members) - 1}",)
    header += ("N1*P5*JANE DOE*94*0000011111", "N1*IN*HARBOR LIGHT INSURANCE*FI*007654321")
    total = sum(float(m.premium) for m in members if m.kind != "024")
    body = (segment for member in members for segment in _segments(member, total))
    return Interchange((Group((Set((*header, *body)),)),))


def _segments(member, total):
    is_subscriber = member.ins.startswith("INS*Y")
    yield from (member.ins, "REF*0F*0000011111")
    if is_subscriber and member.kind == "024":
        yield f"REF*1L*{_POLICY}"
    yield f"REF*17*00000{member.number}"
    if is_subscriber and member.kind == "024":
        end = _BEGIN if member.reason == "CANCEL" else "20260331"
        yield f"DTP*357*D8*{end}"
        yield f"NM1*IL*1*{member.name}"
        yield f"DMG*D8*{member.demographics.removesuffix('*M')}"
        yield from _categories(member, ())
        return
    begin = _CHANGED if member.number == "44444" else _BEGIN
    if member.kind == "021":
        yield f"DTP*356*D8*{begin}"
    elif is_subscriber:
        yield f"DTP*303*D8*{_CHANGED}"
    yield f"NM1*IL*1*{member.name}{'***34*' if member.ssn else ''}{member.ssn}"
    if is_subscriber:
        yield "PER*IP**TE*3195550101*EM*JANE@EXAMPLE.COM"
    yield from ("N3*1 MAIN ST*APT 2", "N4*CHARLOTTE*NC*28202**CY*37119")
    yield f"DMG*D8*{member.demographics}{'*:RET:2106-3' if is_subscriber else ''}"
    if member.kind == "021" and member.demographics < "20080000":
        yield "HLH*N"
    if is_subscriber:
        yield "LUI*LD*ENG**6"
    yield from _coverage(member, begin)
    amounts = (("PRE AMT 1", "9X", member.premium),)
    if is_subscriber:
        amounts += (
            ("PRE AMT TOT", "9X", f"{total:.2f}"),
            ("APTC AMT", "9V", "100.00"),
            ("TOT RES AMT", "9V", f"{total - 100:.2f}"),
            ("RATING AREA", "9X", "R-NC004"),
        )
    yield from _categories(member, amounts)


def _coverage(member, begin):
    yield f"HD*{member.kind}**HLT"
    if member.kind == "001":
        yield f"DTP*303*D8*{_CHANGED}"
    yield f"DTP*349*D8*{_BEGIN}" if member.kind == "024" else f"DTP*348*D8*{begin}"
    yield from (f"REF*CE*{_PLAN}", f"REF*1L*{_POLICY}")


def _categories(member, amounts):
    origin = "401-11" if member.reason.startswith("PASSIVE") else "401-1"
    rows = [("REQUEST SUBMIT TIMESTAMP", "17", "2026030112000000"), *amounts]
    if member.reason:
        rows.append(("ADDL MAINT REASON", "17", member.reason))
    rows += [
        ("SOURCE EXCHANGE ID", "17", "NC0"),
        ("APPLICATION ID AND ORIGIN", "6M", origin),
    ]
    yield "LS*2700"
    for number, (name, qualifier, value) in enumerate(rows, 1):
        yield from (f"LX*{number}", f"N1*75*{name}", f"REF*{qualifier}*{value}")
        if name != "REQUEST SUBMIT TIMESTAMP":
            is_later = member.kind == "001" or member.number == "44444"
            yield f"DTP*007*D8*{_CHANGED if is_later else _BEGIN}"
    yield "LE*2700"


_INITIAL = _written(_jane("021*EC"), _john("021*EC"))
_TERMINATION = _written(_jane("024*14", "TERM", "TE"), dates=("DTP*303*D8*20260301",))
_LATER = replace(_TERMINATION.groups[0], number="902")
FFE = {
    "ffe-initial": (_INITIAL,),
    "ffe-renewal": (_written(_jane("021*41", "PASSIVE"), _john("021*41", "PASSIVE")),),
    "ffe-change": (
        _written(
            _jane("001*", "FINANCIAL CHANGE"),
            _john("001*", "NO CHANGE"),
            _amy("021*EC"),
            _max("024*14", "CANCEL"),
        ),
    ),
    "ffe-cancellation": (
        _written(_jane("024*14", "CANCEL", "TE"), dates=("DTP*303*D8*20260301",)),
    ),
    "ffe-termination": (_TERMINATION,),
    "ffe-two-interchanges": (
        _INITIAL,
        replace(_TERMINATION, groups=(_LATER,)).with_isa(13, "000000902"),
    ),
}


@dataclass(frozen=True)
class _Retold:
    """An interchange with texts in the place of others: the same of another exchange."""

    interchange: Interchange
    texts: dict[str, str]

    def segments(self):
        for segment in self.interchange.segments():
            told = segment
            for old, new in self.texts.items():
                told = told.replace(old, new)
            yield told

    def text(self):
        """The interchange as text."""
        return "".join(f"{segment}~" for segment in self.segments())


_GEORGIA = {
    f"{'CMSFFM':15}": f"{'GEORGIAACCESS':15}",
    f"{'007654321T':15}": f"{'91004':15}",
    "91002NC": "91004GA",
    "NC0": "GA0",
    "CHARLOTTE*NC*28202**CY*37119": "ATLANTA*GA*30303**CY*13121",
    "HARBOR LIGHT INSURANCE*FI*007654321": "PEACHTREE HEALTH*FI*008765432",
}
_DISTRICT = {
    f"{'CMSFFM':15}": f"{'DCHEALTHLINK':15}",
    f"{'007654321T':15}": f"{'009876543':15}",
    "REF*CE*91002NC001000101": "REF*CE*91003DC0010001-01",
    "91002NC": "91003DC",
    "NC0": "DC0",
    "JANE DOE*94": "DC0*94",
    "CHARLOTTE*NC*28202**CY*37119": "WASHINGTON*DC*20001**CY*11001",
    "HARBOR LIGHT INSURANCE*FI*007654321": "POTOMAC MUTUAL*FI*009876543",
}


def _stopped(interchange):
    """A cancellation with its coverage, which begins and ends on one day."""
    one = interchange.groups[0].sets[0]
    at = one.body.index("LS*2700")
    coverage = (
        *("HD*024**HLT", "DTP*348*D8*20260101", "DTP*349*D8*20260101"),
        *(f"REF*CE*{_PLAN}", f"REF*1L*{_POLICY}"),
    )
    body = (*one.body[:at], *coverage, *one.body[at:])
    return replace(interchange, groups=(Group((replace(one, body=body),)),))


def told_in_the_district(interchange):
    """An interchange of the federal exchange's as that of the District of Columbia sends it."""
    return _Retold(interchange, _DISTRICT)


STATES = {
    "georgia-initial": (_Retold(_INITIAL, _GEORGIA),),
    "dc-initial": (told_in_the_district(_INITIAL),),
    "dc-cancellation": (told_in_the_district(_stopped(FFE["ffe-cancellation"][0])),),
}
