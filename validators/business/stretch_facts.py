"""The tables of one stretch, with what only its segments tell: elements, and other columns."""

import re
from functools import cache, cached_property

import numpy as np
import pyarrow as pa

from parsers.segments import KEY_BYTES, Flags, Ints, Segments, key
from parsers.stretch import Stretch
from schemas.guide import load_guide
from schemas.places import BESIDE, Place
from validators.business.checks import Checks
from validators.business.columns import Coded, Column, coded_keys
from validators.business.facts import Facts, Tables

_ELEMENT = "element "
_WHOLE = re.compile("[0-9]{1,9}")


class StretchFacts(Facts):
    """Facts of a stretch.

    A table `element N4 2100A,2100C` has one row per N4 of those loops, and its columns are the
    elements by their position.
    """

    def __init__(self, stretch: Stretch, tables: Tables, checks: Checks) -> None:
        super().__init__(tables, checks.meanings)
        self.stretch = stretch
        self._rows: dict[str, Ints] = {}

    def segment_rows(self, table: str) -> Ints:
        """Segments that are the rows of a table of elements."""
        if table not in self._rows:
            rows = np.flatnonzero(self.stretch.has_id(table.split(" ")[1]))
            wanted = _nodes(table)
            self._rows[table] = rows[wanted[self.stretch.placement.nodes[rows]]]
        return self._rows[table]

    def count(self, table: str) -> int:
        """Rows of a table."""
        is_of_elements = table.startswith(_ELEMENT)
        return len(self.segment_rows(table)) if is_of_elements else super().count(table)

    @property
    def separators(self) -> tuple[str, str]:
        """What separates repetitions, and what separates components."""
        delimiters = self.stretch.segments.delimiters
        return chr(delimiters.repetition), chr(delimiters.component)

    def members_of(self, table: str, rows: Ints) -> Ints:
        """A number that is the same for rows of a table of elements that are of one member."""
        lanes: Ints = self.stretch.placement.lane_of[self.segment_rows(table)[rows]]
        return lanes

    def owners(self, table: str) -> Ints:
        """A number for each row: of its member, or of the loop that an element stands in."""
        if not table.startswith(_ELEMENT):
            return super().owners(table)
        is_opener = _openers(table.split(" ")[2])[self.stretch.placement.nodes]
        return np.searchsorted(np.flatnonzero(is_opener), self.segment_rows(table), "right")

    def _made(self, table: str, name: str) -> Column:
        segments = self.stretch.segments
        if table.startswith(_ELEMENT):
            tokens = segments.tokens_at(self.segment_rows(table), int(name))
            return ElementColumn(segments, tokens)
        if table == "member" and name in _beside():
            return Column(self._read(_beside()[name]))
        return super()._made(table, name)

    def _read(self, place: Place) -> pa.Array:
        """The first value of a column that stands beside the tables, for each member."""
        rows = self.segment_rows(f"{_ELEMENT}{place.segment} {place.loop}")[::-1]
        segments = self.stretch.segments
        if place.qualifier is not None and len(rows):
            qualifiers = segments.token_keys(np.maximum(segments.tokens_at(rows, 1), 0))
            rows = rows[qualifiers == np.uint64(key(place.qualifier))]
        tokens = np.full(self.count("member"), -1, dtype=np.int64)
        members = np.searchsorted(self.stretch.member_rows, rows, "right") - 1
        tokens[members] = segments.tokens_at(rows, place.element)
        return segments.texts(tokens)


class ElementColumn(Column):
    """Elements of segments: short ones are told apart as integers, and no text is made of them."""

    def __init__(self, segments: Segments, tokens: Ints) -> None:
        self._segments = segments
        self._tokens = tokens

    def __len__(self) -> int:
        return len(self._tokens)

    @cached_property
    def array(self) -> pa.Array:
        """The values themselves."""
        return self._segments.texts(self._tokens)

    @cached_property
    def present(self) -> Flags:
        """Per row: whether there is a value."""
        return self.coded.index >= 0

    @cached_property
    def coded(self) -> Coded:
        """The texts as numbers."""
        segments = self._segments
        if not (self._tokens >= 0).any():
            return Coded(np.full(len(self) + 1, -1, np.int32), pa.array([], pa.large_string()))
        tokens = np.maximum(self._tokens, 0)
        if not segments.is_ascii or segments.lengths(tokens).max() > KEY_BYTES:
            return super().coded
        keys = segments.token_keys(tokens)
        keys[self._tokens < 0] = 0
        return coded_keys(keys)

    @cached_property
    def numbers(self) -> Ints:
        """The whole numbers of up to nine digits; -1 where there is none."""
        is_there = self._tokens >= 0
        keys = self._segments.token_keys(np.maximum(self._tokens, 0)) * is_there
        if (keys >> np.uint64(16)).any():
            coded = self.coded
            read = [int(value) if _WHOLE.fullmatch(value) else -1 for value in coded.values]
            return np.array([*read, -1], dtype=np.int64)[coded.index]
        return np.append(_one_or_two_digits()[keys.astype(np.int64)], -1)


@cache
def _one_or_two_digits() -> Ints:
    """The number that two bytes are, the first one the lower; -1 where they are none."""
    numbers = np.full(2**16, -1, dtype=np.int64)
    for number in range(100):
        numbers[key(str(number))] = number
        numbers[key(f"{number:02}")] = number
    return numbers


@cache
def _beside() -> dict[str, Place]:
    return {place.name: place for place in BESIDE}


@cache
def _openers(loops: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which segments of the guide begin one of the loops; the last entry: none does."""
    guide = load_guide()
    wanted = [guide.loop_named(loop).index for loop in loops.split(",")]
    begins = [segment.opens_loop and segment.loop in wanted for segment in guide.segments]
    return np.array([*begins, False])


@cache
def _nodes(table: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which segments of the guide are rows of a table of elements; the last entry: none is."""
    _, segment_id, loops = table.split(" ")
    guide = load_guide()
    wanted = np.zeros(len(guide.segments) + 1, dtype=np.bool_)
    for loop in loops.split(","):
        wanted[[segment.index for segment in guide.segments_of(loop, segment_id)]] = True
    return wanted
