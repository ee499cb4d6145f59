"""What shapes a whole simulation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.partners import Exchange, Partner


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

    def day(self, night: int) -> date:
        """The date of a night; night 1 is the first. After the calendar it is the next day each."""
        if not self.calendar:
            return self.first_night + timedelta(days=night - 1)
        beyond = max(night - len(self.calendar), 0)
        return self.calendar[night - beyond - 1] + timedelta(days=beyond)
