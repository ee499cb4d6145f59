"""Every wrong pair of neighbours in the envelope earns the code of TA1 or 999 that says it."""

import pytest

from tests.cases.enrollment import HEADER, MEMBER, Interchange

ISA = "*".join(("ISA", *Interchange(()).isa))
NEXT_ISA = ISA.replace("000000001", "000000002")
GS, GE = "GS*BE*NC0*91002NC0010001*20260101*1200*1*X*005010X220A1", "GE*1*1"
ST, SE = "ST*834*0001*005010X220A1", "SE*31*0001"
IEA, TA1 = "IEA*1*000000001", "TA1*000000009*260101*1200*A*000"
BODY = (*HEADER, *MEMBER)
STRAY = "NTE*ADD*STRAY"
SECOND_GS, SECOND_GE = GS.replace("*1*X", "*2*X"), "GE*1*2"
SECOND_ST, SECOND_SE = ST.replace("0001", "0002"), SE.replace("0001", "0002")
SECOND = (SECOND_GS, SECOND_ST, *BODY, SECOND_SE, SECOND_GE)

# (what stood before, what came then): segments, and the codes of TA105, AK905 and IK502.
PAIRS = {
    ("ISA", "ISA"): ((ISA, NEXT_ISA, GS, ST, *BODY, SE, GE, "IEA*1*000000002"), "022", "", ""),
    ("ISA", "ST"): ((ISA, ST, *BODY, SE, "IEA*0*000000001"), "024", "", ""),
    ("ISA", "SE"): ((ISA, SE, GS, ST, *BODY, SE, GE, IEA), "024", "", ""),
    ("ISA", "GE"): ((ISA, GE, GS, ST, *BODY, SE, GE, IEA), "024", "", ""),
    ("ISA", "IEA"): ((ISA, "IEA*0*000000001"), "024", "", ""),
    ("ISA", "stray"): ((ISA, STRAY, GS, ST, *BODY, SE, GE, IEA), "024", "", ""),
    ("ISA", "end"): ((ISA,), "023", "", ""),
    ("GS", "GS"): ((ISA, GS, SECOND_GS, ST, *BODY, SE, SECOND_GE, "IEA*2*000000001"), "", "3", ""),
    ("GS", "SE"): ((ISA, GS, SE, ST, *BODY, SE, GE, IEA), "024", "", ""),
    ("GS", "GE"): ((ISA, GS, "GE*0*1", IEA), "", "5", ""),
    ("GS", "IEA"): ((ISA, GS, IEA), "", "3", ""),
    ("GS", "TA1"): ((ISA, GS, TA1, ST, *BODY, SE, GE, IEA), "024", "", ""),
    ("GS", "stray"): ((ISA, GS, STRAY, ST, *BODY, SE, GE, IEA), "024", "", ""),
    ("GS", "end"): ((ISA, GS), "023", "3", ""),
    ("ST", "ST"): ((ISA, GS, ST, *BODY, SECOND_ST, *BODY, SECOND_SE, "GE*2*1", IEA), "", "", "2"),
    ("ST", "GS"): (
        (ISA, GS, ST, *BODY, *SECOND, "IEA*2*000000001"),
        *("", "3", "2"),
    ),
    ("ST", "GE"): ((ISA, GS, ST, *BODY, GE, IEA), "", "", "2"),
    ("ST", "IEA"): ((ISA, GS, ST, *BODY, IEA), "", "3", "2"),
    ("ST", "TA1"): ((ISA, GS, ST, *BODY, TA1, SE, GE, IEA), "024", "", ""),
    ("ST", "end"): ((ISA, GS, ST, *BODY), "023", "3", "2"),
    ("SE", "SE"): ((ISA, GS, ST, *BODY, SE, SE, GE, IEA), "024", "", ""),
    ("SE", "GS"): (
        (ISA, GS, ST, *BODY, SE, *SECOND, "IEA*2*000000001"),
        *("", "3", ""),
    ),
    ("SE", "IEA"): ((ISA, GS, ST, *BODY, SE, IEA), "", "3", ""),
    ("SE", "TA1"): ((ISA, GS, ST, *BODY, SE, TA1, GE, IEA), "024", "", ""),
    ("SE", "stray"): ((ISA, GS, ST, *BODY, SE, STRAY, GE, IEA), "024", "", ""),
    ("SE", "end"): ((ISA, GS, ST, *BODY, SE), "023", "3", ""),
    ("GE", "ST"): ((ISA, GS, ST, *BODY, SE, GE, SECOND_ST, *BODY, SECOND_SE, IEA), "024", "", ""),
    ("GE", "SE"): ((ISA, GS, ST, *BODY, SE, GE, SE, IEA), "024", "", ""),
    ("GE", "GE"): ((ISA, GS, ST, *BODY, SE, GE, GE, IEA), "024", "", ""),
    ("GE", "TA1"): ((ISA, GS, ST, *BODY, SE, GE, TA1, IEA), "024", "", ""),
    ("GE", "stray"): ((ISA, GS, ST, *BODY, SE, GE, STRAY, IEA), "024", "", ""),
    ("GE", "ISA"): ((ISA, GS, ST, *BODY, SE, GE, NEXT_ISA, TA1, "IEA*0*000000002"), "022", "", ""),
    ("GE", "end"): ((ISA, GS, ST, *BODY, SE, GE), "023", "", ""),
    ("TA1", "stray"): ((ISA, TA1, STRAY, "IEA*0*000000001"), "024", "", ""),
    ("IEA", "GS"): ((ISA, TA1, "IEA*0*000000001", GS, ST, *BODY, SE, GE), "024", "", ""),
    ("IEA", "IEA"): ((ISA, TA1, "IEA*0*000000001", IEA), "024", "", ""),
}
RIGHT = {
    "one set": (ISA, GS, ST, *BODY, SE, GE, IEA),
    "two groups": (
        *(ISA, GS, ST, *BODY, SE, GE),
        *(*SECOND, "IEA*2*000000001"),
    ),
    "TA1 before the group": (ISA, TA1, TA1, GS, ST, *BODY, SE, GE, IEA),
    "nothing but TA1": (ISA, TA1, "IEA*0*000000001"),
}


