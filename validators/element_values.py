"""SNIP 1 and 2: lengths, codes, numbers, times, dates and characters of element values.

A value is one integer (its first bytes) or one text; each distinct one is judged once.
"""

import re
from functools import cache, partial

import numpy as np
import pyarrow as pa

from parsers.segments import key
from parsers.values import DATE_BYTES, RANGE_BYTES, read_dates
from schemas.guide import Element
from validators.element_table import Values, bad_places, element_kinds
from validators.issues import Findings

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)")
TIME = re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9]([0-9]{1,2})?)?")
_NUMERIC_TYPES = frozenset({"R", "N0", "N2"})
_CODE_BITS = 40  # codes of the guide have at most five bytes
_CODE_MASK = (1 << _CODE_BITS) - 1
_BLANK, _LAST_ASCII = 0x20, 0x7E


def find_value_faults(findings: Findings, values: Values) -> None:
    """Values of a wrong length, type, code, date or character."""
    _find_lengths(findings, values)
    _find_codes(findings, values)
    _find_numbers_and_times(findings, values)
    _find_dates(findings, values)
    _find_periods(findings, values)
    _find_characters(findings, values)


def _find_lengths(findings: Findings, values: Values) -> None:
    """Lengths in bytes first; only what looks wrong is counted in characters."""
    kinds = element_kinds()
    whole = ~kinds.is_structured[values.kind]
    shortest, longest = kinds.shortest[values.kind], kinds.longest[values.kind]
    suspects = np.flatnonzero(whole & ((values.length < shortest) | (values.length > longest)))
    short, long = [], []
    for place, text in zip(suspects.tolist(), values.texts(suspects).to_pylist(), strict=True):
        element = kinds.elements[values.kind[place]]
        assert element is not None
        size = _measure(text, element)
        if size < element.min_length:
            short.append(place)
        elif size > element.max_length:
            long.append(place)
    values.report(findings, "element-too-short", np.array(short, dtype=np.int64))
    values.report(findings, "element-too-long", np.array(long, dtype=np.int64))


def _measure(text: str, element: Element) -> int:
    """Length as X12 counts it: characters, without the sign and point of a number."""
    if element.data_type in _NUMERIC_TYPES:
        return len(text.replace("-", "").replace(".", ""))
    return len(text)


def _find_codes(findings: Findings, values: Values) -> None:
    at = np.flatnonzero(element_kinds().is_coded[values.kind])
    keys = values.segments.token_keys(values.token[at])
    codes = np.where(keys <= np.uint64(_CODE_MASK), keys, np.uint64(0))
    packed = codes | (values.kind[at].astype(np.uint64) << np.uint64(_CODE_BITS))
    values.report(findings, "element-code-invalid", at[bad_places(pa.array(packed), _is_bad_code)])


@cache
def _is_bad_code(packed: int) -> bool:
    element = element_kinds().elements[packed >> _CODE_BITS]
    assert element is not None
    value = (packed & _CODE_MASK).to_bytes(5, "little").rstrip(b"\0").decode("latin-1")
    return value not in (element.codes or frozenset())


def _find_numbers_and_times(findings: Findings, values: Values) -> None:
    kinds = element_kinds()
    for is_kind, pattern, rule in (
        (kinds.is_integer, _INTEGER, "element-character-invalid"),
        (kinds.is_decimal, _DECIMAL, "element-character-invalid"),
        (kinds.is_time, TIME, "element-time-invalid"),
    ):
        at = np.flatnonzero(is_kind[values.kind]).astype(np.int64)
        values.report(findings, rule, values.judge_texts(at, partial(_differs, pattern)))


def _differs(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is None


def _find_dates(findings: Findings, values: Values) -> None:
    at = np.flatnonzero(element_kinds().is_date[values.kind])
    read = read_dates(values.segments.token_keys(values.token[at]))
    good = read.is_date & (values.length[at] == DATE_BYTES)
    values.report(findings, "element-date-invalid", at[~good])


def _find_periods(findings: Findings, values: Values) -> None:
    """D8 and RD8 values, by the format qualifier in the element before."""
    segments = values.segments
    at = np.flatnonzero(element_kinds().is_period[values.kind])
    tokens = values.token[at]
    qualifiers = segments.token_keys(tokens - 1)
    lengths = values.length[at]
    is_single = qualifiers == np.uint64(key("D8"))
    is_range = qualifiers == np.uint64(key("RD8"))
    first = read_dates(segments.token_keys(tokens))
    good = np.where(is_single, first.is_date & (lengths == DATE_BYTES), True)
    if is_range.any():
        whole = is_range & (lengths == RANGE_BYTES)
        dash = segments.data[np.where(whole, segments.starts[tokens] + DATE_BYTES, 0)] == ord("-")
        second = read_dates(segments.keys_at(segments.starts[tokens] + DATE_BYTES + 1, whole))
        in_order = first.is_date & second.is_date & (second.days >= first.days)
        good &= ~is_range | (whole & dash & in_order)
    values.report(findings, "element-date-invalid", at[~good])


def _find_characters(findings: Findings, values: Values) -> None:
    """Control characters, letters beyond ASCII, and blanks at the end of text."""
    segments = values.segments
    odd = (segments.data < _BLANK) | (segments.data > _LAST_ASCII)
    separators = (segments.delimiters.component, segments.delimiters.repetition)
    for separator in separators:
        if separator and not _BLANK <= separator <= _LAST_ASCII:
            odd &= segments.data != separator
    suspects = values.holding(np.flatnonzero(odd))
    texts = values.texts(suspects).to_pylist()
    no_separators = dict.fromkeys(separator for separator in separators if separator)
    is_letter = np.array(
        [text.translate(no_separators).isprintable() for text in texts], dtype=np.bool_
    )
    values.report(findings, "element-letters-beyond-ascii", suspects[is_letter])
    kinds = element_kinds()
    last = segments.data[segments.ends[values.token] - 1]
    trailing = np.flatnonzero(last == _BLANK)
    kind = values.kind[trailing]
    trailing = trailing[kinds.is_text[kind] & (values.length[trailing] > kinds.shortest[kind])]
    faulty = np.union1d(suspects[~is_letter], trailing).astype(np.int64)
    values.report(findings, "element-character-invalid", faulty)
