"""Policies of two plan years in one book: an enrollment without an end ends with its year."""

from datetime import date, timedelta

import pytest

from enrollment.batches import StagedFiles, batch_tables
from enrollment.holds import hold_endings, holds
from schemas.outgoing import load_holding
from tests.enrollment.conftest import PARTNER, naming
from tests.enrollment.test_what_we_say import decides

OCTOBER, IN_JANUARY = date(2026, 10, 1), date(2027, 1, 10)


@pytest.fixture
def renewed(carrier, say):
    """A carrier at which ten policies of 2026 were renewed for 2027, all without an end."""
    for n in range(10):
        carrier.receives(say.enrollment(f"A{n}", f"S{n}", begin=OCTOBER))
        renewal = say.enrollment(f"B{n}", f"S{n}", reason="PASSIVE", maintenance_reason="41")
        carrier.receives(renewal)
    carrier.applies()
    return carrier


def test_who_is_renewed_is_not_covered_twice(renewed, say):
    """The old policy ends on December 31; one that reaches into its year does overlap."""
    assert renewed.open_items() == []

    renewed.receives(say.enrollment("C1", "S1", begin=date(2026, 12, 1)))
    renewed.applies()

    assert renewed.open_items() == [("covered-twice", "A1", "C1")]


def test_the_gate_counts_policies_of_the_year_as_in_force(renewed, say):
    """In January those of the year before are over."""
    file_id = renewed.receives(*(say.termination(f"B{n}", f"S{n}", IN_JANUARY) for n in range(2)))
    found = {
        day: batch_tables(renewed.conn, StagedFiles(PARTNER, [file_id], naming("B1")), day)
        for day in (date(2026, 12, 31), IN_JANUARY)
    }

    in_force = [table["policies"]["ended"].to_pylist() for table in found.values()]
    assert [(len(rows), sum(rows)) for rows in in_force] == [(20, 2), (10, 2)]
    omitted = [table["policies_of_full_file"]["omitted"].to_pylist() for table in found.values()]
    assert [(len(rows), sum(rows)) for rows in omitted] == [(20, 19), (10, 9)]
    members = [table["members_of_full_file"].num_rows for table in found.values()]
    assert members == [20, 10]


def test_a_hold_measures_by_the_policies_of_the_year(renewed):
    """A share of them, not of all that ever were."""
    renewed.begins_night(renewed.as_of + timedelta(days=40))
    decides(renewed, "termination", "B1")
    bounds = load_holding().model_copy(
        update={"fewest_endings": 1, "share_of_policies": 0.07, "endings": 50}
    )

    assert hold_endings(renewed.conn, renewed.run_id, PARTNER, IN_JANUARY, bounds) is not None
    (reason,) = holds(renewed.conn)[0].reasons
    assert reason.startswith("10.0% of 10 policies in force would end")


def test_a_full_file_of_the_new_year_leaves_out_nobody_of_the_old_one(renewed):
    """Its policies are over when the file is made."""
    told = renewed.told_otherwise(*(f"B{n}" for n in range(10)), moment="2027011001000000")
    assert told == []
    told = renewed.told_otherwise(*(f"B{n}" for n in range(10)), moment="2026123101000000")
    assert {row["exchange_policy_id"] for row in told} == {f"A{n}" for n in range(10)}


def test_a_member_of_the_old_year_is_not_left_out_of_a_policy_that_is_named(carrier, say):
    """He was covered until December 31; in December he is missed."""
    carrier.receives(say.enrollment("A1", "S1", "D1", begin=OCTOBER))
    carrier.applies()

    def missed(moment):
        told = carrier.told_otherwise(("A1", "S1"), moment=moment)
        return [row["exchange_member_id"] for row in told]

    assert missed("2026123101000000") == ["D1"]
    assert missed("2027010101000000") == []
