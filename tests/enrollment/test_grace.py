"""When grace begins and is over: what is told late, paid in parts, short, or not said to be for."""

from datetime import UTC, date, datetime, time

import pytest

from tests.enrollment.deciding import Desk


@pytest.fixture
def desk(carrier, say):
    """A desk whose book holds P1 of S1, who owes 200.00 of 300.00 a month from 2027-01-01."""
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    return Desk(carrier)


@pytest.fixture
def without_aptc(carrier, say):
    """A desk whose book holds P1 of S1, who owes 300.00 a month from 2027-01-01."""
    carrier.receives(say.enrollment("P1", "S1", aptc="0.00"))
    carrier.applies()
    return Desk(carrier)


@pytest.fixture
def renewed(carrier, say):
    """A desk whose book holds P1 of S1 by a plain renewal: 200.00 of 300.00 a month."""
    renewal = {"maintenance_reason": "41", "reason": "PASSIVE"}
    carrier.receives(say.enrollment("P1", "S1", **renewal), function_code="I834AR")
    carrier.applies()
    return Desk(carrier)


def learns(desk, say, day, owed, since):
    """The exchange tells on that day what is owed since another."""
    desk.carrier.begins_night(datetime.combine(date.fromisoformat(day), time(12), UTC))
    since = date.fromisoformat(since)
    amounts = [("TOT RES AMT", owed, since)]
    submitted = day.replace("-", "") + "08000000"
    desk.carrier.receives(say.change("P1", "S1", amounts=amounts, submitted=submitted))
    desk.carrier.applies()


def ends(desk, say, day, end):
    """The exchange tells on that day the last day of coverage."""
    desk.carrier.begins_night(datetime.combine(date.fromisoformat(day), time(12), UTC))
    told = say.termination("P1", "S1", date.fromisoformat(end))
    desk.carrier.receives(say.at(day.replace("-", "") + "08000000", told))
    desk.carrier.applies()


def pays(desk, amount, *months):
    """What is owed for each of those months of 2027, on its first day."""
    for month in months:
        through = date(2027, month + 1, 1) if month < 12 else date(2028, 1, 1)
        through = date.fromordinal(through.toordinal() - 1)
        desk.paid("P1", amount, on=f"2027-{month:02d}-01", through=str(through))


def confirmed(desk, amount):
    """The desk after the binder was paid, and confirmed to the exchange."""
    desk.paid("P1", amount, on="2026-12-15")
    assert desk.sends("2026-12-16")
    return desk


def test_what_is_owed_anew_for_months_that_were_paid_ends_nobody_that_night(without_aptc, say):
    """A child is told in May, of March: the days of grace begin with June."""
    confirmed(without_aptc, "300.00")
    pays(without_aptc, "300.00", 2, 3, 4, 5)
    learns(without_aptc, say, "2027-05-20", "350.00", "2027-03-12")

    assert without_aptc.decides("2027-05-20") == []
    assert without_aptc.findings() == [("P1", "payment", "owed-anew")]
    pays(without_aptc, "350.00", 6)
    assert without_aptc.decides("2027-07-01") == []
    assert without_aptc.decides("2027-07-02") == [("P1", "grace-over", "TERM", "2027-05-31")]
    without_aptc.paid("P1", "100.00", on="2027-06-30", through="2027-06-30")
    assert without_aptc.decides("2027-07-02") == []
    assert without_aptc.findings() == []


def test_aptc_that_is_lowered_for_past_months_gives_three_months_to_pay(desk, say):
    """Told in July, of March: August is the first month of grace, and stays covered."""
    confirmed(desk, "200.00")
    pays(desk, "200.00", 2, 3, 4, 5, 6, 7)
    learns(desk, say, "2027-07-02", "250.00", "2027-03-01")

    assert desk.decides("2027-07-02") == []
    assert desk.findings() == [("P1", "payment", "owed-anew")]
    pays(desk, "250.00", 8, 9, 10)
    assert desk.decides("2027-10-31") == []
    assert desk.decides("2027-11-01") == [("P1", "grace-over-aptc", "TERM", "2027-08-31")]


