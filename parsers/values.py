"""Text of elements to dates and counts, in whole columns.

What is not a date or a count becomes null; the rule that looks at the element reports it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import KEY_BYTES, Flags, Ints, Keys, Segments
from schemas.tables import MONEY

DATE_BYTES = 8  # CCYYMMDD
RANGE_BYTES = 17  # CCYYMMDD-CCYYMMDD
FIRST_YEAR = 1800  # earlier ones are slips of the hand; pyx12 draws the line at the same year
_EPOCH_YEAR = 1970


@dataclass(frozen=True)
class Days:
    """Days since 1970-01-01 where `is_date`, anything elsewhere."""

    days: npt.NDArray[np.int32]
    is_date: Flags


def read_dates(keys: Keys) -> Days:
    """The calendar dates that keys of eight digits CCYYMMDD stand for. Leap years are known.

    Dates repeat, so each distinct one is read once.
    """
    encoded = pa.array(keys).dictionary_encode()
    distinct = _read_distinct(encoded.dictionary.to_numpy())
    index = encoded.indices.to_numpy(zero_copy_only=False)
    return Days(distinct.days[index], distinct.is_date[index])


def _read_distinct(keys: Keys) -> Days:
    digits = keys.view(np.uint8).reshape(-1, KEY_BYTES).astype(np.int32) - ord("0")
    is_number = ((digits >= 0) & (digits <= 9)).all(axis=1)
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    month = digits[:, 4] * 10 + digits[:, 5]
    day = digits[:, 6] * 10 + digits[:, 7]
    possible = is_number & (year >= FIRST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(possible, (year - _EPOCH_YEAR) * 12 + month - 1, 0).astype("datetime64[M]")
    first = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - first).astype(np.int32)
    is_date: Flags = possible & (day <= length)
    days = first.astype(np.int32) + day - 1
    return Days(days.astype(np.int32), is_date)


def date_column(segments: Segments, tokens: Ints) -> pa.Array:
    """Dates of the tokens, or the first date of a range. Null where there is none."""
    begins, _ = date_range_columns(segments, tokens)
    return begins


def date_range_columns(segments: Segments, tokens: Ints) -> tuple[pa.Array, pa.Array]:
    """First and second dates of D8 and RD8 values; the second is null for a single date."""
    safe = np.maximum(tokens, 0)
    lengths = np.where(tokens >= 0, segments.lengths(safe), 0) if len(segments) else tokens
    is_range = lengths == RANGE_BYTES
    first = read_dates(segments.token_keys(safe)) if len(segments) else _no_days(tokens)
    begin_known = first.is_date & ((lengths == DATE_BYTES) | is_range)
    begins = pa.array(first.days, pa.date32(), mask=~begin_known)
    if not is_range.any():
        return begins, pa.nulls(len(tokens), pa.date32())
    second = read_dates(segments.keys_at(segments.starts[safe] + DATE_BYTES + 1, is_range))
    return begins, pa.array(second.days, pa.date32(), mask=~(second.is_date & is_range))


def _no_days(tokens: Ints) -> Days:
    return Days(np.zeros(len(tokens), np.int32), np.zeros(len(tokens), np.bool_))


def count_column(segments: Segments, tokens: Ints) -> pa.Array:
    """Whole numbers of the tokens; null where there is none."""
    texts = segments.texts(tokens)
    whole = pc.match_substring_regex(texts, r"^-?[0-9]{1,18}$")
    return pc.if_else(whole, texts, None).cast(pa.int64())


def money_column(segments: Segments, tokens: Ints) -> pa.Array:
    """Dollars of the tokens as decimal128(12, 2); null where there is no such amount."""
    texts = segments.texts(tokens)
    fits = pc.match_substring_regex(texts, r"^-?([0-9]{1,10}(\.[0-9]{1,2})?|\.[0-9]{1,2})$")
    return pc.if_else(fits, texts, None).cast(MONEY)


def flag_column(segments: Segments, tokens: Ints) -> pa.Array:
    """True for Y, false for any other value, null where there is none."""
    if not len(segments):
        return pa.nulls(len(tokens), pa.bool_())
    safe = np.maximum(tokens, 0)
    lengths = segments.lengths(safe)
    is_yes = (segments.token_keys(safe) == np.uint64(ord("Y"))) & (lengths == 1)
    return pa.array(is_yes, mask=(tokens < 0) | (lengths == 0))
