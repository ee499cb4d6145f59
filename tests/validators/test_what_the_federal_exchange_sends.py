"""No transaction that CMS guide 7.2 shows or allows is told of anything."""

import pytest

from schemas.partners import load_partner
from tests.cases.examples import BASES, edited
from tests.cases.reading import Reader
from validators.check import Terms

HARBOR = Terms(load_partner("harbor-light-nc"))
DAY = "DTP*007*D8*20260101"


def reason(text, name="ADDL MAINT REASON"):
    """Edits that give the subscriber a reporting category with that text, as its last one."""
    return {"LE*2700": ("LX*9", f"N1*75*{name}", f"REF*17*{text}", DAY, "LE*2700")}


CHILD = ("DMG*D8*20120101*M*U*:RET:2106-3",)
PARENT = ("NM1*S3*1*DOE*PAT", "PER*PQ**TE*7045550101", "N3*12 OAK ST", "N4*CHARLOTTE*NC*28202")
OTHER = ("NM1*S1*1*DOE*ANN", "N3*12 OAK ST", "N4*CHARLOTTE*NC*28202")
ALONE = {
    "DMG*D8*19800229": CHILD,
    "HLH": (),
    "QTY*DT": (),
    "QTY*TO": ("QTY*TO*1",),
    "REF*9X*612.50": ("REF*9X*412.50",),
    "REF*9V*512.50": ("REF*9V*312.50",),
    "INS*N...LE*2700": (),
}
RACES = "^".join(
    f":RET:{code}"
    for code in (
        *("1002-5", "2029-7", "2054-5", "2034-7", "2182-4"),
        *("2036-2", "2086-7", "2135-2", "2039-6", "2040-4"),
    )
)
CANCELLED = {
    "CANCEL": "14",
    "CANCELCIC": "14",
    "CANCEL-CIC": "14",
    "CANCEL-OTH-COVERAGE": "14",
    "CANCEL-NLE": "07",
    "CANCEL-FRD": "07",
    "CANCEL-PDM": "03",
    "CANCEL-CARRYFORWARD": "",
    "CANCEL - CARRYFORWARD": "",
    "CANCEL-OTH": "",
}
ENDED = {
    "TERM": "14",
    "TERMCIC": "14",
    "TERM CIC": "14",
    "TERM-OTH-COVERAGE": "14",
    "TERM-NLE": "07",
    "TERM - NLE": "07",
    "TERM-PDM": "03",
    "TERM-OTH": "",
}


def born(total, responsible):
    """Edits of the change: all amounts are told for 2026-04-01 again, and Amy's begins then."""
    later = (("PRE AMT TOT", "9X", total), ("APTC AMT", "9V", "100.00"))
    later += (("TOT RES AMT", "9V", responsible),)
    added = [
        segment
        for number, (name, code, amount) in enumerate(later, 10)
        for segment in (
            *(f"LX*{number}", f"N1*75*{name}"),
            *(f"REF*{code}*{amount}", "DTP*007*D8*20260401"),
        )
    ]
    return {
        "REF*9X*762.50": ("REF*9X*690.00",),
        "REF*9V*662.50": ("REF*9V*590.00",),
        "LE*2700": (*added, "LE*2700"),
        "REF*9X*150.00...DTP*007": ("REF*9X*150.00", "DTP*007*D8*20260401"),
    }


REMOVED = {"TERM": "14", "TERM-NLE": "07", "TERM-OTH-COVERAGE": "14", "CANCEL-NLE": "07"}
RENEWED = {
    "PASSIVE - B2S": "41",
    "PASSIVE - INITIAL": "41",
    "PASSIVE - NEW SUBSCRIBER": "41",
    "PASSIVE - NEW SUBSCRIBER (B2S)": "41",
    "PASSIVE REENROLL - NEW TO ISSUER": "EC",
    "PASSIVE REENROLL - NEW TO ISSUER (B2S)": "EC",
}
SEASONS = (
    *("02-BIRTH", "05-ADOPTION", "07- TERMINATION OF BENEFITS", "32- MARRIAGE"),
    *("43- CHANGE OF LOCATION", "FC - FINANCIAL CHANGE", "NE - NEWLY ELIGIBLE", "QS - QSEHRA"),
    *("HR- ICHRA", "02"),
)
UNTOLD = {"REF*9X*412.50": ("REF*9X*0.00",), "REF*9X*200.00": ("REF*9X*0.00",)}
SINGLE = {
    "a broker": {"N1*IN": ("N1*IN*HARBOR LIGHT INSURANCE*FI*007654321", "N1*BO*ANN*94*12345678")},
    "the sponsor by SSN": {"N1*P5": ("N1*P5*JANE DOE*FI*900121234",)},
    "no SSN": {"NM1*IL*1*DOE*JANE": ("NM1*IL*1*DOE*JANE*Q**III",)},
    "ids that we sent": {"REF*17*0000011111": ("REF*17*0000011111", "REF*23*M1", "REF*ZZ*S1")},
    "a payment": {"REF*17*0000011111": ("REF*17*0000011111", "REF*6O*PAY0001")},
    "a mailing address": {
        "LUI": ("LUI*LD*ENG**6", "NM1*31*1", "N3*PO BOX 9", "N4*RALEIGH*NC*27601")
    },
    "two languages": {"LUI": ("LUI*LD*TAG**6", "LUI*LD*TAG**7")},
    "ten races": {"DMG*D8*19800229": (f"DMG*D8*19800229*F*M*{RACES}",)},
    "a beeper": {"PER": ("PER*IP**TE*7045550101*AP*7045550102*BN*7045550103",)},
    "e-mail only": {"PER": ("PER*IP**EM*JANE@EXAMPLE.COM",)},
    "all of the premium is paid": {
        "REF*9V*100.00": ("REF*9V*612.50",),
        "REF*9V*512.50": ("REF*9V*0.00",),
    },
    "whole dollars": {"REF*9V*100.00": ("REF*9V*100",)},
    "an origin of the guide's examples": {"REF*6M": ("REF*6M*123456789-00",)},
    "the other origin there": {"REF*6M": ("REF*6M*123456789-0",)},
    "a child and its parent": {**ALONE, "HD*021": (*PARENT, "HD*021**HLT")},
    "a child and somebody else": {**ALONE, "HD*021": (*OTHER, "HD*021**HLT")},
    "of age since the application": {
        **ALONE,
        "DMG*D8*19800229": ("DMG*D8*20071215*F*U*:RET:2106-3",),
        "HD*021": (*PARENT, "HD*021**HLT"),
    },
    "a ward of any age": {
        "INS*N": ("INS*N*15*021*EC*A",),
        "DMG*D8*20150704": ("DMG*D8*19900704*M", "HLH*N"),
    },
    "a dental plan rated by family": {
        "REF*9X*412.50": ("REF*9X*612.50",),
        "REF*9X*200.00": ("REF*9X*0",),
        "HD*021**HLT": "HD*021**DEN",
        "91002NC0010001": "91002NC0900001",
    },
    "a dental plan of which the total is told": {
        **UNTOLD,
        "HD*021**HLT": "HD*021**DEN",
        "91002NC0010001": "91002NC0900001",
    },
    "a rating area with the blank of the form": {"REF*9X*R-NC004": ("REF*9X*R- NC004",)},
}


