"""Kinds of rules about money: amounts are whole cents, tolerances too.

An amount is the value of a reporting category (2750). A member without one of the amounts breaks
no balance: that it must have it is a rule of its own.
"""

from typing import TYPE_CHECKING

import numpy as np

from parsers.segments import Flags, Ints
from validators.business.columns import NO_DAY
from validators.business.facts import Facts
from validators.business.money import NO_AMOUNT

if TYPE_CHECKING:
    from validators.business.checks import Check

_DAYS = 2**22  # more than there are days in the calendar


def readable_amount(facts: Facts, check: "Check") -> Flags:
    """The value is there, but is no amount."""
    column = facts.column(check.table, str(check.column))
    broken: Flags = column.present & (column.cents == NO_AMOUNT)
    return broken[:-1]


def amount_between(facts: Facts, check: "Check") -> Flags:
    """The amount is below `least` or above `most` cents."""
    cents = facts.column(check.table, str(check.column)).cents[:-1]
    broken: Flags = cents < check.arguments.get("least", NO_AMOUNT)
    if "most" in check.arguments:
        broken |= cents > check.arguments["most"]
    broken &= cents != NO_AMOUNT
    return broken


def amount_at_most(facts: Facts, check: "Check") -> Flags:
    """The amount is above the amount `total` by more than `tolerance` cents.

    Rows are reporting categories named `rest`; the other amount is that of the same member and day,
    or else the only one of that name that the member has.
    """
    rest = facts.category_rows(check.arguments["rest"])
    broken = np.zeros(facts.count("reporting_category"), dtype=np.bool_)
    if not len(rest):
        return broken
    amounts = _Amounts(facts)
    stated, total = amounts.cents[rest], amounts.beside(rest, check.arguments["total"])
    known = (stated != NO_AMOUNT) & (total != NO_AMOUNT)
    broken[rest[known & (stated > total + check.arguments.get("tolerance", 0))]] = True
    return broken


def balance(facts: Facts, check: "Check") -> Flags:
    """`total` less the sum of `less` is not `rest`, give or take `tolerance` cents.

    Rows are reporting categories named `rest`; the others are those of the same member and day, or
    else the only one of that name that the member has. `less` may be left out by the sender, and
    a name that ends in `*` stands for all names that begin so.
    """
    rest = facts.category_rows(check.arguments["rest"])
    broken = np.zeros(facts.count("reporting_category"), dtype=np.bool_)
    if not len(rest):
        return broken
    amounts = _Amounts(facts)
    expected = amounts.beside(rest, check.arguments["total"])
    for name in _names(facts, check.arguments["less"]):
        less = amounts.beside(rest, name)
        expected = np.where(less == NO_AMOUNT, expected, expected - less)
    stated = amounts.cents[rest]
    known = (stated != NO_AMOUNT) & (amounts.beside(rest, check.arguments["total"]) != NO_AMOUNT)
    off = np.abs(np.where(known, stated - expected, 0)) > check.arguments.get("tolerance", 0)
    broken[rest[off]] = True
    return broken


def _names(facts: Facts, listed: list[str]) -> list[str]:
    """The names of the list that the file has, each once."""
    known = facts.column("reporting_category", "name").coded.values
    beginnings = tuple(name[:-1] for name in listed if name.endswith("*"))
    return [
        name for name in known if name in listed or (beginnings and name.startswith(beginnings))
    ]


class _Amounts:
    """Amounts of reporting categories, found by member, name and day."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.cents = facts.column("reporting_category", "value").cents
        self.owners = facts.owners("reporting_category")
        self.days = facts.column("reporting_category", "effective_begin").numbers

    def beside(self, rows: Ints, name: str) -> Ints:
        """The amount of that name that stands beside each of the rows, `NO_AMOUNT` if none."""
        named = self.facts.category_rows(name)
        if not len(named):
            return np.full(len(rows), NO_AMOUNT)
        first = self.facts.first_category(name)
        owners = self.owners[rows]
        found = first[owners]
        if len(named) == int((first >= 0).sum()):  # nobody has two of that name
            return self.cents[found]
        keys = self._keys(named)
        order = np.argsort(keys, kind="stable")
        wanted = self._keys(rows)
        places = np.minimum(np.searchsorted(keys[order], wanted), len(named) - 1)
        same_day = named[order[places]]
        has_same_day = keys[order[places]] == wanted
        counts = np.bincount(self.owners[named], minlength=self.facts.count("member"))
        only = np.where(counts[owners] == 1, self.cents[found], NO_AMOUNT)
        return np.where(has_same_day, self.cents[same_day], only)

    def last(self, name: str) -> Ints:
        """Row of each member's amount of that name for the latest day, -1 where it has none."""
        named = self.facts.category_rows(name)
        last = np.full(self.facts.count("member") + 1, -1, dtype=np.int64)
        ordered = named[np.argsort(self._keys(named), kind="stable")]
        last[self.owners[ordered]] = ordered
        return last[:-1]

    def _keys(self, rows: Ints) -> Ints:
        return self.owners[rows] * _DAYS + np.maximum(self.days[rows], -1)


def sum_of_members(facts: Facts, check: "Check") -> Flags:
    """The members' amounts `each` do not add up to the subscriber's amount, the column.

    Both are reporting categories; of several amounts the one for the latest day counts, as that is
    the day for which all of them hold. Of the members of a set those count for which `of` holds. A
    set in which no member, or not every one of them, has the amount is passed over, and so is one
    in which a member's amount begins later than the total; a total without a day holds for all.
    Where `untold` holds of the subscriber, amounts that are all 0 tell nothing, and the set is
    passed over, too.
    """
    amounts = _Amounts(facts)
    category = "category."
    rows_of_totals = amounts.last(str(check.column).removeprefix(category))
    rows_of_each = amounts.last(check.arguments["each"].removeprefix(category))
    totals, each = amounts.cents[rows_of_totals], amounts.cents[rows_of_each]
    counted = facts.where("member", check.arguments["of"])
    counted = np.ones(len(each), dtype=np.bool_) if counted is None else counted
    sets, count = facts.set_of_member, facts.count("set_header")
    sums = np.zeros(count + 1, dtype=np.int64)
    rows = np.flatnonzero(counted)
    np.add.at(sums, sets[rows], np.where(each[rows] == NO_AMOUNT, 0, each[rows]))
    days = np.full(count + 1, -1, dtype=np.int64)
    np.maximum.at(days, sets[rows], amounts.days[rows_of_each[rows]])
    lacking = np.zeros(count + 1, dtype=np.bool_)
    lacking[sets[rows[each[rows] == NO_AMOUNT]]] = True
    is_judged = (totals != NO_AMOUNT) & facts.column("member", "is_subscriber").flags[:-1]
    since = amounts.days[rows_of_totals]
    is_judged &= ~lacking[sets] & (sets >= 0) & ((days[sets] <= since) | (since == NO_DAY))
    untold = facts.where("member", check.arguments.get("untold", ()))
    if untold is not None:
        is_judged &= ~untold | (sums[sets] != 0)
    off = np.abs(np.where(is_judged, totals - sums[sets], 0))
    broken: Flags = off > check.arguments.get("tolerance", 0)
    return broken
