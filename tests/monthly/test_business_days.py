"""Until when a difference may be disputed, in the exchange's calendar."""

from datetime import date

import pytest

from schemas.business_days import load_business_days

DAYS = load_business_days()


@pytest.mark.fault("F18")
@pytest.mark.control("exchange-duties")
@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        (date(2027, 1, 1), False),
        (date(2027, 1, 4), True),
        (date(2027, 1, 9), False),
        (date(2027, 1, 18), False),  # third Monday
        (date(2027, 5, 31), False),  # last Monday
        (date(2027, 7, 5), False),  # the fourth is a Sunday
        (date(2027, 11, 25), False),  # fourth Thursday
        (date(2027, 12, 24), False),  # Christmas is a Saturday
        (date(2027, 12, 31), False),  # New Year's Day of the next year is a Saturday
        (date(2027, 12, 30), True),
    ],
)
def test_nobody_is_there_on_weekends_and_federal_holidays(day, is_open):
    """Also on the day beside a holiday that falls on a weekend, over the turn of the year."""
    assert DAYS.is_open(day) is is_open


@pytest.mark.fault("F18")
@pytest.mark.control("exchange-duties")
@pytest.mark.parametrize(
    ("days", "when_closed", "last"),
    [
        (10, "before", date(2027, 1, 25)),
        (15, "before", date(2027, 1, 29)),
        (15, "after", date(2027, 2, 1)),
        (3, "before", date(2027, 1, 15)),
    ],
)
def test_a_deadline_on_a_closed_day_is_moved_to_an_open_one(days, when_closed, last):
    """Before it, where nobody says that it may be later."""
    assert DAYS.deadline(date(2027, 1, 15), days, when_closed) == last