def _codes(verdict, field):
    return {i["x12_code"] for i in verdict.issues.to_pylist() if i["x12_field"] == field}


@pytest.mark.parametrize("pair", PAIRS, ids=" then ".join)
def test_a_wrong_pair_of_neighbours_is_told(reader, pair):
    """The codes of the pair are among those of TA1, AK9 and IK5, at bytes that begin a segment."""
    segments, ta1, ak9, ik5 = PAIRS[pair]
    content = "".join(f"{segment}~" for segment in segments)
    verdict = reader.verdict(content)
    assert verdict.file_verdict in ("rejected", "partially_accepted")
    for field, code in (("TA105", ta1), ("AK905", ak9), ("IK502", ik5)):
        assert not code or code in _codes(verdict, field)
    for issue in verdict.issues.to_pylist():
        shown = content[issue["byte_start"] : issue["byte_end"]]
        assert shown.startswith(issue["segment_id"])


@pytest.mark.parametrize("name", RIGHT)
def test_right_orders_are_accepted(reader, name):
    """TA1 segments stand between ISA and the first group, or alone."""
    content = "".join(f"{segment}~" for segment in RIGHT[name])
    verdict = reader.verdict(content)
    assert verdict.issues.to_pylist() == []
    assert verdict.file_verdict == "accepted"


def test_a_stray_trailer_of_a_later_interchange_is_no_trailer_of_a_group(reader):
    """Where the group's own GE is wrong, that is shown, and the stray one rejects where it is."""
    first = (ISA, GS, ST, *BODY, SE, "GE*3*1", IEA)
    for behind in ((), SECOND):
        second = (NEXT_ISA, GE, *behind, f"IEA*{len(behind) and 1}*000000002")
        content = "".join(f"{segment}~" for segment in (*first, *second))
        found = reader.verdict(content).issues.to_pylist()
        shown = {row["rule"]: content[row["byte_start"] : row["byte_end"]] for row in found}
        assert shown["group-set-count-differs"] == "GE*3*1"
        assert shown["segment-outside-transaction-set"] == GE
