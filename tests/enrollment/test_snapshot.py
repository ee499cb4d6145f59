"""Questions to a book that remembers what it believed, and when."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from enrollment.snapshot import POLICY_TIMELINE, book_snapshot, policy_timeline
from schemas import tables

NIGHTS = [datetime.fromisoformat(f"2027-0{month}-01T06:00:00+00:00") for month in (1, 2, 3)]


@pytest.fixture
def remembering(carrier, say):
    """A carrier that learns in January of a policy, in February of a raise, in March of its end.

    The raise counts from 15 January on, the end is on 31 January: both are learnt late.
    """
    news = [
        say.enrollment("P1", "S1", "D1"),
        say.change("P1", "S1", amounts=[("PRE AMT TOT", "350.00", date(2027, 1, 15))]),
        say.termination("P1", "S1", date(2027, 1, 31)),
    ]
    for night, transaction in zip(NIGHTS, news, strict=True):
        carrier.begins_night(night)
        carrier.receives(transaction)
        carrier.applies()
    return carrier


@pytest.mark.parametrize(
    ("known_at", "premium", "benefit_end", "status"),
    [
        (NIGHTS[0], "300.00", None, "initial"),
        (NIGHTS[1] - timedelta(seconds=1), "300.00", None, "initial"),
        (NIGHTS[1], "350.00", None, "initial"),
        (NIGHTS[2] - timedelta(seconds=1), "350.00", None, "initial"),
        (NIGHTS[2], "350.00", date(2027, 1, 31), "terminated"),
    ],
)
def test_what_did_we_know_then_about_the_end_of_january(
    remembering, known_at, premium, benefit_end, status
):
    """The answer is what had been learnt by then, even where it was wrong."""
    row = policy_timeline(remembering.conn, "P1", date(2027, 1, 20), known_at).to_pylist()[-1]

    assert row["premium_total"] == Decimal(premium)
    assert (row["benefit_end"], row["status"]) == (benefit_end, status)


def test_the_timeline_names_the_file_and_the_bytes_of_each_version(remembering):
    """Each version has its transaction, its file, and the place of the subscriber's INS."""
    timeline = policy_timeline(remembering.conn, "P1")

    assert timeline.schema.equals(POLICY_TIMELINE)
    rows = timeline.to_pylist()
    assert [row["transaction"] for row in rows] == ["initial", "change", "termination"]
    assert len({row["file_name"] for row in rows}) == 3
    assert [row["byte_start"] for row in rows] == [100, 100, 100]
    assert [row["members"] for row in rows] == [2, 2, 2]
    assert [row["known_from"] for row in rows] == [f"2027-0{n}-01T06:00:00Z" for n in (1, 2, 3)]
    assert [row["known_to"] for row in rows] == [
        "2027-02-01T06:00:00Z",
        "2027-03-01T06:00:00Z",
        None,
    ]


def test_nobody_is_covered_outside_the_dates(remembering):
    """Before the first and after the last day the policy covers no member."""
    before = policy_timeline(remembering.conn, "P1", date(2026, 12, 31)).to_pylist()[-1]
    after = policy_timeline(remembering.conn, "P1", date(2027, 2, 1)).to_pylist()[-1]

    assert (before["members"], after["members"]) == (0, 0)


def test_a_snapshot_of_a_former_night_does_not_change(carrier, say):
    """What a night froze can be made again, to the byte, after later nights."""
    carrier.begins_night(NIGHTS[0])
    carrier.receives(say.enrollment("P1", "S1", "D1"))
    carrier.applies()
    frozen = book_snapshot(carrier.conn, "cedar-valley-tx", NIGHTS[0])
    carrier.begins_night(NIGHTS[1])
    carrier.receives(say.change("P1", "S1", last_name="RENAMED"))
    carrier.receives(say.enrollment("P2", "S2"))
    carrier.applies()

    again = book_snapshot(carrier.conn, "cedar-valley-tx", NIGHTS[0])

    assert frozen.schema.equals(tables.BOOK_MEMBERS)
    assert frozen.num_rows == 2
    assert again.equals(frozen)


def test_a_book_shows_no_other_partners_policies(carrier, say):
    """A partner's snapshot holds that partner's rows only."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()

    assert book_snapshot(carrier.conn, "harbor-light-nc", carrier.as_of).num_rows == 0
