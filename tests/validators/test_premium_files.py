"""Files of payments are judged by their own guide, and by what their groups are, not by names."""

import pytest

from schemas.declared_guide import guide_named, guides, load_premium_guide
from schemas.guide import load_guide
from tests.cases.enrollment import Group, Interchange, Set, changed, enrollment
from tests.cases.payments import GROUP, HEADER, POLICY, payments
from tests.cases.reading import Reader


@pytest.fixture
def reader(tmp_path):
    """Reads contents in a folder of the test."""
    return Reader(tmp_path)


@pytest.mark.parametrize(
    ("edited", "rule"),
    [
        (changed(POLICY, "REF*POL"), "segment-missing"),
        (changed(POLICY, "NM1*IL", "NM1*IL*2*ALDER*ROBIN****C1*1"), "code-not-in-guide"),
        (changed(POLICY, "ENT", "ENT*1", "CLM*1*2"), "segment-not-in-set"),
        (changed(POLICY, "REF*AZ", "REF*AZ*1", "REF*AZ*2"), "segment-repeated-too-often"),
        (changed(POLICY, "RMR*ZZ*UF", "RMR*ZZ*UF"), "element-missing"),
        (changed(POLICY, "DTM*582", "DTM*582****RD8*20260131-20260101"), "element-date-invalid"),
    ],
)
def test_faults_of_structure_reject_the_set(reader, edited, rule):
    """As of an 834: the rule, and no other transaction set than its own."""
    verdict = reader.verdict(payments(edited))
    assert rule in verdict.issues["rule"].to_pylist()
    assert verdict.set_verdicts["ack"].to_pylist() == ["R"]
    assert verdict.issues["member_ordinal"].null_count == len(verdict.issues)


def test_the_sentence_names_the_transaction_set(reader):
    """A segment is not one of the 820 here, and not one of the 834 there."""
    told = reader.verdict(payments(changed(POLICY, "ENT", "ENT*1", "CLM*1*2"))).issues
    assert told["message"][0].as_py() == "CLM is not a segment of the 820."
    other = changed(enrollment().groups[0].sets[0].body, "INS", "INS*Y*18*021*EC*A***AC", "CLM*1*2")
    told = reader.verdict(Interchange((Group((Set(other),)),))).issues
    assert told["message"][0].as_py() == "CLM is not a segment of the 834."


def test_an_unknown_reference_of_a_policy_is_kept(reader):
    """What the open part of the guide does not know is no fault."""
    assert reader.rules(payments(changed(POLICY, "REF*0F", "REF*0F*1", "REF*4A*2"))) == []


def test_a_group_of_payments_among_enrollments_is_refused(reader):
    """A file with enrollments is read as one: the 820 in it is rejected, and its money not read."""
    both = Interchange((*enrollment().groups, *payments().groups))
    both = Interchange((both.groups[0], Group(both.groups[1].sets, header=GROUP, number="2")))
    checked, tables = reader.check(both)
    assert checked.verdict.group_verdicts["ack"].to_pylist() == ["A", "R"]
    assert "premium_payments" not in tables.parts
    assert len(tables["members"]) == 1


def test_a_wrong_version_of_the_guide_is_refused(reader):
    """005010X218 is another purpose of the same transaction set."""
    verdict = reader.verdict(payments().text().replace("005010X306", "005010X218"))
    assert verdict.file_verdict == "rejected"
    assert verdict.group_verdicts["codes"].to_pylist() == [["2"]]


def test_a_set_without_a_total_is_missing_a_segment(reader):
    """It has nothing to balance with, and says no more than that."""
    rules = reader.rules(payments(header=changed(HEADER, "BPR")))
    assert rules == ["segment-missing"]


def test_guides_stand_for_themselves():
    """Each version has its own group and set, and the envelope is the same but for these."""
    assert [(one.functional_identifier, one.set_identifier) for one in guides()] == [
        ("BE", "834"),
        ("RA", "820"),
    ]
    assert guide_named("005010X220A1") is load_guide()
    envelope = {"ISA", "GS", "ST", "SE", "GE", "IEA", "TA1"}
    of_820 = {s.segment_id: s for s in load_premium_guide().segments if s.segment_id in envelope}
    of_834 = {s.segment_id: s for s in load_guide().segments if s.segment_id in envelope}
    assert of_820.keys() == of_834.keys()
    for name, segment in of_820.items():
        assert [e.data_element for e in segment.elements] == [
            e.data_element for e in of_834[name].elements
        ]


LARGEST = "9999999999.99"


@pytest.mark.parametrize(
    "policy",
    [
        changed(POLICY, "RMR*ZZ*APTC", *2 * (f"RMR*ZZ*APTC**{LARGEST}", POLICY[7])),
        (*POLICY[:6], f"RMR*ZZ*APTC**{LARGEST}", POLICY[7], f"ADX*{LARGEST}*52", *POLICY[8:]),
        (*POLICY[:8], *2 * (f"ADX*-{LARGEST}*52",), *POLICY[8:]),
    ],
)
def test_sums_that_no_amount_can_hold_are_a_difference(reader, policy):
    """Each amount is as long as may be, and what they add up to is not what the set pays."""
    assert "payment-total-differs" in reader.rules(payments(policy))
