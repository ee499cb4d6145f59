"""Decisions as data: `decisions.toml`, read and checked once.

Which rules there are and what they are called to the exchange, what a carrier may ask for, when an
end may be sent, and the terms: deadlines, grace and thresholds by exchange, state and plan year.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.rows import Row, read_rows

Kind = Literal["effectuation", "cancellation", "termination", "maintenance", "reinstatement"]

# The policy's status at the exchange, as its table 16 tells them apart.
Standing = Literal[
    "initial",
    "effectuated",
    "terminated-from-initial",
    "terminated-from-effectuated",
    "cancelled",
]
Acceptance = Literal["always", "end-earlier"]
Accepts = dict[Kind, dict[Standing, Acceptance]]

TermName = Literal[
    "binder_days_after_begin",  # days; no later than so many after the first day of coverage
    "binder_days_after_receipt",  # days; where coverage begins before the enrollment came
    "threshold_net_percent",  # of what is owed; counts as paid in full, of the binder too
    "threshold_gross_percent",  # of the premium before APTC; never of the binder
    "threshold_fixed",  # dollars that may be missing; never of the binder
    "aptc_grace_months",  # after at least one month was paid
    "aptc_covered_months",  # months of the grace that stay covered
    "grace_days",  # without APTC
    "free_look_days",
    "cancel_end_offset",  # days from the first day of coverage to the end of a cancelled one
]
# What each value may be: lowest, highest.
_BOUNDS: dict[TermName, tuple[int, int]] = {
    "binder_days_after_begin": (0, 30),
    "binder_days_after_receipt": (30, 30),
    "threshold_net_percent": (95, 100),
    "threshold_gross_percent": (98, 100),
    "threshold_fixed": (0, 50),  # 10 in plan year 2026, and indexed
    "cancel_end_offset": (-1, 0),
}
_MONTH_DAY = r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"


class DecisionRule(Row):
    """Why we decide to send a transaction. Without `additional` the carrier's request names it."""

    id: str
    kind: Kind
    additional: str | None = None
    says: str
    source: str


class RequestedReason(Row):
    """What holds for a reason (ADDL MAINT REASON) that a carrier asks for."""

    reason: str
    only_initial: bool = False
    within_free_look: bool = False
    source: str


class Window(Row):
    """When an end of coverage may be sent for a reason; days as MM-DD."""

    reason: str
    end: str = Field(pattern=_MONTH_DAY)
    only_end: bool = False
    aptc: bool | None = None  # only with, only without; None: either
    opens: str = Field(pattern=_MONTH_DAY)
    closes: str | None = Field(default=None, pattern=_MONTH_DAY)
    years_later: int = 0
    source: str


class Term(Row):
    """A deadline, a length or a share, and for whom it holds."""

    id: str
    term: TermName
    value: Decimal
    exchange: str | None = None
    state: str | None = None
    from_year: int = 0
    to_year: int = 9999
    confirmed: bool = True
    source: str

    @model_validator(mode="after")
    def _within_bounds(self) -> Self:
        least, most = _BOUNDS.get(self.term, (0, 366))
        if not least <= self.value <= most:
            raise ValueError(f"{self.id}: {self.term} must be from {least} to {most}")
        return self

    def holds(self, exchange: str, state: str, plan_year: int) -> bool:
        """Whether it is for that exchange, state and plan year."""
        return (
            self.exchange in (None, exchange)
            and self.state in (None, state)
            and self.from_year <= plan_year <= self.to_year
        )

    @property
    def particular(self) -> tuple[bool, bool, bool]:
        """What makes it hold before another one: a state, an exchange, certain years."""
        years = (self.from_year, self.to_year) != (0, 9999)
        return self.state is not None, self.exchange is not None, years


@dataclass(frozen=True)
class TermsOfYear:
    """The terms of one plan year: each name's value, and the id of the row that it is from."""

    plan_year: int
    values: dict[TermName, Decimal]
    rows: dict[TermName, str]


class Decisions(Row):
    """All of `decisions.toml`."""

    rules: tuple[DecisionRule, ...]
    reasons: tuple[RequestedReason, ...]
    windows: tuple[Window, ...]
    terms: tuple[Term, ...]

    def terms_of(
        self, exchange: str, state: str, own: Iterable[Term], plan_year: int
    ) -> TermsOfYear:
        """What holds for a partner of that exchange and state, whose `own` terms go first."""
        common = [row for row in self.terms if row.holds(exchange, state, plan_year)]
        partners = [row for row in own if row.holds(exchange, state, plan_year)]
        ranked = [
            *sorted(common, key=lambda row: row.particular),
            *sorted(partners, key=lambda row: row.particular),
        ]
        return TermsOfYear(
            plan_year,
            {row.term: row.value for row in ranked},
            {row.term: row.id for row in ranked},
        )


def month_and_day(text: str) -> tuple[int, int]:
    """Month and day of MM-DD."""
    month, day = re.findall(r"\d\d", text)
    return int(month), int(day)


@cache
def load_decisions() -> Decisions:
    """The rules, reasons, windows and terms. Raises Terminal when the file is wrong."""
    return read_rows(Decisions, "decisions.toml")
