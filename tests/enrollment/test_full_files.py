"""Full files of a state exchange in a row of nights: breaks that open, stay and close."""

from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from ledger.gates import form_batch
from pipeline.full_files import meet_full_files
from pipeline.runs import Run
from reconciliation.break_queries import Wanted, list_breaks, read_break
from tests.enrollment.deciding import Desk

PARTNER = "cedar-valley-tx"
NIGHT = datetime(2026, 11, 30, 22, tzinfo=UTC)


@pytest.fixture
def night(carrier_of_a_state, say, tmp_path):
    """A night of the carrier in which these sets come in one file, of that day."""
    carrier = carrier_of_a_state
    days = iter(range(1, 10))

    def run(*sets, clock="202612{:02d}01000000", name=None):
        day = next(days)
        carrier.begins_night(NIGHT + timedelta(days=day))
        file_id = None
        if sets:
            said = [say.at(clock.format(day), one) if clock else one for one in sets]
            file_id = carrier.receives(*said, name=name)
            form_batch(carrier.conn, PARTNER, carrier.run_id)
            (tmp_path / str(file_id)).mkdir()
            pq.write_table(carrier.parsed.members, tmp_path / str(file_id) / "members.parquet")
        carrier.applies()
        today = Run(carrier.run_id, carrier.as_of, 1)
        meet_full_files(carrier.conn, today, PARTNER, carrier.as_of.date(), tmp_path)
        return file_id

    run.carrier = carrier
    return run


def breaks(carrier):
    """Kind, policy, field and state of each break, and how often it was seen."""
    names = ("kind", "exchange_policy_id", "field", "state", "times_seen")
    return [tuple(row[name] for name in names) for row in list_breaks(carrier.conn, Wanted())]


def test_what_a_full_file_says_otherwise_is_a_break_until_the_next_one_agrees(night, say):
    """It names the file that said it, and the one that proved that it is gone."""
    night(say.enrollment("P1", "S1"), say.enrollment("P2", "S2"))
    assert breaks(night.carrier) == []
    said = night(say.audit("P1", "S1", last_name="OTHER"))
    found = [
        ("missing_at_carrier", "P2", None, "new", 1),
        ("differs", "P1", "last_name", "new", 1),
    ]
    assert sorted(breaks(night.carrier)) == sorted(found)
    night()
    assert sorted(breaks(night.carrier)) == sorted(found)  # the same file is no second sighting
    agrees = night(say.audit("P1", "S1"), say.audit("P2", "S2"))

    assert {row[3] for row in breaks(night.carrier)} == {"resolved"}
    rows = [
        read_break(night.carrier.conn, row["break_id"]).row
        for row in list_breaks(night.carrier.conn, Wanted(field="last_name"))
    ]
    values = [(row["source"], row["book_value"], row["carrier_value"]) for row in rows]
    assert values == [("exchange_full", "SAMPLE", "OTHER")]
    assert [(row["file_id"], row["resolved_file_id"]) for row in rows] == [(said, agrees)]
    assert len(night.carrier.coverage("P2")) == 1


def test_without_full_files_nothing_is_looked_at(night, say):
    """Changes alone say nothing of who is left out."""
    night(say.enrollment("P1", "S1"))
    night(say.enrollment("P2", "S2"))
    assert breaks(night.carrier) == []


def test_what_a_full_file_said_is_over_once_something_newer_has_come(carrier_of_a_state, say):
    """A newer full file, with which the book agrees."""
    carrier = carrier_of_a_state
    carrier.receives(say.enrollment("P1", "S1", "D1"), say.enrollment("P2", "S2"))
    carrier.applies()
    first, second = ("2026120101000000", "2026120201000000")
    told = [say.audit("P1", "S1", "D1", "D2"), say.audit("P2", "S2", last_name="OTHER")]
    carrier.receives(*(say.at(first, one) for one in told))
    carrier.applies()
    assert [
        (row["kind"], row["exchange_member_id"], row["field"], row["book_value"])
        for row in carrier.told_otherwise("P1", "P2")
    ] == [("missing_in_book", "D2", None, None), ("differs", "S2", "last_name", "SAMPLE")]

    carrier.begins_night(NIGHT + timedelta(days=1))
    carrier.receives(
        say.at(second, say.audit("P1", "S1", "D1")), say.at(second, say.audit("P2", "S2"))
    )
    carrier.applies()
    assert carrier.told_otherwise("P1", "P2", moment=second) == []


