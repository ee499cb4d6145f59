"""What an issuer sends, by hand from CMS guide 7.2, tables 12-14 and 18-22: one set of each kind.

From harbor-light-nc to the federal exchange: Jane and her child John, who have paid January; Jane
alone, who has not, who stops paying in March, and who comes back; both with new issuer ids.
"""

from tests.cases.enrollment import Group, Interchange, Set

_PARTIES = ("N1*P5*JANE DOE*94*0000011111", "N1*IN*HARBOR LIGHT INSURANCE*FI*007654321")
_BGN = "BGN*00*12456*20260301*063015****2"
_ALONE = (_BGN, "QTY*TO*1", *_PARTIES)
_FAMILY = (_BGN, "QTY*TO*2", "QTY*DT*1", *_PARTIES)
_STAMP = ("LS*2700", "LX*1", "N1*75*REQUEST SUBMIT TIMESTAMP", "REF*17*2026030106301525", "LX*2")

_EFFECTUATION = (
    *_FAMILY,
    "INS*Y*18*021*28*A***AC",
    "REF*0F*0000011111",
    "REF*17*0000011111",
    "REF*23*M-11111",
    "REF*ZZ*S-11111",
    "DTP*356*D8*20260101",
    "NM1*IL*1*DOE*JANE*Q",
    "DMG*D8*19800229*F",
    "HD*021**HLT",
    "DTP*348*D8*20260101",
    "DTP*543*D8*20260131",
    "REF*CE*91002NC001000101",
    "REF*1L*9100000001",
    "REF*X9*P-9001",
    *_STAMP,
    "N1*75*ADDL MAINT REASON",
    "REF*17*CONFIRM",
    "LE*2700",
    "INS*N*19*021*28*A",
    "REF*0F*0000011111",
    "REF*17*0000033333",
    "REF*23*M-33333",
    "REF*ZZ*S-11111",
    "DTP*356*D8*20260101",
    "NM1*IL*1*DOE*JOHN",
    "DMG*D8*20150704*M",
    "HD*021**HLT",
    "DTP*348*D8*20260101",
    "REF*CE*91002NC001000101",
    "REF*1L*9100000001",
    "REF*X9*P-9001",
    *_STAMP,
    "N1*75*ADDL MAINT REASON",
    "REF*17*CONFIRM",
    "LE*2700",
)


def _ended(reason_code, reason, end):
    """A policy that ends: the subscriber alone, the policy id in loop 2000, and no loop 2300."""
    return (
        *_ALONE,
        f"INS*Y*18*024*{reason_code}*A***TE",
        "REF*0F*0000011111",
        "REF*1L*9100000001",
        "REF*17*0000011111",
        "REF*23*M-11111",
        "REF*ZZ*S-11111",
        f"DTP*357*D8*{end}",
        "NM1*IL*1*DOE*JANE*Q",
        "DMG*D8*19800229*F",
        *_STAMP,
        "N1*75*ADDL MAINT REASON",
        f"REF*17*{reason}",
        f"DTP*007*D8*{end}",
        "LE*2700",
    )


_REINSTATEMENT = (
    *_ALONE,
    "INS*Y*18*025**A***AC",
    "REF*0F*0000011111",
    "REF*17*0000011111",
    "REF*23*M-11111",
    "REF*ZZ*S-11111",
    "DTP*356*D8*20260101",
    "NM1*IL*1*DOE*JANE*Q",
    "DMG*D8*19800229*F",
    "HD*025**HLT",
    "DTP*348*D8*20260101",
    "REF*CE*91002NC001000101",
    "REF*1L*9100000001",
    "REF*X9*P-9001",
    *_STAMP,
    "N1*75*ADDL MAINT REASON",
    "REF*17*ISSUER - REINSTATEMENT",
    "DTP*007*D8*20260101",
    "LE*2700",
)
_MAINTENANCE = (  # Jane's ids change: each one beside the one that it replaces
    *_FAMILY,
    "INS*Y*18*001*25*A***AC",
    "REF*0F*0000011111",
    "REF*17*0000011111",
    "REF*23*M-11111-2",
    "REF*ABB*M-11111",
    "REF*ZZ*S-11111-2",
    "REF*Q4*S-11111",
    "DTP*303*D8*20260301",
    "DTP*356*D8*20260101",
    "NM1*IL*1*DOE*JANE*Q",
    "HD*001**HLT",
    "DTP*303*D8*20260301",
    "DTP*348*D8*20260101",
    "REF*CE*91002NC001000101",
    "REF*1L*9100000001",
    "REF*X9*P-9001-2",
    "REF*XM*P-9001",
    "LS*2700",
    "LX*1",
    "N1*75*ADDL MAINT REASON",
    "REF*17*ISSUER MAINT",
    "DTP*007*D8*20260301",
    "LE*2700",
    "INS*N*19*001**A",
    "REF*0F*0000011111",
    "REF*17*0000033333",
    "DTP*356*D8*20260101",
    "NM1*IL*1*DOE*JOHN",
    "HD*001**HLT",
    "DTP*348*D8*20260101",
    "REF*CE*91002NC001000101",
    "REF*1L*9100000001",
    "LS*2700",
    "LX*1",
    "N1*75*ADDL MAINT REASON",
    "REF*17*NO CHANGE",
    "DTP*007*D8*20260101",
    "LE*2700",
)
SETS = {
    "effectuation": _EFFECTUATION,
    "cancellation": _ended("59", "CANCEL", "20260101"),
    "termination": _ended("59", "TERM", "20260131"),
    "maintenance": _MAINTENANCE,
    "reinstatement": _REINSTATEMENT,
}


def interchange(*sets):
    """An interchange from the issuer with these sets, in one group of its plan."""
    numbered = tuple(Set(body, number=f"{n:09d}") for n, body in enumerate(sets, 501))
    header = "GS*BE*91002NC0010001*NC0*20260301*0630*{number}*X*005010X220A1"
    written = Interchange((Group(numbered, header=header, number="21"),))
    for position, value in (
        (6, f"{'007654321T':15}"),
        (8, f"{'CMSFFM':15}"),
        (9, "260301"),
        (10, "0630"),
        (13, "000000007"),
        (14, "1"),
    ):
        written = written.with_isa(position, value)
    return written


OURS = {f"our-{name}": (interchange(body),) for name, body in SETS.items()}
