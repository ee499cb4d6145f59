"""A report tells of breaks as they were at its end: by age, by product, waived, found again."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger.files import ReceivedFile, record_received
from reconciliation.measures import Clocks, measures_of
from reconciliation.report_breaks import breaks_of, gone_breaks, last_waivers_of, waivers_of
from reconciliation.reports import Asked
from schemas.database import difference as table_of_differences
from schemas.database import file, result
from schemas.partners import load_exchange
from schemas.report_tables import AGES
from tests.reconciliation.test_breaks import FIRST_NIGHT, PARTNER, Nights, difference


@pytest.fixture
def nights(conn):
    return Nights(conn)


def days(first, last, partners=(PARTNER,)):
    """A report from the first to the last night, counted from 0."""
    begin = FIRST_NIGHT.date()
    return Asked(begin + timedelta(days=first), begin + timedelta(days=last), partners)


def told(conn, asked, *names):
    return [tuple(row[name] for name in names) for row in breaks_of(conn, asked).to_pylist()]


def test_a_break_is_told_in_the_state_that_it_had_then(nights, conn):
    """What a later night makes of it changes no report of the nights before."""
    nights.see(difference())
    nights.see(difference())
    before = breaks_of(conn, days(0, 1))
    nights.see()
    assert breaks_of(conn, days(0, 1)).equals(before)
    assert told(conn, days(0, 1), "state", "age", "breaks") == [("new", "0-2", 1)]
    assert told(conn, days(0, 2), "state", "breaks") == [("resolved", 1)]
    assert told(conn, days(3, 9), "state") == []


def test_ages_end_where_clocks_run_out(nights, conn):
    """Whole days to the last night of the report; each is in one group."""
    nights.see(difference())
    for last, age in ((2, 0), (3, 1), (5, 1), (6, 2), (11, 3), (30, 3), (31, 4), (61, 5), (91, 6)):
        nights.number = last
        nights.see(difference())
        assert told(conn, days(0, last), "age") == [(AGES[age],)], last
    assert told(conn, days(0, 365), "age") == [("over 90",)]
    assert told(conn, days(0, 5), "age") == [("3-5",)]


def test_dollars_are_counted_net_and_gross(nights, conn):
    """Ten too much and four too little are six net, fourteen gross."""
    more = [
        difference(number, "premium_total", premium_difference=Decimal(dollars))
        for number, dollars in ((1, 10), (2, -4))
    ]
    nights.see(*more)
    assert told(conn, days(0, 0), "premium", "gross", "breaks") == [(6, 14, 2)]


def test_a_waiver_is_told_with_who_let_it_stand(nights, conn):
    """By person, account and last day; never why: that may name somebody."""
    nights.see(difference())
    nights.say("waive", reason="Ms Lockhart agrees.", until=date(2027, 1, 31))
    conn.exec_driver_sql("UPDATE reconciliation.break_event SET at = '2026-12-01 09:00Z' "
                         "WHERE action = 'waive'")  # fmt: skip
    found = waivers_of(conn, days(0, 0)).to_pylist()
    names = ("person", "account", "said_at", "until", "state", "field")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("Ada", "ada", "2026-12-01 09:00", "2027-01-31", "waived", "last_name")
    ]
    assert "Lockhart" not in str(found)
    assert waivers_of(conn, days(0, 0, ("harbor-light-nc",))).num_rows == 0


def test_a_waiver_that_needed_a_second_person_is_told_with_that_one(nights, conn):
    """What was only asked for is none."""
    dear = difference(1, "premium_total", premium_difference=Decimal(5000))
    nights.see(dear)
    nights.say("waive", reason="Agreed.", until=date(2027, 1, 31))
    assert waivers_of(conn, days(0, 9999)).num_rows == 0
    nights.say("allow", reason="Agreed.", person="Ben")
    found = waivers_of(conn, days(0, 9999)).to_pylist()
    assert [(row["person"], row["state"]) for row in found] == [("Ben", "waived")]


def test_the_last_day_of_a_waiver_stays_in_the_report_of_its_time(nights, conn):
    """Also once the break is gone, and when somebody waives it again."""
    nights.see(difference())
    nights.say("waive", reason="Agreed.", until=date(2027, 1, 31))
    nights.see()
    nights.see(difference())
    nights.say("waive", reason="Agreed.", until=date(2027, 2, 28))
    found = waivers_of(conn, days(0, 9999)).to_pylist()
    assert [row["until"] for row in found] == ["2027-01-31", "2027-02-28"]


def test_what_was_gone_and_comes_again_dearer_stays_as_dear_as_it_was(nights, conn):
    """In the report of the time in which it was gone."""
    cheap, dear = (
        difference(1, "premium_total", premium_difference=Decimal(dollars)) for dollars in (10, 70)
    )
    for found in ((cheap,), (), (dear,)):
        nights.see(*found)
        looked = {"run_id": nights.run_id, "partner_id": PARTNER}
        hashes = {"book_sha256": "a" * 64, "carrier_sha256": "b" * 64}
        counts = dict.fromkeys(("matched", "missing_at_carrier", "missing_in_book"), 0)
        conn.execute(sa.insert(result).values(**looked, **hashes, **counts, differing=len(found)))
        for row in found:
            conn.execute(sa.insert(table_of_differences).values(**looked, **row))
    assert told(conn, days(0, 1), "state", "premium") == [("resolved", 10)]
    assert told(conn, days(0, 0), "state", "premium") == [("new", 10)]
    assert told(conn, days(0, 2), "state", "premium") == [("reopened", 70)]


CLOCKS = Clocks({PARTNER: load_exchange("ffe")})  # answers are due by the second drop: a day
EVENING = FIRST_NIGHT + timedelta(hours=14)  # before both drops


def ta1_in_time(conn, last):
    """Of each day: how many TA1 were in time, and of how many."""
    return {
        day: (row["good"], row["of"])
        for day in range(last)
        for row in measures_of(conn, days(day, day), CLOCKS).to_pylist()
        if row["measure"] == "ta1_to_exchange"
    }


def test_an_answer_counts_on_the_day_on_which_it_is_due(nights, conn):
    """Once, and whatever comes later: a month that is signed keeps its rate."""
    nights.see()
    received = record_received(
        conn,
        ReceivedFile(
            partner_id=PARTNER,
            name="OPR.001234567T.I834.D261201.T180000000.P",
            kind="enrollment",
            function_code="I834",
            named_at=datetime(2026, 12, 1, 18),
            sha256="a" * 64,
            size_bytes=1000,
            storage_key="landing/a",
            run_id=nights.run_id,
            received_at=EVENING,
        ),
    ).file_id
    ta1 = file.insert().values(
        direction="issuer_to_exchange",
        partner_id=PARTNER,
        name="7T.TA1.D261201.T180000000.P",
        kind="ta1",
        sha256="b" * 64,
        size_bytes=100,
        storage_key="landing/b",
        run_id=nights.run_id,
        recorded_at=EVENING,
        state="written",
        answers_file_id=received,
    )
    conn.execute(ta1)
    assert ta1_in_time(conn, 5) == {}
    for _ in range(4):
        nights.see()
    assert ta1_in_time(conn, 5) == {1: (0, 1)}
    conn.execute(sa.update(file).values(delivered_at=EVENING + timedelta(days=3)))
    assert ta1_in_time(conn, 5) == {1: (0, 1)}
    conn.execute(sa.update(file).values(delivered_at=EVENING + timedelta(minutes=5)))
    assert ta1_in_time(conn, 5) == {1: (1, 1)}


def test_a_page_reads_the_newest_waivers_only(nights, conn):
    """As many as it shows, of the line that it is asked for, and the same as in the report."""
    nights.see(difference(1), difference(2), difference(3))
    first, second, third = sorted(nights.ids())
    for number in (third, first, second):
        nights.say("waive", number, reason="Agreed.", until=date(2027, 1, 31))
    said = waivers_of(conn, days(0, 9999))
    assert said.num_rows == 3
    assert last_waivers_of(conn, days(0, 9999), "", "", 2).equals(said.slice(1))
    assert last_waivers_of(conn, days(0, 9999), "DEN", "", 2).num_rows == 0
    line = said["insurance_line"][0].as_py()
    assert last_waivers_of(conn, days(0, 9999), line, "", 9).equals(said)


def test_of_what_was_gone_the_found_again_are_counted(nights, conn):
    """Two are closed and one comes back: a half; in a report that ends before, none."""
    nights.see(difference(1), difference(2))
    nights.see()
    nights.see(difference(1))
    rates = {
        last: [
            (row["good"], row["of"])
            for row in measures_of(conn, days(0, last), Clocks({})).to_pylist()
            if row["measure"] == "reopened"
        ]
        for last in (0, 1, 2)
    }
    assert rates == {0: [], 1: [(0, 2)], 2: [(1, 2)]}
    rows = gone_breaks(conn, days(0, 2), ("", ""))
    assert sorted(row.found_again for row in rows) == [False, True]
    (last,) = gone_breaks(conn, days(0, 2), ("", ""), after=rows[0].break_id)
    assert last.break_id == rows[1].break_id