def test_what_we_say_explains_no_difference_but_an_end_of_ours(carrier_of_a_state, say):
    """Confirmed after the full file was made: who it was is said otherwise still."""
    carrier = carrier_of_a_state
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    carrier.receives(say.at("2026120101000000", say.audit("P1", "S1", last_name="OTHER")))
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P1", "200.00", on="2026-12-15")
    desk.knows("P1", "S1", issuer_policy_id="C1", issuer_subscriber_id="I1", issuer_member_id="I1")
    assert {row["transaction"] for row in desk.sends("2026-12-16")} == {"effectuation"}

    assert [row["field"] for row in carrier.told_otherwise("P1")] == ["last_name"]
    assert {row["transaction"] for row in desk.sends("2027-05-01")} == {"termination"}
    assert carrier.told_otherwise("P1") == []


def test_what_a_full_file_knows_and_the_book_does_not_is_told(carrier_of_a_state, say):
    """Who it is otherwise, and not what a full file leaves out."""
    carrier = carrier_of_a_state
    enrollment = say.enrollment("P1", "S1", gender_code=None)
    carrier.receives(enrollment)
    carrier.applies()
    audit = say.audit("P1", "S1", "D9", first_name=None)
    carrier.receives(say.at("2026120101000000", audit))
    carrier.applies()

    assert {(row["exchange_member_id"], row["field"]) for row in carrier.told_otherwise("P1")} == {
        ("S1", "gender_code"),
        ("D9", None),
    }


def test_who_is_left_out_is_told_once_and_with_his_dollars(carrier_of_a_state, say):
    """Not who came after the file was made, and never an end of coverage."""
    carrier = carrier_of_a_state
    carrier.receives(*(say.enrollment(f"P{n}", f"S{n}", f"D{n}") for n in range(1, 4)))
    carrier.receives(say.at("2026120912000000", say.enrollment("P4", "S4")))
    carrier.applies()

    (row,) = carrier.told_otherwise("P2", "P3", moment="2026120501000000")
    assert (row["kind"], row["exchange_policy_id"]) == ("missing_at_carrier", "P1")
    assert (row["exchange_member_id"], row["field"]) == ("S1", None)
    assert row["premium_difference"] < 0
    assert carrier.coverage("P1")[0][-1] is None


def test_a_member_whom_a_full_file_leaves_out_of_a_policy_is_told(carrier_of_a_state, say):
    """With his own premium, and not when something newer than the file has come of the policy."""
    carrier = carrier_of_a_state
    carrier.receives(*(say.enrollment(f"P{n}", f"S{n}", f"D{n}") for n in (1, 2)))
    carrier.applies()

    named = [("P1", "S1"), ("P2", "S2"), ("P2", "D2")]
    (row,) = carrier.told_otherwise(*named, moment="2026120501000000")
    assert (row["kind"], row["exchange_policy_id"]) == ("missing_at_carrier", "P1")
    assert (row["exchange_member_id"], row["field"]) == ("D1", None)
    assert row["aptc_difference"] is None
    assert len(carrier.coverage("P1")) == 2
    assert carrier.told_otherwise(*named, moment="2026010101000000") == []


@pytest.mark.parametrize("clock", ["", "00000000000000", "2026023100000000"])
def test_a_full_file_that_tells_no_day_is_of_the_day_on_which_it_came(night, say, clock):
    """Neither by its name nor by a clock: it is compared, and no night stops at it."""
    night(say.enrollment("P1", "S1"), say.enrollment("P2", "S2"))
    night(say.audit("P1", "S1", last_name="OTHER"), clock=clock, name="full.834")

    assert sorted(breaks(night.carrier)) == [
        ("differs", "P1", "last_name", "new", 1),
        ("missing_at_carrier", "P2", None, "new", 1),
    ]


def test_a_full_file_of_a_moment_that_is_no_day_does_not_stop_the_nights(night, say):
    """One that was staged before clocks were looked up in the calendar."""
    night(say.enrollment("P1", "S1"))
    night(say.audit("P1", "S1", last_name="OTHER"))
    night.carrier.conn.execute(
        sa.text("UPDATE book.event_set SET moment = '0000000000000000' WHERE transaction = 'audit'")
    )
    night()

    assert ("differs", "P1", "last_name", "resolved", 1) in breaks(night.carrier)
