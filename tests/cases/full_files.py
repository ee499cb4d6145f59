"""Families of a state exchange: enrolled by one file, and told as a whole by full files after it.

Written by hand from the form that public code of DC's exchange sends (INS03 030, INS04 XN, HD01
030, BGN08 4): a set for each family of a subscriber and her child, half of them in each plan.
"""

from dataclasses import dataclass

from tests.cases.enrollment import Group, Interchange, Set
from tests.cases.ffe import told_in_the_district

PLANS = ("91002NC001000101", "91002NC001000201")


@dataclass(frozen=True)
class Family:
    """A policy by its number, and those of its members whom a file names."""

    number: int
    members: tuple[str, ...] = ("subscriber", "child")

    @property
    def policy_id(self):
        """REF*1L of the policy."""
        return f"91{self.number:08d}"

    @property
    def plan(self):
        """Its plan, told as the federal exchange does."""
        return PLANS[self.number % 2]

    def child_id(self):
        """REF*17 of the child."""
        return f"{self.number:08d}02"


def families(count):
    """That many families, each as a whole."""
    return tuple(Family(number) for number in range(1, count + 1))


def enrollment_of(told, number):
    """The bytes of a file that enrolls the families, under a control number of nine digits."""
    return _file(told, number, "021*EC", "2", "2026030112000000")


def full_file_of(told, number, *, day):
    """The bytes of a full file of a day (CCYYMMDD) that names the families."""
    return _file(told, number, "030*XN", "4", f"{day}12000000")


def _file(told, number, codes, action, moment):
    plans = [[one for one in told if one.plan == plan] for plan in PLANS]
    groups = tuple(
        Group(tuple(_set(one, codes, action, moment) for one in of_plan), number=f"{number}{place}")
        for place, of_plan in enumerate(plans)
        if of_plan
    )
    interchange = Interchange(groups).with_isa(13, f"{number:09d}")
    return told_in_the_district(interchange).text().encode()


def _set(family, codes, action, moment):
    count = len(family.members)
    header = [f"BGN*00*{family.number:06d}*20260301*120000*ET***{action}", f"QTY*TO*{count}"]
    if count > 1:
        header.append(f"QTY*DT*{count - 1}")
    header += ["N1*P5*JANE DOE*94*0000011111", "N1*IN*HARBOR LIGHT INSURANCE*FI*007654321"]
    body = [
        segment for member in family.members for segment in _member(family, member, codes, moment)
    ]
    return Set((*header, *body), number=f"{family.number:04d}")


def _member(family, member, codes, moment):
    is_subscriber = member == "subscriber"
    number = f"{family.number:08d}0{1 if is_subscriber else 2}"
    yield f"INS*{'Y*18' if is_subscriber else 'N*19'}*{codes}*A{'***AC' if is_subscriber else ''}"
    yield from (f"REF*0F*{family.number:08d}01", f"REF*17*{number}", "DTP*356*D8*20260101")
    yield f"NM1*IL*1*DOE*{'JANE' if is_subscriber else 'JOHN'}"
    yield from ("N3*1 MAIN ST", "N4*CHARLOTTE*NC*28202**CY*37119")
    yield f"DMG*D8*{'19800229*F' if is_subscriber else '20150704*M'}"
    yield from (f"HD*{codes[:3]}**HLT", "DTP*348*D8*20260101")
    yield from (f"REF*CE*{family.plan}", f"REF*1L*{family.policy_id}")
    amounts = [("PRE AMT 1", "9X", "300.00" if is_subscriber else "100.00")]
    if is_subscriber:
        amounts += [("PRE AMT TOT", "9X", "400.00"), ("APTC AMT", "9V", "100.00")]
        amounts += [("TOT RES AMT", "9V", "300.00"), ("RATING AREA", "9X", "R-NC001")]
    amounts += [("SOURCE EXCHANGE ID", "17", "NC0")]
    yield from ("LS*2700", "LX*1", "N1*75*REQUEST SUBMIT TIMESTAMP", f"REF*17*{moment}")
    for place, (name, qualifier, value) in enumerate(amounts, 2):
        yield from (f"LX*{place}", f"N1*75*{name}", f"REF*{qualifier}*{value}")
        yield "DTP*007*D8*20260101"
    yield "LE*2700"
