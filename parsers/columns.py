"""Columns of business tables: one gather each from the elements that hold them to their owners.

An owner is a row of the table to make (a member, a coverage, a category, a set), numbered within
the stretch. Which element fills which column is data (`schemas.places`).
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import Flags, Ints, Segments, key
from parsers.stretch import Stretch
from parsers.values import count_column, date_column, flag_column
from schemas.guide import load_guide
from schemas.places import Place

_READERS: dict[str, Callable[[Segments, Ints], pa.Array]] = {
    "text": lambda segments, tokens: segments.texts(tokens),
    "date": date_column,
    "count": count_column,
    "flag": flag_column,
}
_TYPES = {"text": pa.large_string(), "date": pa.date32(), "count": pa.int64(), "flag": pa.bool_()}

_Where = tuple[str, str, str | None, tuple[int, str] | None]


class PlacedRows:
    """Rows of a stretch by their segment of the guide."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self._holding: dict[_Where, Ints] = {}

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
        where = (place.loop, place.segment, place.qualifier, place.condition)
        if where not in self._holding:
            self._holding[where] = self._find(place)
        return self._holding[where]

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


class ColumnReader:
    """Reads columns for owners.

    `owner_of` gives the owner of each row of the stretch, -1 for none.
    """

    def __init__(self, rows: PlacedRows, owner_of: Ints, owner_count: int) -> None:
        self.rows = rows
        self.owner_of = owner_of
        self.owner_count = owner_count

    def read(self, places: tuple[Place, ...]) -> dict[str, pa.Array]:
        """The columns by name; of places with the same name the first value found holds."""
        by_name: dict[str, list[Place]] = {}
        for place in places:
            by_name.setdefault(place.name, []).append(place)
        return {name: self._column(same) for name, same in by_name.items()}

    def tokens(self, places: list[Place]) -> npt.NDArray[np.int64]:
        """Token of a column for each owner; the first one with a value, -1 where there is none."""
        tokens = np.full(self.owner_count, -1, dtype=np.int64)
        segments = self.rows.stretch.segments
        for place in reversed(places):
            rows = self.rows.holding(place)
            rows = rows[segments.token_count[rows] > place.element]
            found = segments.first_token[rows] + place.element
            owners = self.owner_of[rows]
            usable = (owners >= 0) & (segments.lengths(found) > 0)
            tokens[owners[usable][::-1]] = found[usable][::-1]  # the first one is written last
        return tokens

    def _column(self, places: list[Place]) -> pa.Array:
        tokens = self.tokens(places)
        kind = places[0].kind
        if not (tokens >= 0).any():
            return pa.nulls(len(tokens), _TYPES[kind])
        return _READERS[kind](self.rows.stretch.segments, tokens)
