"""Kinds of rules about one row: each one function, over all rows of a table at once.

Each returns per row whether it breaks the rule. A row without the value breaks only `required`.
"""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from parsers.segments import Flags, Ints
from schemas.partners import normalise_reason
from validators.business.columns import NO_DAY, Column
from validators.business.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from validators.business.checks import Check
    from validators.business.stretch_facts import StretchFacts


_SHORTEST_YEAR, _LONGEST_YEAR = 365, 366  # days
_OLDEST = 9999  # years


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

    With `normalised` blanks and dashes do not count, nor does `length` count them.
    """
    length = check.arguments.get("length")
    codes: frozenset[str] = check.arguments["codes"]
    coded = _column(facts, check).coded
    alike: Callable[[str], str] = normalise_reason if check.arguments.get("normalised") else str
    wanted = frozenset(map(alike, codes))
    known = frozenset(value for value in coded.values if alike(value)[:length] in wanted)
    broken: Flags = ~coded.among(known)[:-1]
    broken &= coded.index[:-1] >= 0
    return broken


def pair_in(facts: Facts, check: "Check") -> Flags:
    """The column, or its first `length` characters, and `other` are no pair of `pairs`.

    A value of the column that stands in no pair at all breaks nothing, nor does one without other.
    """
    pairs: frozenset[tuple[str, str]] = check.arguments["pairs"]
    ours = _column(facts, check).coded
    others = facts.column(check.table, check.arguments["other"]).coded
    firsts: frozenset[str] = check.arguments["firsts"]
    wrong = np.zeros((len(ours.values) + 1, len(others.values) + 1), dtype=np.bool_)
    length = check.arguments.get("length")
    for row, one in enumerate(value[:length] for value in ours.values):
        if one in firsts:
            wrong[row, :-1] = [(one, other) not in pairs for other in others.values]
    return wrong[ours.index[:-1], others.index[:-1]]


def repetitions_in(facts: "StretchFacts", check: "Check") -> Flags:
    """A component of an element that may be repeated is none of `codes`, in any repetition.

    `component` says which one; repetitions with another `qualifier` before it are passed over.
    """
    arguments = check.arguments
    wanted = (arguments["component"] - 1, arguments["qualifier"], arguments["codes"])
    coded = _column(facts, check).coded
    wrong = [_has_repetition_not_in(value, facts.separators, wanted) for value in coded.values]
    return coded.where(wrong)[:-1]


@lru_cache(maxsize=2**16)
def _has_repetition_not_in(
    value: str, separators: tuple[str, str], wanted: tuple[int, str, frozenset[str]]
) -> bool:
    """Whether a repetition has a wrong component; the same few values come in every stretch."""
    repetition, component = separators
    at, qualifier, codes = wanted
    return any(
        len(parts) > at and parts[at - 1] == qualifier and parts[at] not in codes
        for parts in (one.split(component) for one in value.split(repetition))
    )


def number_between(facts: Facts, check: "Check") -> Flags:
    """The whole number is below `least` or above `most`."""
    numbers = _column(facts, check).numbers[:-1]
    broken: Flags = numbers < check.arguments.get("least", NO_DAY)
    if "most" in check.arguments:
        broken |= numbers > check.arguments["most"]
    broken &= numbers != NO_DAY
    return broken


def ascending(facts: "StretchFacts", check: "Check") -> Flags:
    """The number is not above that of the row before, where both are of one member."""
    numbers = _column(facts, check).numbers[:-1]
    behind = np.flatnonzero((numbers[1:] <= numbers[:-1]) & (numbers[1:] >= 0))
    same_member = facts.members_of(check.table, behind + 1) == facts.members_of(check.table, behind)
    broken = np.zeros(len(numbers), dtype=np.bool_)
    broken[behind[same_member] + 1] = True
    return broken


def told_once(facts: Facts, check: "Check") -> Flags:
    """The value differs from an earlier one of the same owner that has the same name.

    `keys` are the names that are looked at, in the column `key`. The owner is the member of a
    reporting category, and the instance of its loop that an element stands in. With `means` the
    values are reasons, and those that make one transaction of the member's INS are alike.
    """
    keys: list[str] = check.arguments["keys"]
    names = facts.column(check.table, check.arguments["key"]).coded
    numbers = {name: number for number, name in enumerate(keys)}
    of_name = np.array([*(numbers.get(name, -1) for name in names.values), -1], dtype=np.int64)
    broken = np.zeros(facts.count(check.table), dtype=np.bool_)
    rows = np.flatnonzero(of_name[names.index[:-1]] >= 0)
    told = facts.owners(check.table)[rows] * len(keys) + of_name[names.index[rows]]
    if not len(rows) or np.bincount(told).max() == 1:  # so it is in nearly every file
        return broken
    values = facts.column(check.table, str(check.column)).coded.index[rows]
    has_value = values >= 0
    rows, values = rows[has_value], values[has_value]
    _, first, same = np.unique(told[has_value], return_index=True, return_inverse=True)
    differs = values != values[first[same]]
    if check.arguments.get("means") == "transaction":
        meanings = facts.meanings_of(rows)
        differs &= (meanings != meanings[first[same]]) | (meanings < 0)
    broken[rows] = differs
    return broken


def pattern(facts: Facts, check: "Check") -> Flags:
    """The value has not the form `form`, or has the form `never`."""
    coded = _column(facts, check).coded
    wrong = np.zeros(len(coded.distinct), dtype=np.bool_)
    if "form" in check.arguments:
        fits = pc.match_substring_regex(coded.distinct, f"^(?:{check.arguments['form']})$")
        wrong |= ~fits.to_numpy(zero_copy_only=False)
    if "never" in check.arguments:
        fits = pc.match_substring_regex(coded.distinct, f"^(?:{check.arguments['never']})$")
        wrong |= fits.to_numpy(zero_copy_only=False)
    return coded.where(wrong)[:-1]


def digits(facts: Facts, check: "Check") -> Flags:
    """The value is anything but digits, from `least` to `most` of them."""
    texts = _column(facts, check).texts
    least, most = check.arguments["least"], check.arguments["most"]
    lengths = pc.binary_length(texts)
    shortest_and_longest = pc.min_max(lengths).as_py().values()
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset :]
    content = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    content = content[offsets[0] : offsets[len(texts)]] if len(texts) else content
    if (content - np.uint8(ord("0")) <= 9).all() and all(
        length is None or least <= length <= most for length in shortest_and_longest
    ):
        return np.zeros(len(texts), dtype=np.bool_)  # so it is in nearly every file
    fits = pc.match_substring_regex(texts, f"^[0-9]{{{least},{most}}}$")
    broken: Flags = ~pc.fill_null(fits, True).to_numpy(zero_copy_only=False)
    return broken


def equals(facts: Facts, check: "Check") -> Flags:
    """The value differs from that of `other`."""
    ours, others = _column(facts, check), facts.column(check.table, check.arguments["other"])
    if ours.root is others.root and not ours.is_date:
        numbers = ours.coded.index[:-1], others.coded.index[:-1]
        differs: Flags = (numbers[0] != numbers[1]) & (numbers[0] >= 0) & (numbers[1] >= 0)
        return differs
    same = pc.fill_null(pc.equal(ours.texts, others.texts), True)
    broken: Flags = ~same.to_numpy(zero_copy_only=False)
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
    between = days - births
    broken: Flags = np.zeros(len(births), dtype=np.bool_)
    if "least" in check.arguments:
        broken |= between < check.arguments["least"] * _LONGEST_YEAR
    if "most" in check.arguments:
        broken |= between > check.arguments["most"] * _SHORTEST_YEAR
    broken &= (births != NO_DAY) & (days != NO_DAY)
    looked_at = facts.where(check.table, check.when)
    rows = np.flatnonzero(broken if looked_at is None else broken & looked_at)
    ages = _ages(births[rows], days[rows])  # of the few that may be too young or too old
    least, most = check.arguments.get("least", -_OLDEST), check.arguments.get("most", _OLDEST)
    broken[:] = False
    broken[rows] = (ages < least) | (ages > most)
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


@cache
def _calendar() -> Ints:
    """Month and day of each day from 1970-01-01 to the end of 2099."""
    end = np.datetime64("2100-01-01").astype("datetime64[D]").astype(np.int64)
    return _month_day(np.arange(end).astype("datetime64[D]"))


def day_of_month(facts: Facts, check: "Check") -> Flags:
    """The date is not on that `day` of its month, or not in that `month`."""
    numbers = _column(facts, check).numbers[:-1]
    known = numbers != NO_DAY
    calendar = _calendar()
    is_near = (numbers >= 0) & (numbers < len(calendar))
    days = calendar[np.where(is_near, numbers, 0)]
    far = np.flatnonzero(known & ~is_near)
    days[far] = _month_day(numbers[far].astype("datetime64[D]"))
    broken: Flags = days % 32 != check.arguments["day"]
    if "month" in check.arguments:
        broken |= days // 32 != check.arguments["month"] - 1
    broken &= known
    return broken
