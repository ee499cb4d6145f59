"""The elements of a stretch as one table, and the elements of the guide as another.

`Values` has one entry per element that has a value; its `kind` is a row of `Kinds`, which has one
row per element of the guide. Every check is a lookup in the columns of both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import Flags, Ints
from parsers.stretch import Stretch
from schemas.guide import Element, load_guide
from validators.issues import Findings

_DATE_PERIOD = "1251"  # data element: date time period, in the format that the element before says
_MAX_PATTERN_BIT = 40  # more elements than any segment of X12 has


@dataclass(frozen=True)
class Kinds:
    """One row per element of the guide, in columns. Row 0 stands for no element."""

    elements: tuple[Element | None, ...]
    first: Ints  # per segment of the guide: row of its element 1
    count: Ints  # per segment of the guide: number of its elements
    shortest: Ints
    longest: Ints
    is_coded: Flags
    is_decimal: Flags
    is_integer: Flags
    is_date: Flags
    is_time: Flags
    is_period: Flags
    is_text: Flags
    is_structured: Flags  # has components, or may be repeated
    is_not_used: Flags


@cache
def element_kinds() -> Kinds:
    """The elements of the guide in columns."""
    elements: list[Element | None] = [None]
    first, count = [], []
    for segment in load_guide().segments:
        first.append(len(elements))
        count.append(len(segment.elements))
        elements.extend(segment.elements)

    def column(of: Callable[[Element], object]) -> npt.NDArray[np.bool_]:
        return np.array([e is not None and bool(of(e)) for e in elements])

    return Kinds(
        elements=tuple(elements),
        first=np.array(first, np.int64),
        count=np.array(count, np.int64),
        shortest=np.array([e.min_length if e and not e.components else 0 for e in elements]),
        longest=np.array([e.max_length if e and e.max_length else 2**62 for e in elements]),
        is_coded=column(lambda e: e.codes is not None and not _is_structured(e)),
        is_decimal=column(lambda e: e.data_type == "R"),
        is_integer=column(lambda e: e.data_type in ("N0", "N2")),
        is_date=column(lambda e: e.data_type == "DT"),
        is_time=column(lambda e: e.data_type == "TM"),
        is_period=column(lambda e: e.data_element == _DATE_PERIOD),
        is_text=column(lambda e: e.data_type in ("AN", "ID")),
        is_structured=column(_is_structured),
        is_not_used=column(lambda e: e.usage == "N"),
    )


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
        nodes = stretch.placement.nodes[self.rows].astype(np.int64)
        counts = segments.token_count[self.rows]
        first_entry = np.cumsum(counts) - counts
        entry_of = np.repeat(np.arange(len(self.rows)), counts)
        position = np.arange(len(entry_of)) - first_entry[entry_of]
        tokens = segments.first_token[self.rows][entry_of] + position
        lengths = segments.lengths(tokens)
        filled = lengths > 0
        self.patterns = _patterns(filled, position, first_entry)
        self.shapes = (nodes, self.patterns, counts)
        known = filled & (position >= 1) & (position <= kinds.count[nodes][entry_of])
        kind = np.where(known, kinds.first[nodes][entry_of] + position - 1, 0)
        used = known & ~kinds.is_not_used[kind]  # what must not stand there is not looked at
        self.row = self.rows[entry_of[used]]
        self.position = position[used]
        self.token = tokens[used]
        self.length = lengths[used]
        self.kind = kind[used]

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
        findings.add(rule, self.row[wanted], self.position[wanted], components=components)

    def judge_texts(self, wanted: Ints, is_bad: Callable[[str], Any]) -> Ints:
        """Those of the wanted entries whose text is bad; each distinct text is judged once."""
        return wanted[bad_places(self.texts(wanted), is_bad)]


def _patterns(filled: Flags, position: Ints, first_entry: Ints) -> npt.NDArray[np.int64]:
    """Per segment: bit k is set when element k has a value."""
    if not len(first_entry):
        return np.zeros(0, np.int64)
    bits = filled.astype(np.int64) << np.minimum(position, _MAX_PATTERN_BIT)
    patterns: npt.NDArray[np.int64] = np.bitwise_or.reduceat(bits, first_entry)
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