def test_what_was_owed_before_is_not_put_off_by_what_is_owed_anew(desk, say):
    """February was unpaid all the time; that it owes more now changes nothing of its grace."""
    confirmed(desk, "200.00")
    learns(desk, say, "2027-04-20", "250.00", "2027-02-01")

    assert desk.decides("2027-05-01") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]


def test_the_same_amount_told_again_puts_nothing_off(desk, say):
    """Lowered in March and raised again: what was owed all the time keeps its day."""
    confirmed(desk, "200.00")
    learns(desk, say, "2027-03-05", "150.00", "2027-02-01")
    learns(desk, say, "2027-04-20", "200.00", "2027-02-01")

    assert desk.decides("2027-05-01") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]


def test_what_is_owed_anew_after_the_end_of_the_year_ends_nothing(desk, say):
    """Its coverage is over: it is told, and a person has to ask for it."""
    confirmed(desk, "200.00")
    pays(desk, "200.00", *range(2, 13))
    learns(desk, say, "2028-01-20", "250.00", "2027-03-01")

    assert desk.decides("2028-08-01") == []
    assert desk.findings() == [("P1", "payment", "owed-anew")]


@pytest.mark.parametrize("paid_on", [None, "2027-06-12"])
def test_a_month_that_was_not_covered_when_it_began_is_owed_anew(without_aptc, say, paid_on):
    """Ended by April and paid so far; in June the exchange moves its end to May."""
    confirmed(without_aptc, "300.00")
    pays(without_aptc, "300.00", 2, 3, 4)
    ends(without_aptc, say, "2027-03-20", "2027-04-30")
    assert without_aptc.decides("2027-06-09") == []

    ends(without_aptc, say, "2027-06-10", "2027-05-31")

    assert without_aptc.decides("2027-06-10") == []
    assert without_aptc.findings() == [("P1", "payment", "owed-anew")]
    if paid_on:
        without_aptc.paid("P1", "300.00", on=paid_on, through="2027-05-31")
    assert without_aptc.decides("2027-09-01") == []
    assert without_aptc.findings() == ([] if paid_on else [("P1", "payment", "owed-anew")])


def test_months_with_aptc_that_were_not_covered_when_they_began_are_owed_anew(desk, say):
    """The end of February is moved in July to the end of the year: grace begins with August."""
    confirmed(desk, "200.00")
    pays(desk, "200.00", 2)
    ends(desk, say, "2027-02-10", "2027-02-28")
    ends(desk, say, "2027-07-10", "2027-12-31")

    assert desk.decides("2027-10-31") == []
    assert desk.decides("2027-11-01") == [("P1", "grace-over-aptc", "TERM", "2027-08-31")]


def test_a_part_payment_leaves_the_grace_as_it_is(desk):
    """February alone, paid in April: what is owed is not paid, whenever we hear of it."""
    confirmed(desk, "200.00")
    desk.paid("P1", "200.00", on="2027-04-20", through="2027-02-28")

    assert desk.decides("2027-04-30") == []
    assert desk.decides("2027-05-01") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]


def test_all_that_is_owed_ends_the_grace_and_the_next_one_begins_later(desk):
    """February and March, paid in March: April is the first month of another grace."""
    confirmed(desk, "200.00")
    desk.paid("P1", "400.00", on="2027-03-31", through="2027-03-31")

    assert desk.decides("2027-05-01") == []
    assert desk.decides("2027-06-30") == []
    assert desk.decides("2027-07-01") == [("P1", "grace-over-aptc", "TERM", "2027-04-30")]


def test_what_the_partner_tolerates_ends_the_grace_as_well(desk):
    """Ten dollars may be missing."""
    confirmed(desk, "200.00")
    desk.paid("P1", "590.00", on="2027-04-20", through="2027-04-30")
    assert len(desk.decides("2027-05-01")) == 1

    desk.agrees(threshold_fixed=10)

    assert desk.decides("2027-05-01") == []


