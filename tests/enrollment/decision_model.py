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
    told_on: date | None = None  # when we learnt of the other premium; before all, if nothing

    def owed(self, day: date) -> Decimal:
        """What the subscriber owes for the month in which that day lies."""
        raised = self.raised_from is not None and day >= self.raised_from
        return (self.raised_to if raised else self.premium) - self.aptc

    def parts(self, month: date) -> list[tuple[date, Decimal]]:
        """What is owed for a month, and from which day on it counts."""
        if self.told_on is None or self.told_on <= month:
            return [(month, self.owed(month))]
        counts = self.told_on if self.told_on.day == 1 else months_on(self.told_on, 1)
        known = self.premium - self.aptc
        return [(month, known), (counts, self.owed(month) - known)]


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
    """The grace that is over, if one is: of months with APTC, of days without it."""
    begin, last = household.begin, date(household.begin.year, 12, 31)
    if household.owed(begin) and sum(paid.amount for paid in counted) <= 0:
        return None
    parts = _first(household, counted)
    month = months_on(begin, 1)
    while month <= min(on_day, last):
        parts += household.parts(month)
        month = months_on(month, 1)
    this_month = on_day.replace(day=1)

    def is_paid(month: date, by: date) -> bool:
        owed = sum((amount for day, amount in parts if day <= min(month, last)), Decimal(0))
        return _paid_by(counted, by) >= owed * threshold / 100

    open_months: list[date] = []
    month = months_on(begin, 1)
    while month <= on_day:
        open_months.append(month)
        end = months_on(month, 1) - timedelta(days=1)
        if end < this_month and is_paid(month, end):
            open_months = []
        month = months_on(month, 1)
    open_months = [month for month in open_months if month <= last]
    if household.aptc:
        if not open_months or on_day < months_on(open_months[0], GRACE_MONTHS):
            return None
        return "grace-over-aptc", months_on(open_months[0], 1) - timedelta(days=1)
    for month in open_months:
        deadline = month + timedelta(days=GRACE_DAYS - 1)
        before = max(deadline, this_month - timedelta(days=1))
        if deadline < on_day and not is_paid(month, deadline) and not is_paid(month, before):
            end = month - timedelta(days=1)
            return ("grace-over", end) if end > begin else None
    return None


def _counts_on(paid: Paid, counted: list[Paid]) -> date:
    """When a payment counts: a reversal is of the payment before it."""
    earlier = [other.on for other in counted if other.amount > 0 and other.on <= paid.on]
    return max(earlier, default=paid.on) if paid.amount < 0 else paid.on


def _paid_by(counted: list[Paid], day: date) -> Decimal:
    """What was paid by then and not taken back."""
    amounts = (paid.amount for paid in counted if _counts_on(paid, counted) <= day)
    return sum(amounts, Decimal(0))


def _first(household: Household, counted: list[Paid]) -> list[tuple[date, Decimal]]:
    """What the first month counts as, from which day on: no more than its payments are for."""
    begin = household.begin
    first_end = months_on(begin, 1) - timedelta(days=1)
    throughs = [max(paid.through or first_end, first_end) for paid in counted]
    if not throughs:
        return [(begin, household.owed(begin))]
    least, month = Decimal(0), begin
    while month <= min(*throughs, date(begin.year, 12, 31)):
        least += household.owed(month)
        month = months_on(month, 1)
    first = [
        paid for paid, through in zip(counted, throughs, strict=True) if through == min(throughs)
    ]
    parts, counts = [], Decimal(0)
    for day in sorted({_counts_on(paid, counted) for paid in first}):
        paid = sum((p.amount for p in first if _counts_on(p, counted) <= day), Decimal(0))
        now = max(household.owed(begin) - max(least - paid, Decimal(0)), Decimal(0))
        parts.append((begin if day <= first_end else months_on(day, 1), now - counts))
        counts = now
    return parts
