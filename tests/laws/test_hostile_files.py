"""Files that are made to be slow or large are read in bounded pieces, and told in few words."""

from dataclasses import replace

import pytest

from parsers.reading import open_received
from schemas.limits import load_limits
from tests.cases.enrollment import DEPENDENT, HEADER, MEMBER, Group, Interchange, Set
from tests.laws.hostile import CONTENTS
from validators.check import Terms

SIZE = 3000
SMALL = replace(load_limits(), stretch_bytes=2000, longest_loop_bytes=3000, issues_of_a_rule=5)


@pytest.mark.fault("F33", "F19")
@pytest.mark.control("malicious-code")
@pytest.mark.parametrize("name", CONTENTS)
def test_hostile_contents_are_bounded(reader, name):
    """No piece is longer than its limits, no header or member has more issues than its limits."""
    content = CONTENTS[name](SIZE).encode()
    with open_received(reader.path(content)) as received:
        spans = list(received.spans(SMALL))
    longest = max((span.byte_end - span.byte_start for span in spans), default=0)
    assert longest <= SMALL.stretch_bytes + SMALL.longest_loop_bytes
    verdict = reader.verdict(content, Terms(limits=SMALL))
    assert len(verdict.issues) <= 30 * SMALL.issues_of_a_rule


def test_what_follows_a_loop_that_is_too_long_is_read(reader):
    """The member is told and its set rejected; the next set of the file is clean."""
    endless = (*MEMBER[:2], *("REF*17*1",) * 2000, *MEMBER[2:])
    sets = (Set((*HEADER, *endless, *DEPENDENT)), Set((*HEADER, *DEPENDENT), number="0002"))
    verdict = reader.verdict(Interchange((Group(sets),)), Terms(limits=SMALL))
    told = [(i["rule"], i["set_ordinal"], i["member_ordinal"]) for i in verdict.issues.to_pylist()]
    assert ("loop-too-long", 1, 1) in told
    assert {set_ordinal for _, set_ordinal, _ in told} == {1}
    assert verdict.set_verdicts["ack"].to_pylist() == ["R", "A"]
    assert len(verdict.dispositions) == 3


@pytest.mark.fault("F33")
@pytest.mark.control("malicious-code")
def test_a_file_of_too_many_interchanges_is_not_read(reader):
    """It is one issue, and the file goes to quarantine."""
    few = Terms(limits=replace(SMALL, interchanges=2))
    verdict = reader.verdict(CONTENTS["many interchanges"](SIZE), few)
    assert verdict.issues["rule"].to_pylist() == ["interchanges-too-many"]
    assert verdict.file_verdict == "unreadable"


def test_faults_that_are_left_out_are_told(reader):
    """The set is rejected all the same, by the first places of the rule."""
    verdict = reader.verdict(CONTENTS["a member of nothing but faults"](SIZE))
    rules = verdict.issues["rule"].to_pylist()
    assert rules.count("components-too-many") == load_limits().issues_of_a_rule
    assert "issues-left-out" in rules
    assert verdict.set_verdicts["ack"].to_pylist() == ["R"]


@pytest.mark.fault("F33")
@pytest.mark.parametrize(
    ("repeated", "limit", "rule"),
    [
        ("GS~", "functional_groups", "groups-too-many"),
        ("ST~", "transaction_sets", "sets-too-many"),
        ("INS~", "issues_of_a_stretch", "issues-too-many"),
    ],
)
def test_a_file_of_nothing_but_beginnings_is_refused(reader, repeated, limit, rule):
    """It is one issue: a small file of them would otherwise take all memory."""
    good = Interchange((Group((Set((*HEADER, *MEMBER)),)),)).text()
    content = good.replace("INS*", f"{repeated * 40}INS*", 1)
    few = Terms(limits=replace(load_limits(), **{limit: 20}))
    assert reader.verdict(content).file_verdict != "unreadable"
    verdict = reader.verdict(content, few)
    assert verdict.issues["rule"].to_pylist() == [rule]
    assert verdict.file_verdict == "unreadable"


@pytest.mark.fault("F33")
def test_findings_beyond_the_limit_become_no_rows(reader):
    """Far more findings than the limit of one stretch: the rows that are made stay few."""
    good = Interchange((Group((Set((*HEADER, *MEMBER)),)),)).text()
    content = good.replace("INS*", "INS~" * (load_limits().issues_of_a_stretch // 4) + "INS*", 1)
    assert reader.verdict(content).issues["rule"].to_pylist() == ["issues-too-many"]
