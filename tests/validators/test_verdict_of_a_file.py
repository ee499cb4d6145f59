"""One verdict: what TA1, 999 and dispositions say cannot contradict each other."""

import re
from dataclasses import replace

import pytest

from tests.cases.enrollment import (
    DEPENDENT,
    HEADER,
    MEMBER,
    Group,
    Interchange,
    Set,
    changed,
    enrollment,
)
from validators.check import Terms

GOOD = Set((*HEADER, *MEMBER))
BAD = Set((*HEADER, *changed(MEMBER, "DMG", "DMG*D8*20260230*F"), *DEPENDENT), number="0002")
UNKNOWN = "element-date-invalid"


def _one_group(*sets, **changes):
    numbered = tuple(replace(one, number=f"{n:04d}") for n, one in enumerate(sets, 1))
    return Interchange((replace(Group(numbered), **changes),))


def _group(reader, content):
    (row,) = reader.verdict(content).group_verdicts.to_pylist()
    counts = ("set_count_included", "set_count_received", "set_count_accepted")
    return row["ack"], row["codes"], tuple(row[name] for name in counts)


def test_a_good_file_is_accepted_in_all_its_parts(reader):
    """TA1 A 000, AK901 A, IK501 A, and every member accepted."""
    verdict = reader.verdict(enrollment(MEMBER, DEPENDENT))
    assert verdict.file_verdict == "accepted"
    assert verdict.interchange_verdicts.to_pylist() == [
        {
            "interchange_ordinal": 1,
            "control_number": "000000001",
            "ta1_code": "A",
            "ta1_note": "000",
        }
    ]
    assert verdict.group_verdicts["ack"].to_pylist() == ["A"]
    assert verdict.set_verdicts["ack"].to_pylist() == ["A"]
    assert verdict.dispositions["state"].to_pylist() == ["accepted"] * 2


def test_a_bad_set_is_rejected_and_its_neighbours_are_not(reader):
    """IK5 R 5 for the one, AK9 P for the group; members go with their set."""
    content = _one_group(GOOD, BAD, GOOD)
    verdict = reader.verdict(content)
    assert verdict.file_verdict == "partially_accepted"
    assert verdict.set_verdicts["ack"].to_pylist() == ["A", "R", "A"]
    assert verdict.set_verdicts["codes"].to_pylist() == [[], ["5"], []]
    assert _group(reader, content) == ("P", [], (3, 3, 2))
    assert [(row["state"], row["reason"]) for row in verdict.dispositions.to_pylist()] == [
        ("accepted", None),
        ("rejected", UNKNOWN),
        ("rejected", UNKNOWN),
        ("accepted", None),
    ]


def test_a_group_without_an_accepted_set_is_rejected(reader):
    """AK901 R, and so is the file."""
    assert _group(reader, _one_group(BAD, BAD)) == ("R", [], (2, 2, 0))
    assert reader.verdict(_one_group(BAD)).file_verdict == "rejected"


def test_a_rejected_group_rejects_its_sets(reader):
    """AK905 5: no member of the group counts, though each set is good."""
    content = _one_group(GOOD, GOOD, set_count="3")
    assert _group(reader, content) == ("R", ["5"], (3, 2, 0))
    verdict = reader.verdict(content)
    assert verdict.set_verdicts["ack"].to_pylist() == ["R", "R"]
    assert verdict.dispositions["reason"].to_pylist() == ["group-set-count-differs"] * 2


def test_a_declared_count_that_is_no_number_is_what_was_received(reader):
    """AK902 must be a number, whatever GE01 is."""
    assert _group(reader, _one_group(GOOD, set_count="X")) == ("R", ["5"], (1, 1, 0))


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"group_count": "2"}, "021"),
        ({"trailer_number": "9"}, "001"),
        ({"has_trailer": False}, "023"),
    ],
)
def test_a_rejected_interchange_rejects_all_that_is_in_it(reader, change, note):
    """TA1 R means that no set of it can be accepted."""
    verdict = reader.verdict(replace(enrollment(), **change))
    assert verdict.interchange_verdicts["ta1_code"].to_pylist() == ["R"]
    assert verdict.interchange_verdicts["ta1_note"].to_pylist() == [note]
    assert verdict.group_verdicts["ack"].to_pylist() == ["R"]
    assert verdict.set_verdicts["ack"].to_pylist() == ["R"]
    assert verdict.dispositions["state"].to_pylist() == ["rejected"]
    assert verdict.file_verdict == "rejected"


