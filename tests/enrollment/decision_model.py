"""The rules about payments once more, in plain Python: one policy, one month after another."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

BINDER_DAYS = 30
GRACE_DAYS = 31
GRACE_MONTHS = 3


@dataclass(frozen=True)
class Paid:
    """A payment; below zero a reversal."""

    amount: Decimal
    on: date
    through: date | None


@dataclass(frozen=True)
class Household:
    """A policy as the exchange told it, before its coverage began. Dollars a month."""

    policy: str
    begin: date
    premium: Decimal
    aptc: Decimal
    effectuated: bool
    raised_from: date | None = None  # from that day on the premium is another one
    raised_to: Decimal = field(default=Decimal(0))

    def owed(self, day: date) -> Decimal:
        """What the subscriber owes for the month in which that day lies."""
        raised = self.raised_from is not None and day >= self.raised_from
        return (self.raised_to if raised else self.premium) - self.aptc


def months_on(day: date, months: int) -> date:
    """The first of the month so many months after that of the day."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def decided(
    household: Household, payments: list[Paid], on_day: date, threshold: Decimal
) -> tuple[str, date | None] | None:
    """Rule and end of coverage of what has to be said, if anything."""
    counted = [paid for paid in payments if paid.on <= on_day]
    begin = household.begin
    deadline = begin + timedelta(days=BINDER_DAYS)
    in_time = sum((paid.amount for paid in counted if paid.on <= deadline), Decimal(0))
    total = sum((paid.amount for paid in counted), Decimal(0))
    least = household.owed(begin) * threshold / 100
    is_paid = min(in_time, total) >= least
    if not household.effectuated:
        if is_paid:
            return ("binder-paid" if household.owed(begin) else "nothing-owed"), None
        return ("binder-unpaid", begin) if on_day > deadline else None
    if not is_paid and on_day > deadline and any(paid.amount < 0 for paid in counted):
        return "binder-reversed", begin
    return _ended(household, counted, on_day, threshold)


def _ended(
    household: Household, counted: list[Paid], on_day: date, threshold: Decimal
) -> tuple[str, date] | None:
    begin = household.begin
    month = begin if _covered(household, counted, threshold) < begin else None
    month = month or months_on(_covered(household, counted, threshold), 1)
    while month <= min(on_day, date(begin.year, 12, 31)) and not household.owed(month):
        month = months_on(month, 1)
    if month > min(on_day, date(begin.year, 12, 31)) or month == begin:
        return None
    if household.aptc:
        if on_day < months_on(month, GRACE_MONTHS):
            return None
        return "grace-over-aptc", months_on(month, 1) - timedelta(days=1)
    if on_day < month + timedelta(days=GRACE_DAYS):
        return None
    return "grace-over", month - timedelta(days=1)


def _covered(household: Household, counted: list[Paid], threshold: Decimal) -> date:
    """The last day of which a payment says that it covers it, and with the others it does."""
    begin = household.begin
    first_month = months_on(begin, 1) - timedelta(days=1)
    covered = begin - timedelta(days=1)
    said = [(max(paid.through or first_month, first_month), paid.amount) for paid in counted]
    for through in {through for through, _ in said}:
        owed, month = Decimal(0), begin
        while month <= min(through, date(begin.year, 12, 31)):
            owed += household.owed(month)
            month = months_on(month, 1)
        if sum(amount for until, amount in said if until <= through) >= owed * threshold / 100:
            covered = max(covered, through)
    return covered
