"""Which files an exchange owes a partner: rows of the partner's file."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = r"^([01]\d|2[0-3]):[0-5]\d$"


class ExpectedFile(BaseModel):
    """A file that the exchange is expected to drop on some days, and by when it must be here.

    Hours are on the exchange's clock; one by which it is due that is before the drop is the next
    day's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["enrollment", "payment"]
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(min_length=1)
    drop: str = Field(pattern=_HOUR)
    due_by: str = Field(pattern=_HOUR)
    effective_from: date
    effective_to: date | None = None  # the last day

    @property
    def weekdays(self) -> list[int]:
        """The days as numbers, 1 for Monday."""
        return [_WEEKDAYS.index(day) + 1 for day in self.days]