def test_one_bad_interchange_does_not_harm_the_other(reader):
    """Two interchanges of one file are judged each on its own."""
    bad = replace(enrollment(), group_count="2").with_isa(13, "000000002")
    verdict = reader.verdict(enrollment().text() + bad.text() + bad.text())
    assert verdict.interchange_verdicts["ta1_code"].to_pylist() == ["A", "R", "R"]
    assert verdict.set_verdicts["ack"].to_pylist() == ["A", "R", "R"]
    assert verdict.file_verdict == "partially_accepted"


def test_an_interchange_seen_before_is_rejected(reader):
    """ISA06 and ISA13 together are never repeated (CMS guide 7.2, 3.2)."""
    seen = Terms(seen_interchanges=frozenset({("CMSFFM", "000000001")}))
    verdict = reader.verdict(enrollment(), seen)
    assert verdict.interchange_verdicts["ta1_note"].to_pylist() == ["025"]
    other = Terms(seen_interchanges=frozenset({("OTHER", "000000001")}))
    assert reader.verdict(enrollment(), other).file_verdict == "accepted"


def test_the_note_of_ta1_is_that_of_the_first_fault(reader):
    """ISA05 stands before IEA02."""
    content = replace(enrollment().with_isa(5, "99"), trailer_number="000000009")
    assert reader.verdict(content).interchange_verdicts["ta1_note"].to_pylist() == ["005"]


def test_at_most_five_codes_of_a_set_each_once(reader):
    """IK502 to IK506."""
    faults = changed(MEMBER, "DMG", "DMG*D8*1*Q"), changed(MEMBER, "DMG", "DMG*D8*2*Q")
    body = tuple(segment for member in faults for segment in member)
    one = Set((*HEADER, *body), number="1", count="9", trailer_number="2", header="ST*834*{number}")
    (codes,) = reader.verdict(Interchange((Group((one,)),))).set_verdicts["codes"].to_pylist()
    assert sorted(codes) == ["3", "4", "5", "7", "I6"]


def test_a_set_of_another_type_is_not_judged_as_an_834(reader):
    """IK502 6 and nothing else: its segments follow another guide."""
    foreign = Set(("BPR*I*1", "TRN*3*X"), header="ST*820*{number}*005010X306")
    verdict = reader.verdict(Interchange((Group((foreign,)),)))
    assert verdict.issues["rule"].to_pylist() == ["set-type-unsupported"]


@pytest.mark.parametrize(
    "content", [b"", b"   \n", b"PK\x03\x04", b"ISA*00*short~", "Isa".encode("utf-16")]
)
def test_what_cannot_be_read_has_no_answer(reader, content):
    """No interchange, no TA1: the file goes to quarantine."""
    verdict = reader.verdict(content)
    assert verdict.file_verdict == "unreadable"
    assert len(verdict.issues) == 1
    assert len(verdict.interchange_verdicts) == 0


@pytest.mark.control("no-phi-in-logs")
def test_messages_hold_no_value_of_the_file(reader):
    """Whatever an element holds, the sentence about it does not repeat it."""
    secret = "XQZWV"
    member = tuple(
        "*".join(element if n < 2 else secret for n, element in enumerate(segment.split("*")))
        for segment in MEMBER
    )
    for message in reader.verdict(enrollment(member)).issues["message"].to_pylist():
        assert secret not in message


def test_an_interchange_without_a_group_does_no_harm_to_the_one_before_it(reader):
    """Its sets belong to no group: neither counted nor judged with the last one that began."""
    good = enrollment()
    without = re.sub(r"G[SE]\*[^~]*~", "", good.with_isa(13, "000000002").text())
    verdict = reader.verdict(good.text() + without)

    assert verdict.interchange_verdicts["ta1_code"].to_pylist() == ["A", "R"]
    assert verdict.group_verdicts.select(["ack", "set_count_received"]).to_pylist() == [
        {"ack": "A", "set_count_received": 1}
    ]
    assert verdict.set_verdicts["ack"].to_pylist() == ["A", "R"]
    _, tables = reader.check(good.text() + without)
    assert tables["members"]["group_control_number"].to_pylist() == ["1", None]
