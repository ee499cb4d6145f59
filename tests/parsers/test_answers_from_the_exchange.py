"""TA1 and 999 as rows by our own control numbers."""

import pytest

from parsers.acknowledgements import read_acknowledgements
from tests.cases.enrollment import Interchange, enrollment

ISA = "*".join(("ISA", *Interchange(()).isa))
GS = "GS*FA*R*S*20260101*1200*1*X*005010X231A1"
REPORT = (
    "ST*999*0001*005010X231A1",
    "AK1*BE*7*005010X220A1",
    "AK2*834*0001*005010X220A1",
    "IK5*A",
    "AK2*834*0002*005010X220A1",
    "IK3*INS*8*2000*8",
    "IK4*5*1216*7",
    "IK5*R*5",
    "AK9*P*2*2*1",
    "SE*10*0001",
)


def _read(reader, *segments):
    return read_acknowledgements(reader.path("".join(f"{one}~\n" for one in segments)))


def test_a_ta1_names_our_interchange(reader):
    """TA101 is our ISA13, TA104 the answer, TA105 the note."""
    answers = _read(reader, ISA, "TA1*000000042*260101*1200*R*025", "IEA*0*000000001")
    assert answers.interchanges.to_pylist() == [
        {"control_number": "000000042", "code": "R", "note": "025"}
    ]
    assert (len(answers.groups), len(answers.sets)) == (0, 0)


def test_a_999_answers_groups_and_sets(reader):
    """AK9 answers the group of AK1, IK5 the set of AK2."""
    answers = _read(reader, ISA, GS, *REPORT, "GE*1*1", "IEA*1*000000001")
    assert answers.groups.to_pylist() == [{"group_control_number": "7", "ack": "P"}]
    assert answers.sets.to_pylist() == [
        {"group_control_number": "7", "control_number": "0001", "ack": "A"},
        {"group_control_number": "7", "control_number": "0002", "ack": "R"},
    ]


def test_an_answer_that_is_cut_off_is_null(reader):
    """A set without IK5 takes no answer from the next one."""
    answers = _read(reader, ISA, GS, *REPORT[:3], *REPORT[4:7])
    assert answers.groups.to_pylist() == [{"group_control_number": "7", "ack": None}]
    assert [row["ack"] for row in answers.sets.to_pylist()] == [None, None]
    assert answers.unread == ("interchange-trailer-missing",)


def test_several_answers_in_one_file(reader):
    """Interchanges follow one another, TA1 segments stand before a group."""
    answers = _read(
        reader,
        *(ISA, "TA1*000000001*260101*1200*A*000", "TA1*000000002*260101*1200*E*001"),
        *(GS, *REPORT, "GE*1*1", "IEA*1*000000001"),
        *(ISA, GS, *(one.replace("*7*", "*8*") for one in REPORT), "GE*1*1", "IEA*1*000000001"),
    )
    assert answers.interchanges["code"].to_pylist() == ["A", "E"]
    assert answers.groups["group_control_number"].to_pylist() == ["7", "8"]
    assert answers.sets["group_control_number"].to_pylist() == ["7", "7", "8", "8"]


def test_a_file_without_answers_has_empty_tables(reader):
    """So has one that is no X12 at all."""
    for content in (enrollment(), b"", b"no X12"):
        answers = read_acknowledgements(reader.path(content))
        assert [len(t) for t in (answers.interchanges, answers.groups, answers.sets)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("damaged", "rule"),
    [
        (ISA.replace(" *ZZ", "*ZZ", 1), "interchange-header-malformed"),
        ("IEA*0*000000009", "interchange-without-header"),
    ],
)
def test_an_answer_that_is_not_read_is_told(reader, damaged, rule):
    """The answer of the good interchange beside it holds."""
    lost = (damaged, "TA1*000000001*260101*1200*R*001", "IEA*0*000000001")
    good = (ISA, "TA1*000000002*260101*1200*A*000", "IEA*0*000000002")
    for segments in ((*lost, *good), (*good, *(one.replace("*", "|") for one in lost))):
        answers = _read(reader, *segments)
        assert answers.unread == (rule,)
        assert answers.interchanges["control_number"].to_pylist() == ["000000002"]
    assert _read(reader, *good, *good).unread == ()
