"""Columns of business tables: one gather each from the elements that hold them to their owners.

An owner is a row of the table to make (a member, a coverage, a category, a set), numbered within
the stretch. Which element fills which column is data (`schemas.places`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import Flags, Ints, Segments, key
from parsers.stretch import Stretch
from parsers.values import count_column, date_column, flag_column
from schemas.guide import load_guide
from schemas.places import Kind, Place, Where

_READERS: dict[Kind, Callable[[Segments, Ints], pa.Array]] = {
    "text": lambda segments, tokens: segments.texts(tokens),
    "date": date_column,
    "count": count_column,
    "flag": flag_column,
}
_TYPES = {"text": pa.large_string(), "date": pa.date32(), "count": pa.int64(), "flag": pa.bool_()}


class PlacedRows:
    """Rows of a stretch by their segment of the guide."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self._holding: dict[Where, Ints] = {}

    @cached_property
    def _order(self) -> Ints:
        return np.argsort(self.stretch.placement.nodes, kind="stable").astype(np.int64, copy=False)

    @cached_property
    def _bounds(self) -> list[int]:
        nodes = self.stretch.placement.nodes[self._order]
        bounds: list[int] = np.searchsorted(
            nodes, np.arange(len(load_guide().segments) + 1)
        ).tolist()
        return bounds

    def of(self, node: int) -> Ints:
        """Rows placed at that segment of the guide, in file order."""
        return self._order[self._bounds[node] : self._bounds[node + 1]]

    def holding(self, place: Place) -> Ints:
        """Rows that hold a column's value, in file order."""
        if place.where not in self._holding:
            self._holding[place.where] = self._find(place)
        return self._holding[place.where]

    def _find(self, place: Place) -> Ints:
        if place.condition is not None:
            unconditional = self.holding(
                Place(place.name, place.loop, place.segment, place.element, place.qualifier)
            )
            return unconditional[self._is(unconditional, *place.condition)]
        chosen = []
        for segment in load_guide().segments_of(place.loop, place.segment):
            rows = self.of(segment.index)
            if place.qualifier is None:
                chosen.append(rows)
            elif segment.qualifiers is None or place.qualifier in segment.qualifiers:
                chosen.append(rows[self._is(rows, 1, place.qualifier)])
        return chosen[0] if len(chosen) == 1 else np.sort(np.concatenate(chosen))

    def _is(self, rows: Ints, element: int, value: str) -> Flags:
        """Whether an element of each row has that value."""
        segments = self.stretch.segments
        tokens = segments.tokens_at(rows, element)
        same: Flags = segments.token_keys(np.maximum(tokens, 0)) == np.uint64(key(value))
        same &= tokens >= 0
        return same


@dataclass(frozen=True)
class _Held:
    """Rows that hold values of the same segments, the last one first, and whose they are."""

    owners: Ints
    first_token: Ints
    token_count: Ints


class ColumnReader:
    """Reads columns for owners.

    `owner_of` gives the owner of each row of the stretch, -1 for none.
    """

    def __init__(self, rows: PlacedRows, owner_of: Ints, owner_count: int) -> None:
        self.rows = rows
        self.owner_of = owner_of
        self.owner_count = owner_count
        self._held: dict[Where, _Held] = {}

    def read(self, places: tuple[Place, ...]) -> dict[str, pa.Array]:
        """The columns by name; of places with the same name the first value found holds."""
        by_name: dict[str, list[Place]] = {}
        for place in places:
            by_name.setdefault(place.name, []).append(place)
        columns: dict[str, pa.Array] = {}
        for kind in _READERS:
            same = {name: found for name, found in by_name.items() if found[0].kind == kind}
            columns |= self._columns(kind, same)
        return {name: columns[name] for name in by_name}

    def tokens(self, places: list[Place]) -> npt.NDArray[np.int64]:
        """Token of a column for each owner; the first one with a value, -1 where there is none."""
        tokens = np.full(self.owner_count, -1, dtype=np.int64)
        segments = self.rows.stretch.segments
        for place in reversed(places):
            held = self._rows_of(place)
            long_enough = held.token_count > place.element
            found = held.first_token[long_enough] + place.element
            filled = segments.lengths(found) > 0
            tokens[held.owners[long_enough][filled]] = found[filled]  # the first one comes last
        return tokens

    def _rows_of(self, place: Place) -> _Held:
        if place.where not in self._held:
            rows = self.rows.holding(place)[::-1]
            owners = self.owner_of[rows]
            rows, owners = rows[owners >= 0], owners[owners >= 0]
            segments = self.rows.stretch.segments
            self._held[place.where] = _Held(
                owners, segments.first_token[rows], segments.token_count[rows]
            )
        return self._held[place.where]

    def _columns(self, kind: Kind, places: dict[str, list[Place]]) -> dict[str, pa.Array]:
        """The columns of one kind, all read at once: a call costs more than a column."""
        tokens = {name: self.tokens(same) for name, same in places.items()}
        filled = {name: found for name, found in tokens.items() if (found >= 0).any()}
        columns = dict.fromkeys(places, pa.nulls(self.owner_count, _TYPES[kind]))
        if filled:
            together = np.concatenate(list(filled.values()))
            column = _READERS[kind](self.rows.stretch.segments, together)
            for number, name in enumerate(filled):
                columns[name] = column.slice(number * self.owner_count, self.owner_count)
        return columns
