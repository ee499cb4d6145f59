"""The elements of a stretch as one table, and the elements of the guide as another.

`Values` has one entry per token of the stretch; its `kind` is a row of `Kinds`, which has one row
per element of the guide, and is 0 for a token that is no element with a value. Every check is a
lookup in the columns of both.
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

from parsers.segments import PATTERN_BITS, Flags, Ints, Lengths, Segments
from parsers.stretch import Stretch
from schemas.guide import Element, Guide
from validators.issues import Findings

_DATE_PERIOD = "1251"  # data element: date time period, in the format that the element before says
ROW_LENGTH = PATTERN_BITS
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


@dataclass(frozen=True, eq=False)  # one for each guide
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
def element_kinds(guide: Guide) -> Kinds:
    """The elements of the guide in columns."""
    elements: list[Element | None] = []
    for segment in guide.segments:
        behind = ROW_LENGTH - 1 - len(segment.elements)
        elements += [None, *segment.elements, *([None] * behind)]
    return Kinds(
        elements=tuple(elements),
        count=np.array([len(segment.elements) for segment in guide.segments]),
        shortest=_column(elements, lambda e: 0 if e.components else e.min_length, np.int32),
        longest=_column(elements, lambda e: e.max_length or _UNLIMITED, np.int32, _UNLIMITED),
        marks=_column(elements, _marks, np.uint8),
        is_judged=_column(elements, lambda e: e.usage != "N", np.bool_),
    )


def _column(
    elements: list[Element | None], of: Callable[[Element], Any], kind: Any, nothing: int = 0
) -> Any:
    return np.array([nothing if e is None else of(e) for e in elements], dtype=kind)


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
    """The tokens of a stretch, and the element of the guide that each one fills."""

    def __init__(self, stretch: Stretch) -> None:
        self.segments = stretch.segments
        self.kinds = element_kinds(stretch.guide)
        self.kind = _kinds_of_tokens(stretch)

    @cached_property
    def _marks(self) -> npt.NDArray[np.uint8]:
        marks: npt.NDArray[np.uint8] = self.kinds.marks.take(self.kind)
        return marks

    def marked(self, mark: Mark) -> Ints:
        """Tokens of elements with that mark."""
        return np.flatnonzero((self._marks & np.uint8(mark)) != 0).astype(np.int64, copy=False)

    def is_marked(self, wanted: Ints, mark: Mark) -> Flags:
        """Whether each of the wanted tokens has that mark."""
        found: Flags = (self._marks[wanted] & np.uint8(mark)) != 0
        return found

    def holding(self, places: Ints) -> Ints:
        """Tokens of elements that hold one of these places of the data, which are in order."""
        segments = self.segments
        tokens = np.searchsorted(segments.ends, places.astype(np.int32), side="right")
        known = np.flatnonzero(tokens < len(segments.ends))
        tokens, places = tokens[known], places[known]
        tokens = _distinct(tokens[segments.starts[tokens] <= places])
        return tokens[self.kind[tokens] > 0].astype(np.int64, copy=False)

    def report(
        self, findings: Findings, rule: str, wanted: Ints, components: Ints | int = 0
    ) -> None:
        """Records a rule as broken by the wanted tokens, or by a component of each."""
        rows = np.searchsorted(self.segments.first_token, wanted, side="right") - 1
        elements = (self.kind[wanted] % ROW_LENGTH).astype(np.int64)
        findings.add(rule, rows, elements, components=components)

    def judge_texts(self, wanted: Ints, is_bad: Callable[[str], Any]) -> Ints:
        """Those of the wanted tokens whose text is bad; each distinct text is judged once."""
        return wanted[bad_places(self.segments.texts(wanted), is_bad)]


def _distinct(ordered: Ints) -> Ints:
    """The distinct ones of numbers in ascending order."""
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _kinds_of_tokens(stretch: Stretch) -> npt.NDArray[np.int16]:
    """Per token of the stretch: the element of the guide that it fills, 0 where there is none.

    What is found for the exemplar of a shape holds for all headers and members of that shape.
    """
    segments, placement = stretch.segments, stretch.placement
    kinds = _kinds_in_exemplars(stretch)
    lanes = placement.lanes
    if not len(lanes.starts):
        return kinds
    begins = segments.first_token[lanes.starts]
    distance = np.zeros(len(lanes.starts) + 1, dtype=np.int64)  # nothing stands before the first
    distance[1:] = begins[placement.exemplar_of] - begins
    alike = np.repeat(distance, np.diff(begins, prepend=0, append=len(kinds)))
    alike += np.arange(len(kinds))
    kinds = kinds.take(alike, mode="clip")
    kinds[_tokens_of(segments, np.flatnonzero(placement.lane_of < 0))] = 0
    if int(segments.token_count.sum()) < len(kinds):
        kinds[segments.token_lengths == 0] = 0  # a terminator that ended nothing is in no lane
    return kinds


def _kinds_in_exemplars(stretch: Stretch) -> npt.NDArray[np.int16]:
    """The same, where only tokens of exemplars have one."""
    segments, placement = stretch.segments, stretch.placement
    rows = placement.exemplar_rows
    rows = rows[(placement.nodes[rows] >= 0) & ~placement.is_envelope[rows]]
    tokens = _tokens_of(segments, rows)
    counts = segments.token_count[rows]
    position = tokens - np.repeat(segments.first_token[rows], counts)
    kind = np.minimum(position, ROW_LENGTH - 1)
    kind += np.repeat(placement.nodes[rows] * np.int64(ROW_LENGTH), counts)
    looked_at = element_kinds(stretch.guide).is_judged[kind] & (segments.lengths(tokens) > 0)
    kinds = np.zeros(len(segments.starts), dtype=np.int16)
    kinds[tokens] = np.where(looked_at, kind, 0)
    return kinds


def _tokens_of(segments: Segments, rows: Ints) -> Ints:
    """All tokens of some segments."""
    counts = segments.token_count[rows]
    first_entry = np.cumsum(counts) - counts
    tokens: Ints = np.arange(int(counts.sum())) + np.repeat(
        segments.first_token[rows] - first_entry, counts
    )
    return tokens


def bad_places(column: pa.Array, is_bad: Callable[[Any], Any]) -> Ints:
    """Places of the bad values of a column; each distinct value is judged once."""
    encoded = column.dictionary_encode()
    bad = np.array(
        [bool(is_bad(value)) for value in encoded.dictionary.to_pylist()], dtype=np.bool_
    )
    if not bad.any():
        return np.zeros(0, np.int64)
    return np.flatnonzero(bad[encoded.indices.to_numpy(zero_copy_only=False)]).astype(np.int64)
