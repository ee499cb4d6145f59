"""On which days an exchange is open, as data: `monthly/calendar.toml`."""

from calendar import monthrange
from datetime import date, timedelta
from functools import cache
from typing import Literal

from schemas.monthly_layouts import LayoutRow, read_layout

_ONE_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6


class Holiday(LayoutRow):
    """A day of each year: of a month, or the so-manieth weekday of one."""

    name: str
    month: int
    day: int | None = None
    weekday: int | None = None
    week: int | None = None

    def kept_in(self, year: int) -> date:
        """The day on which it is kept: of a fixed one on a weekend, the day beside it."""
        if self.day is not None:
            day = date(year, self.month, self.day)
            beside = {_SATURDAY: -_ONE_DAY, _SUNDAY: _ONE_DAY}
            return day + beside.get(day.weekday(), timedelta())
        days = [
            date(year, self.month, day)
            for day in range(1, monthrange(year, self.month)[1] + 1)
            if date(year, self.month, day).weekday() == self.weekday
        ]
        week = self.week or 1
        return days[week - 1 if week > 0 else week]


class BusinessDays(LayoutRow):
    """Weekdays and holidays on which nobody is there."""

    source: str
    closed_weekdays: tuple[int, ...]
    holidays: tuple[Holiday, ...]

    def is_open(self, day: date) -> bool:
        """Whether somebody is there on that day."""
        kept = {one.kept_in(year) for one in self.holidays for year in (day.year, day.year + 1)}
        return day.weekday() not in self.closed_weekdays and day not in kept

    def deadline(self, since: date, days: int, when_closed: Literal["before", "after"]) -> date:
        """The last day of a window of calendar days, moved to the open day before or after it."""
        last = since + timedelta(days=days)
        while not self.is_open(last):
            last += _ONE_DAY if when_closed == "after" else -_ONE_DAY
        return last


@cache
def load_business_days() -> BusinessDays:
    """The calendar. Raises Terminal when its file is wrong."""
    return read_layout("calendar", BusinessDays)
