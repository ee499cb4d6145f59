"""What shapes a whole simulation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from schemas.partners import Exchange, Partner

_TWO_RUNS = 0.2  # share of the nights


@dataclass(frozen=True)
class Scenario:
    """What shapes a whole simulation."""

    seed: int
    members: int
    first_night: date
    faults: float
    partners: Mapping[str, Partner]
    exchange: Exchange
    mass_ending: int | None = None  # the night whose evening file ends all coverage
    life: bool = False  # whether more happens in a policy's life than enrollments and changes

    calendar: tuple[date, ...] = ()  # the days of the first nights, where they are not consecutive

    def has_two_runs(self, night: int) -> bool:
        """Whether the carrier works after each drop of that night, and not only after both."""
        seed = f"{self.seed}/runs of night {night}"
        return self.life and night > 1 and Random(seed).random() < _TWO_RUNS

    def day(self, night: int) -> date:
        """The date of a night; night 1 is the first. After the calendar it is the next day each."""
        if not self.calendar:
            return self.first_night + timedelta(days=night - 1)
        beyond = max(night - len(self.calendar), 0)
        return self.calendar[night - beyond - 1] + timedelta(days=beyond)

    def next_night(self, day: date) -> date:
        """The date of the first night on that day or after it."""
        return next((one for one in self.calendar if one >= day), max(day, self.first_night))
