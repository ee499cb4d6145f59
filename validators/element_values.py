"""SNIP 1 and 2: lengths, codes, numbers, times, dates and characters of element values.

A value is one integer (its first bytes) or one text; each distinct one is judged once.
"""

import re
from functools import cache, partial

import numpy as np
import pyarrow as pa

from parsers.segments import Flags, Ints, key
from parsers.values import DATE_BYTES, RANGE_BYTES, read_dates
from schemas.guide import Element
from schemas.x12_codes import codes_of_x12
from validators.element_table import Kinds, Mark, Values, bad_places
from validators.issues import Findings

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)")
TIME = re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9]([0-9]{1,2})?)?")
_NUMERIC_TYPES = frozenset({"R", "N0", "N2"})
_SHORT_BYTES = 7
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
    kinds = values.kinds
    lengths = values.segments.token_lengths
    too_short = lengths < kinds.shortest.take(values.kind)
    too_long = lengths > kinds.longest.take(values.kind)
    suspects = np.flatnonzero(too_short | too_long).astype(np.int64, copy=False)
    suspects = suspects[~values.is_marked(suspects, Mark.STRUCTURED)]
    texts = values.segments.texts(suspects).to_pylist()
    short, long = [], []
    for place, text in zip(suspects.tolist(), texts, strict=True):
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
    at = values.marked(Mark.CODED)
    keys = values.segments.token_keys(at)
    codes = np.where(keys <= np.uint64(_CODE_MASK), keys, np.uint64(0))
    packed = codes | (values.kind[at].astype(np.uint64) << np.uint64(_CODE_BITS))
    bad = bad_places(pa.array(packed), partial(_is_bad_code, values.kinds))
    unknown = bad_places(pa.array(packed[bad]), partial(_is_unknown_code, values.kinds))
    values.report(findings, "element-code-invalid", at[bad[unknown]])
    values.report(findings, "code-not-in-guide", at[np.delete(bad, unknown)])


@cache
def _is_bad_code(kinds: Kinds, packed: int) -> bool:
    element, value = _unpacked(kinds, packed)
    return value not in (element.codes or frozenset())


def _is_unknown_code(kinds: Kinds, packed: int) -> bool:
    element, value = _unpacked(kinds, packed)
    return value not in codes_of_x12(element.data_element)


def _unpacked(kinds: Kinds, packed: int) -> tuple[Element, str]:
    """The element of the guide and the code that one integer stands for."""
    element = kinds.elements[packed >> _CODE_BITS]
    assert element is not None
    return element, (packed & _CODE_MASK).to_bytes(5, "little").rstrip(b"\0").decode("latin-1")


def _find_numbers_and_times(findings: Findings, values: Values) -> None:
    for mark, pattern, rule in (
        (Mark.INTEGER, _INTEGER, "element-character-invalid"),
        (Mark.DECIMAL, _DECIMAL, "element-character-invalid"),
        (Mark.TIME, TIME, "element-time-invalid"),
    ):
        at = values.marked(mark)
        is_short = values.segments.lengths(at) <= _SHORT_BYTES
        short, long = at.compress(is_short), at.compress(~is_short)
        codes = values.segments.token_keys(short)
        codes |= values.segments.lengths(short).astype(np.uint64) << np.uint64(8 * _SHORT_BYTES)
        faulty = short[bad_places(pa.array(codes), partial(_short_differs, pattern))]
        bad = np.union1d(faulty, values.judge_texts(long, partial(_differs, pattern)))
        values.report(findings, rule, bad)


def _short_differs(pattern: re.Pattern[str], code: int) -> bool:
    """The same of a text as an integer: up to seven bytes, and their number in the eighth."""
    length = code >> 8 * _SHORT_BYTES
    return _differs(pattern, code.to_bytes(8, "little")[:length].decode("latin-1"))


def _differs(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is None


def _find_dates(findings: Findings, values: Values) -> None:
    at = values.marked(Mark.DATE)
    read = read_dates(values.segments.token_keys(at))
    good = read.is_date & (values.segments.lengths(at) == DATE_BYTES)
    values.report(findings, "element-date-invalid", at[~good])


def _find_periods(findings: Findings, values: Values) -> None:
    """D8 and RD8 values, by the format qualifier in the element before."""
    segments = values.segments
    at = values.marked(Mark.PERIOD)
    qualifiers = segments.token_keys(at - 1)
    lengths = segments.lengths(at)
    is_single = (qualifiers == np.uint64(key("D8"))) | _allows_only_d8(values.kinds)[
        values.kind[at]
    ]
    is_range = qualifiers == np.uint64(key("RD8"))
    first = read_dates(segments.token_keys(at))
    good = np.where(is_single, first.is_date & (lengths == DATE_BYTES), True)
    if is_range.any():
        whole = is_range & (lengths == RANGE_BYTES)
        dash = segments.data[np.where(whole, segments.starts[at] + DATE_BYTES, 0)] == ord("-")
        second = read_dates(segments.keys_at(segments.starts[at] + DATE_BYTES + 1, whole))
        in_order = first.is_date & second.is_date & (second.days >= first.days)
        good &= ~is_range | (whole & dash & in_order)
    values.report(findings, "element-date-invalid", at[~good])


@cache
def _allows_only_d8(kinds: Kinds) -> Flags:
    """Per element of the guide: whether the qualifier before it can be nothing but D8."""
    elements = kinds.elements
    before = (None, *elements)
    return np.array(
        [e is not None and e.codes == frozenset({"D8"}) for e in before[: len(elements)]]
    )


def _find_characters(findings: Findings, values: Values) -> None:
    """Control characters, letters beyond ASCII, and blanks at the end of text."""
    segments = values.segments
    odd = (segments.data < _BLANK) | (segments.data > _LAST_ASCII)
    separators = (segments.delimiters.component, segments.delimiters.repetition)
    for separator in separators:
        if separator and not _BLANK <= separator <= _LAST_ASCII:
            odd &= segments.data != separator
    suspects = values.holding(np.flatnonzero(odd))
    texts = values.segments.texts(suspects).to_pylist()
    no_separators = dict.fromkeys(separator for separator in separators if separator)
    is_letter = np.array(
        [text.translate(no_separators).isprintable() for text in texts], dtype=np.bool_
    )
    values.report(findings, "element-letters-beyond-ascii", suspects[is_letter])
    faulty = np.union1d(suspects[~is_letter], _ending_in_blanks(values)).astype(np.int64)
    values.report(findings, "element-character-invalid", faulty)


def _ending_in_blanks(values: Values) -> Ints:
    """Text that ends in a blank, and is long enough without it."""
    segments = values.segments
    blanks = np.flatnonzero(segments.data == _BLANK)
    following = segments.data[blanks + 1]
    # A zero byte stands behind the last one of the stretch.
    is_last = (
        (following == segments.delimiters.element)
        | (following == segments.delimiters.segment)
        | (following == 0)
    )
    holding = values.holding(blanks[is_last])
    is_text = values.is_marked(holding, Mark.TEXT)
    last = segments.data[segments.ends[holding] - 1]
    is_longer = values.segments.lengths(holding) > values.kinds.shortest[values.kind[holding]]
    found: Ints = holding[is_text & is_longer & (last == _BLANK)]
    return found
