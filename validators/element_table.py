"""The elements of a stretch as one table, and the elements of the guide as another.

`Values` has one entry per element that has a value; its `kind` is a row of `Kinds`, which has one
row per element of the guide. Every check is a lookup in the columns of both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from functools import cache, cached_property, reduce
from operator import or_
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import Flags, Ints, Lengths
from parsers.stretch import Stretch
from schemas.guide import Element, load_guide
from validators.issues import Findings

_DATE_PERIOD = "1251"  # data element: date time period, in the format that the element before says
ROW_LENGTH = 31  # more elements than any segment of the guide has; those behind count as one
_UNLIMITED = 2**31 - 1


class Mark(IntFlag):
    """What there is to look at in an element."""

    CODED = 1
    DECIMAL = 2
    INTEGER = 4
    DATE = 8
    TIME = 16
    PERIOD = 32
    TEXT = 64
    STRUCTURED = 128  # has components, or may be repeated


@dataclass(frozen=True)
class Kinds:
    """The elements of the guide in columns: element k of segment s is row s * ROW_LENGTH + k.

    Rows that are no element, such as those for k = 0, have None in `elements`.
    """

    elements: tuple[Element | None, ...]
    count: Ints  # per segment of the guide: number of its elements
    shortest: Lengths
    longest: Lengths
    marks: npt.NDArray[np.uint8]
    is_judged: Flags  # what must not stand there is not looked at


@cache
def element_kinds() -> Kinds:
    """The elements of the guide in columns."""
    elements: list[Element | None] = []
    for segment in load_guide().segments:
        behind = ROW_LENGTH - 1 - len(segment.elements)
        elements += [None, *segment.elements, *([None] * behind)]
    return Kinds(
        elements=tuple(elements),
        count=np.array([len(segment.elements) for segment in load_guide().segments]),
        shortest=_column(elements, lambda e: 0 if e.components else e.min_length, np.int32),
        longest=_column(elements, lambda e: e.max_length or _UNLIMITED, np.int32),
        marks=_column(elements, _marks, np.uint8),
        is_judged=_column(elements, lambda e: e.usage != "N", np.bool_),
    )


def _column(elements: list[Element | None], of: Callable[[Element], Any], kind: Any) -> Any:
    return np.array([0 if e is None else of(e) for e in elements], dtype=kind)


def _marks(element: Element) -> Mark:
    is_structured = _is_structured(element)
    tests = (
        (Mark.CODED, element.codes is not None and not is_structured),
        (Mark.DECIMAL, element.data_type == "R"),
        (Mark.INTEGER, element.data_type in ("N0", "N2")),
        (Mark.DATE, element.data_type == "DT"),
        (Mark.TIME, element.data_type == "TM"),
        (Mark.PERIOD, element.data_element == _DATE_PERIOD),
        (Mark.TEXT, element.data_type in ("AN", "ID")),
        (Mark.STRUCTURED, is_structured),
    )
    return reduce(or_, (mark for mark, holds in tests if holds), Mark(0))


def _is_structured(element: Element) -> bool:
    return element.data_element.startswith("C") or element.repeat != 1


class Values:
    """The non-empty elements of the placed segments of a stretch, one entry per element."""

    def __init__(self, stretch: Stretch) -> None:
        kinds = element_kinds()
        segments = stretch.segments
        self.segments = segments
        placement = stretch.placement
        judged = (placement.lane_of >= 0) & (placement.nodes >= 0) & ~placement.is_envelope
        self.rows = np.flatnonzero(judged).astype(np.int64, copy=False)
        nodes = placement.nodes[self.rows].astype(np.int64)
        counts = segments.token_count[self.rows]
        first = segments.first_token[self.rows]
        first_entry = np.cumsum(counts) - counts
        # What holds for a segment is repeated for each of its tokens: quicker than looking it up.
        entries = np.arange(int(counts.sum()))
        token = entries + np.repeat(first - first_entry, counts)
        position = np.minimum(entries - np.repeat(first_entry, counts), ROW_LENGTH - 1)
        length = segments.lengths(token)
        filled = length > 0
        self.patterns = _patterns(filled, position, first_entry)
        self.shapes = (nodes, self.patterns, counts)
        kind = position + np.repeat(nodes * ROW_LENGTH, counts)
        looked_at = np.flatnonzero(filled & kinds.is_judged[kind])
        self.token = token[looked_at]
        self.length = length[looked_at]
        self.kind = kind[looked_at]

    @cached_property
    def _marks(self) -> npt.NDArray[np.uint8]:
        marks: npt.NDArray[np.uint8] = element_kinds().marks[self.kind]
        return marks

    def marked(self, mark: Mark) -> Ints:
        """Entries of elements with that mark."""
        return np.flatnonzero((self._marks & np.uint8(mark)) != 0).astype(np.int64, copy=False)

    def is_marked(self, wanted: Ints, mark: Mark) -> Flags:
        """Whether each of the wanted entries has that mark."""
        found: Flags = (self._marks[wanted] & np.uint8(mark)) != 0
        return found

    def holding(self, places: Ints) -> Ints:
        """Entries whose value holds one of these places in the data of the stretch."""
        segments = self.segments
        tokens = np.searchsorted(segments.ends, places, side="right")
        inside = tokens < len(segments.ends)
        inside[inside] = segments.starts[tokens[inside]] <= places[inside]
        wanted = np.unique(tokens[inside])
        entries = np.searchsorted(self.token, wanted)
        known = entries < len(self.token)
        known[known] = self.token[entries[known]] == wanted[known]
        return entries[known].astype(np.int64, copy=False)

    def texts(self, wanted: npt.NDArray[np.int64]) -> pa.Array:
        """Text of the wanted entries."""
        return self.segments.texts(self.token[wanted])

    def report(
        self, findings: Findings, rule: str, wanted: Ints, components: Ints | int = 0
    ) -> None:
        """Records a rule as broken by the wanted entries, or by a component of each."""
        rows = np.searchsorted(self.segments.first_token, self.token[wanted], side="right") - 1
        findings.add(rule, rows, self.kind[wanted] % ROW_LENGTH, components=components)

    def judge_texts(self, wanted: Ints, is_bad: Callable[[str], Any]) -> Ints:
        """Those of the wanted entries whose text is bad; each distinct text is judged once."""
        return wanted[bad_places(self.texts(wanted), is_bad)]


def _patterns(filled: Flags, position: Ints, first_entry: Ints) -> Ints:
    """Per segment: bit k is set when element k has a value."""
    if not len(first_entry):
        return np.zeros(0, np.int64)
    bits = np.left_shift(filled, position, dtype=np.int32)
    patterns: Ints = np.bitwise_or.reduceat(bits, first_entry).astype(np.int64)
    return patterns


def bad_places(column: pa.Array, is_bad: Callable[[Any], Any]) -> Ints:
    """Places of the bad values of a column; each distinct value is judged once."""
    encoded = column.dictionary_encode()
    bad = np.array(
        [bool(is_bad(value)) for value in encoded.dictionary.to_pylist()], dtype=np.bool_
    )
    if not bad.any():
        return np.zeros(0, np.int64)
    return np.flatnonzero(bad[encoded.indices.to_numpy(zero_copy_only=False)]).astype(np.int64)