@pytest.mark.parametrize("is_told", ["at once", "late"])
def test_all_that_is_owed_a_day_after_the_grace_does_not_count(desk, is_told):
    """Told on the same day, or after the end was sent: the coverage ends with February."""
    confirmed(desk, "200.00")
    if is_told == "late":
        assert len(desk.sends("2027-05-01")) == 1
    desk.paid("P1", "800.00", on="2027-05-01", through="2027-05-31")

    said = desk.decides("2027-05-02")

    is_ended = [("P1", "grace-over-aptc", "TERM", "2027-02-28")]
    assert said == (is_ended if is_told == "at once" else [])


def test_who_was_late_and_has_paid_on_since_is_not_ended(desk):
    """The carrier has kept the policy: nothing in a later month says that it has ended."""
    confirmed(desk, "200.00")
    desk.paid("P1", "800.00", on="2027-05-10", through="2027-05-31")

    assert desk.decides("2027-06-01") == []


def test_what_was_owed_within_a_grace_brings_back_whenever_it_is_told(desk):
    """February and March were paid in March: the end of May was none."""
    confirmed(desk, "200.00")
    assert len(desk.sends("2027-05-01")) == 1
    desk.paid("P1", "400.00", on="2027-03-31", through="2027-03-31")

    (back,) = desk.sends("2027-05-02")

    assert back["additional_maintenance_reason"] == "ISSUER - REINSTATEMENT"
    assert desk.decides("2027-07-01") == [("P1", "grace-over-aptc", "TERM", "2027-04-30")]


def test_the_months_after_an_end_of_ours_that_is_taken_back_were_owed_all_the_time(without_aptc):
    """February was paid in time, as we hear in April; March was not, and ends the coverage."""
    confirmed(without_aptc, "300.00")
    assert len(without_aptc.sends("2027-03-15")) == 1
    pays(without_aptc, "300.00", 2)

    (back,) = without_aptc.sends("2027-04-05")

    assert back["additional_maintenance_reason"] == "ISSUER - REINSTATEMENT"
    assert without_aptc.decides("2027-04-06") == [("P1", "grace-over", "TERM", "2027-02-28")]


def test_what_the_partner_tolerates_since_an_end_brings_nobody_back(desk):
    """Ten dollars were missing, and still are: nothing has come to light."""
    confirmed(desk, "200.00")
    desk.paid("P1", "590.00", on="2027-04-20", through="2027-04-30")
    assert len(desk.sends("2027-05-01")) == 1

    desk.agrees(threshold_fixed=10)

    assert desk.decides("2027-05-02") == []


def test_what_was_owed_less_than_we_knew_brings_back(desk, say):
    """March and April owed nothing, as the exchange tells after our end."""
    confirmed(desk, "200.00")
    desk.paid("P1", "200.00", on="2027-03-31", through="2027-02-28")
    assert len(desk.sends("2027-05-01")) == 1

    learns(desk, say, "2027-05-10", "0.00", "2027-03-01")

    assert [rule for _, rule, *_ in desk.decides("2027-05-11")] == ["paid-in-time"]


def test_a_payment_that_was_taken_back_ended_no_grace(desk):
    """Paid on the last day of the grace, and not covered by the bank."""
    confirmed(desk, "200.00")
    desk.paid("P1", "600.00", on="2027-04-30", through="2027-04-30")
    assert desk.decides("2027-05-03") == []

    desk.paid("P1", "-600.00", on="2027-05-04", through="2027-04-30")

    assert desk.decides("2027-05-04") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]


def test_a_renewal_whose_first_month_is_short_is_told_and_may_end_later(renewed):
    """Last year's 180.00 of 200.00, and nothing from February on."""
    renewed.paid("P1", "180.00", on="2026-12-28")

    assert renewed.decides("2027-02-01") == []
    assert renewed.findings() == [("P1", "payment", "first-month-short")]
    assert renewed.decides("2027-04-30") == []
    assert renewed.decides("2027-05-01") == [("P1", "grace-over-aptc", "TERM", "2027-02-28")]


