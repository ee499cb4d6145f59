"""Kinds of rules about one row: each one function, over all rows of a table at once.

Each returns per row whether it breaks the rule. A row without the value breaks only `required`.
"""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import Flags, Ints
from validators.business.columns import NO_DAY, Column
from validators.business.facts import Facts

if TYPE_CHECKING:
    from validators.business.checks import Check


def _column(facts: Facts, check: "Check") -> Column:
    return facts.column(check.table, str(check.column))


def required(facts: Facts, check: "Check") -> Flags:
    """The column has no value."""
    return ~_column(facts, check).present[:-1]


def forbidden(facts: Facts, check: "Check") -> Flags:
    """The column has a value."""
    return _column(facts, check).present[:-1]


def code_in(facts: Facts, check: "Check") -> Flags:
    """The value, or its first `length` characters, is none of `codes`.

    With `normalised` blanks and dashes do not count.
    """
    length = check.arguments.get("length")
    codes: frozenset[str] = check.arguments["codes"]
    coded = _column(facts, check).coded
    if length is not None:
        codes = frozenset(value for value in coded.values if value[:length] in codes)
    broken: Flags = ~coded.among(codes)[:-1]
    return broken & (coded.index[:-1] >= 0)


def pattern(facts: Facts, check: "Check") -> Flags:
    """The value has not the form `form`, or has the form `never`."""
    coded = _column(facts, check).coded
    values = pa.array(coded.values, pa.large_string())
    wrong = np.zeros(len(coded.values) + 1, dtype=np.bool_)  # the last one: no value
    if "form" in check.arguments:
        fits = pc.match_substring_regex(values, f"^(?:{check.arguments['form']})$")
        wrong[:-1] = ~fits.to_numpy(zero_copy_only=False)
    if "never" in check.arguments:
        fits = pc.match_substring_regex(values, f"^(?:{check.arguments['never']})$")
        wrong[:-1] |= fits.to_numpy(zero_copy_only=False)
    return wrong[coded.index[:-1]]


def equals(facts: Facts, check: "Check") -> Flags:
    """The value differs from that of `other`; with `differs` they must not be equal."""
    ours = _column(facts, check).texts
    others = facts.column(check.table, check.arguments["other"]).texts
    same = pc.equal(ours, others)
    unlike = same if check.arguments.get("differs") else pc.invert(same)
    broken: Flags = pc.fill_null(unlike, False).to_numpy(zero_copy_only=False)
    return broken


def days_between(facts: Facts, check: "Check") -> Flags:
    """The date is less than `least` or more than `most` days behind the date `other`."""
    dates = _column(facts, check).numbers[:-1]
    others = facts.column(check.table, check.arguments["other"]).numbers[:-1]
    between = dates - others
    broken: Flags = np.zeros(len(between), dtype=np.bool_)
    if "least" in check.arguments:
        broken |= between < check.arguments["least"]
    if "most" in check.arguments:
        broken |= between > check.arguments["most"]
    broken &= (dates != NO_DAY) & (others != NO_DAY)
    return broken


def age_between(facts: Facts, check: "Check") -> Flags:
    """Who was born on the date is younger than `least` or older than `most` on the day `other`."""
    births = _column(facts, check).numbers[:-1]
    days = facts.column(check.table, check.arguments["other"]).numbers[:-1]
    known = (births != NO_DAY) & (days != NO_DAY)
    ages = _ages(np.where(known, births, 0), np.where(known, days, 0))
    broken: Flags = ages < check.arguments.get("least", 0)
    broken |= ages > check.arguments.get("most", 999)
    broken &= known
    return broken


def _ages(births: Ints, days: Ints) -> Ints:
    """Completed years from birth to a day."""
    born, now = (dates.astype("datetime64[D]") for dates in (births, days))
    years = now.astype("datetime64[Y]").astype(np.int64) - born.astype("datetime64[Y]").astype(
        np.int64
    )
    month_days = [_month_day(dates) for dates in (born, now)]
    ages: Ints = years - (month_days[1] < month_days[0])
    return ages


def _month_day(dates: np.ndarray) -> Ints:
    """Month and day as one number, so that two days of a year compare."""
    months = dates.astype("datetime64[M]")
    day: Ints = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    return months.astype(np.int64) % 12 * 32 + day


def day_of_month(facts: Facts, check: "Check") -> Flags:
    """The date is not on that `day` of its month."""
    numbers = _column(facts, check).numbers[:-1]
    known = numbers != NO_DAY
    dates = np.where(known, numbers, 0).astype("datetime64[D]")
    broken: Flags = _month_day(dates) % 32 != check.arguments["day"]
    broken &= known
    return broken
