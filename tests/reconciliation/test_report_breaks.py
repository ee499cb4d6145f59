"""A report tells of breaks as they were at its end: by age, by product, waived, found again."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from reconciliation.measures import Clocks, measures_of
from reconciliation.report_breaks import breaks_of, gone_breaks, last_waivers_of, waivers_of
from reconciliation.reports import Asked
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