def test_a_renewal_that_lacks_something_of_its_first_month_only_is_not_ended(renewed):
    """It is told until it is paid."""
    renewed.paid("P1", "180.00", on="2026-12-28")
    pays(renewed, "200.00", 2, 3, 4, 5)

    assert renewed.decides("2027-05-15") == []
    assert renewed.findings() == [("P1", "payment", "first-month-short")]
    renewed.paid("P1", "20.00", on="2027-05-16")
    assert renewed.decides("2027-05-16") == []
    assert renewed.findings() == []


def test_a_renewal_has_no_binder_that_could_be_taken_back(renewed):
    """Ten dollars go back of what never was the whole."""
    renewed.paid("P1", "180.00", on="2026-12-28")
    renewed.paid("P1", "-10.00", on="2027-01-10")

    assert renewed.decides("2027-02-10") == []


def test_a_first_month_that_owes_more_since_is_told_and_keeps_the_binder(desk, say):
    """Raised in May from the first day on, and a month that was paid twice is paid back."""
    confirmed(desk, "200.00")
    pays(desk, "200.00", 2, 3, 4, 5)
    desk.paid("P1", "200.00", on="2027-05-02", through="2027-05-31")
    desk.paid("P1", "-200.00", on="2027-05-10", through=None)
    learns(desk, say, "2027-05-20", "250.00", "2027-01-01")

    assert desk.decides("2027-05-20") == []
    told = ["first-month-short", "owed-anew", "reversal"]
    assert desk.findings() == [("P1", "payment", rule) for rule in told]
    desk.paid("P1", "450.00", on="2027-06-01", through="2027-06-30")  # all but the first month's
    assert desk.decides("2027-09-30") == []
    assert desk.decides("2027-10-01") == [("P1", "grace-over-aptc", "TERM", "2027-07-31")]


def test_what_was_owed_anew_and_is_paid_is_told_no_more(carrier, say):
    """Enrolled in February, of January, and paid until June: July alone is open."""
    carrier.begins_night(datetime(2027, 2, 10, 12, tzinfo=UTC))
    carrier.receives(say.enrollment("P1", "S1"))
    carrier.applies()
    desk = Desk(carrier)
    desk.paid("P1", "200.00", on="2027-02-11")
    assert desk.sends("2027-02-12")
    assert desk.decides("2027-03-02") == []
    assert desk.findings() == [("P1", "payment", "owed-anew")]
    pays(desk, "200.00", 3, 4, 5)
    assert desk.decides("2027-05-03") == []
    assert desk.findings() == [("P1", "payment", "owed-anew")]

    desk.paid("P1", "200.00", on="2027-05-20", through="2027-02-28")
    pays(desk, "200.00", 6)
    assert desk.decides("2027-08-03") == []
    assert desk.findings() == []


def test_what_is_short_or_owed_anew_is_told_until_it_has_ended_the_coverage(renewed, say):
    """Then the end is said, and nobody has anything left to do."""
    renewed.paid("P1", "180.00", on="2026-12-28")
    learns(renewed, say, "2027-04-20", "250.00", "2027-02-01")

    assert renewed.decides("2027-04-30") == []
    told = ["first-month-short", "owed-anew"]
    assert renewed.findings() == [("P1", "payment", rule) for rule in told]
    assert len(renewed.sends("2027-05-01")) == 1
    assert renewed.decides("2027-06-01") == []
    assert renewed.findings() == []


def test_who_has_paid_all_is_not_ended_when_nobody_says_for_which_months(without_aptc):
    """Each payment without its month is told, from when it can hardly be the binder."""
    confirmed(without_aptc, "300.00")
    for month in range(2, 7):
        without_aptc.paid("P1", "300.00", on=f"2027-{month:02d}-05", through=None)

    assert without_aptc.decides("2027-06-30") == []
    assert ("P1", "payment", "without-paid-through") in without_aptc.findings()
    assert without_aptc.decides("2027-08-01") == [("P1", "grace-over", "TERM", "2027-06-30")]