CASES = [
    *(("ffe-initial", edits) for edits in SINGLE.values()),
    *(("ffe-initial", reason(text, "SEP REASON")) for text in SEASONS),
    ("ffe-initial", reason("CIC")),
    ("ffe-initial", {**reason("CIC"), "20260101": "20260312"}),
    ("ffe-initial", {**reason("02-BIRTH", "SEP REASON"), "20260101": "20260312"}),
    *(
        ("ffe-renewal", {"*021*41*": f"*021*{code}*", "REF*17*PASSIVE": f"REF*17*{text}"})
        for text, code in RENEWED.items()
    ),
    *(
        ("ffe-cancellation", {"*024*14*": f"*024*{code}*", "REF*17*CANCEL": f"REF*17*{text}"})
        for text, code in CANCELLED.items()
    ),
    *(
        ("ffe-termination", {"*024*14*": f"*024*{code}*", "REF*17*TERM": f"REF*17*{text}"})
        for text, code in ENDED.items()
    ),
    *(
        ("ffe-change", {"*024*14*": f"*024*{code}*", "REF*17*CANCEL": f"REF*17*{text}"})
        for text, code in REMOVED.items()
    ),
    *(
        ("ffe-change", {"REF*17*FINANCIAL CHANGE": (f"REF*17*{text}",)})
        for text in ("AGENT BROKER INFO", "CSR VARIANT CHANGE", "DEMOGRAPHIC CHANGE", "NO CHANGE")
    ),
    *(
        (
            "ffe-change",
            {
                "INS*Y": (f"INS*Y*18*001*{code}*A***AC",),
                "REF*17*FINANCIAL CHANGE": ("REF*17*DEMOGRAPHIC CHANGE",),
                "LUI": (
                    "LUI*LD*ENG**6",
                    "NM1*70*1*DOO*JANE*Q***34*900121239",
                    "DMG*D8*19800228*M*U*:RET:2106-3^:RET:2135-2",
                ),
            },
        )
        for code in ("25", "43")
    ),
    ("ffe-change", born("762.50", "662.50")),
    ("ffe-change", {"DMG*D8*20260301*F": ("DMG*D8*20060301*F",)}),  # tobacco: when enrolled first
    (
        "ffe-change",
        {
            "REF*17*FINANCIAL CHANGE": ("REF*17*CSR VARIANT CHANGE",),
            "HD*024...REF*CE": ("HD*024**HLT", "DTP*349*D8*20260101", "REF*CE*91002NC001000104"),
        },
    ),
]


@pytest.mark.parametrize(("base", "edits"), CASES)
def test_nothing_is_told_of_what_the_guide_allows(tmp_path, base, edits):
    """Loops, codes and reasons that are situational there break no rule here."""
    assert Reader(tmp_path).rules(edited(BASES[base], edits), HARBOR) == []


def test_the_amounts_of_the_last_day_are_added_up(tmp_path):
    """An earlier total, prorated for a newborn, is no sum of premiums of whole months."""
    told = Reader(tmp_path).rules(edited(BASES["ffe-change"], born("772.50", "672.50")), HARBOR)
    assert set(told) == {"premiums-do-not-add-up"}


def test_a_health_plan_has_premiums_of_its_members(tmp_path):
    """Only dental plans may be rated by family, so that their members' amounts tell nothing."""
    told = Reader(tmp_path).rules(edited(BASES["ffe-initial"], UNTOLD), HARBOR)
    assert set(told) == {"premiums-do-not-add-up"}


@pytest.mark.parametrize("members", [(), ("REF*9X*412.50", "REF*9X*200.00")])
def test_a_total_without_a_day_is_added_up_too(tmp_path, members):
    """The day on which coverage begins is taken for it, and the amount goes into the book."""
    edits = {f"{amount}...DTP*007": (amount,) for amount in members}
    edits |= {"REF*9X*612.50...DTP*007": ("REF*9X*712.50",), "REF*9V*512.50": ("REF*9V*612.50",)}
    told = Reader(tmp_path).rules(edited(BASES["ffe-initial"], edits), HARBOR)
    assert set(told) == {"category-date-missing", "premiums-do-not-add-up"}
