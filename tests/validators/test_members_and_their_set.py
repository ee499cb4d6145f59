"""Who falls with whom: members, households and transaction sets, by the partner's switch."""

from dataclasses import replace

import numpy as np
import pytest

from schemas.partners import load_partner
from tests.cases.enrollment import DEPENDENT, HEADER, MEMBER, Group, Interchange, Set, changed
from tests.cases.ffe import told_in_the_district
from validators.check import Terms
from validators.members import Members

# At an exchange whose sets may have several households.
MEMBER_REJECT = load_partner("potomac-dc")
SET_REJECT = MEMBER_REJECT.model_copy(update={"on_member_error": "set_reject"})
BAD_DATE = "element-date-invalid"
BAD = changed(MEMBER, "DMG", "DMG*D8*20260230*F")
BAD_DEPENDENT = changed(DEPENDENT, "DMG", "DMG*D8*20150732*M")


def _file(*sets):
    numbered = (
        Set((*header, *(segment for member in members for segment in member)), number=f"{n:04d}")
        for n, (header, *members) in enumerate(sets, 1)
    )
    return Interchange((Group(tuple(numbered)),))


def _verdict(reader, partner, *members, header=HEADER):
    return reader.verdict(told_in_the_district(_file((header, *members))), Terms(partner))


def _fallen(verdict):
    return [row["reason"] for row in verdict.dispositions.to_pylist()]


def test_with_set_reject_a_fault_of_a_member_rejects_all_of_its_set(reader):
    """IK5 R 5, and every member has the reason."""
    verdict = _verdict(reader, SET_REJECT, MEMBER, BAD_DEPENDENT)
    assert verdict.set_verdicts["ack"].to_pylist() == ["R"]
    assert _fallen(verdict) == [BAD_DATE, BAD_DATE]


def test_with_member_reject_the_rest_of_the_set_is_accepted(reader):
    """IK5 E 5: the 999 tells the error, the business layer rejects the member."""
    verdict = _verdict(reader, MEMBER_REJECT, MEMBER, BAD_DEPENDENT, DEPENDENT)
    assert verdict.set_verdicts.select(["ack", "codes"]).to_pylist() == [
        {"ack": "E", "codes": ["5"]}
    ]
    assert verdict.group_verdicts["ack"].to_pylist() == ["E"]
    assert verdict.group_verdicts["set_count_accepted"].to_pylist() == [1]
    assert _fallen(verdict) == [None, BAD_DATE, None]
    assert verdict.file_verdict == "partially_accepted"


def test_dependents_fall_with_their_subscriber(reader):
    """Nobody is covered by the enrollment of a subscriber whom we reject."""
    verdict = _verdict(reader, MEMBER_REJECT, MEMBER, DEPENDENT, BAD, DEPENDENT, DEPENDENT)
    assert _fallen(verdict) == [None, None, BAD_DATE, BAD_DATE, BAD_DATE]
    assert verdict.set_verdicts["ack"].to_pylist() == ["E"]


def test_a_set_of_which_no_member_is_left_is_rejected(reader):
    """Accepted with errors must mean that something was accepted."""
    verdict = _verdict(reader, MEMBER_REJECT, BAD, DEPENDENT)
    assert verdict.set_verdicts["ack"].to_pylist() == ["R"]
    assert verdict.group_verdicts["ack"].to_pylist() == ["R"]
    assert _fallen(verdict) == [BAD_DATE, BAD_DATE]


def test_a_fault_of_the_header_rejects_the_set_in_any_case(reader):
    """It concerns every member, whatever the switch says."""
    header = changed(HEADER, "BGN", "BGN*00*12456*20260101*9900****2")
    verdict = _verdict(reader, MEMBER_REJECT, MEMBER, DEPENDENT, header=header)
    assert verdict.set_verdicts["ack"].to_pylist() == ["R"]
    assert _fallen(verdict) == ["element-time-invalid"] * 2


def test_neighbouring_sets_are_judged_each_on_its_own(reader):
    """A household ends where its set ends, even when the next one has no subscriber."""
    content = _file((HEADER, BAD), (HEADER, DEPENDENT), (HEADER, MEMBER, DEPENDENT))
    verdict = reader.verdict(told_in_the_district(content), Terms(MEMBER_REJECT))
    assert verdict.set_verdicts["ack"].to_pylist()[0] == "R"
    assert _fallen(verdict)[0] == BAD_DATE
    assert BAD_DATE not in _fallen(verdict)[1:]


@pytest.mark.parametrize(
    ("sets", "subscribers", "households"),
    [
        ([1, 1, 1], "YNN", [1, 1, 1]),
        ([1, 1, 1, 1], "YNYN", [1, 1, 2, 2]),
        ([1, 1, 2, 2], "YNNY", [1, 1, 2, 2]),
        ([1, 1, 1, 1], "NYNY", [1, 1, 1, 2]),
        ([1, 2, 2], "NNN", [1, 2, 2]),
        ([], "", []),
    ],
)
def test_households_follow_subscribers_within_a_set(sets, subscribers, households):
    """A subscriber begins one; dependents before the first subscriber of a set belong to it."""
    members = Members(np.array(sets, np.int64), np.array([s == "Y" for s in subscribers], np.bool_))
    assert members.households().tolist() == households


def test_what_is_rejected_by_x12_names_the_innermost_reason(reader):
    """A set's own fault comes before that of its group."""
    two = _file((HEADER, MEMBER), (HEADER, BAD))
    (group,) = two.groups
    verdict = reader.verdict(replace(two, groups=(replace(group, set_count="3"),)))
    assert _fallen(verdict) == ["group-set-count-differs", BAD_DATE]
