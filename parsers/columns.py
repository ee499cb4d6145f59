"""Columns of business tables, found once per shape and read for all owners at once.

An owner is a row of the table to make (a member, a coverage, a category, a set), numbered within
the stretch. Which element fills which column is data (`schemas.places`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from parsers.segments import Flags, Ints, Segments, key
from parsers.stretch import Stretch
from parsers.values import count_column, date_column, flag_column, money_column
from schemas.places import Kind, Place, Where
from schemas.tables import MONEY

_READERS: dict[Kind, Callable[[Segments, Ints], pa.Array]] = {
    "text": lambda segments, tokens: segments.texts(tokens),
    "date": date_column,
    "count": count_column,
    "flag": flag_column,
    "money": money_column,
}
_TYPES = {
    "text": pa.large_string(),
    "date": pa.date32(),
    "count": pa.int64(),
    "flag": pa.bool_(),
    "money": MONEY,
}


class PlacedRows:
    """Rows of a stretch by their segment of the guide: all of them, or only some."""

    def __init__(self, stretch: Stretch, only: Ints | None = None) -> None:
        self.stretch = stretch
        self._only = only
        self._holding: dict[Where, Ints] = {}

    @cached_property
    def _order(self) -> Ints:
        nodes = self.stretch.placement.nodes
        if self._only is None:
            return np.argsort(nodes, kind="stable").astype(np.int64, copy=False)
        return self._only[np.argsort(nodes[self._only], kind="stable")]

    @cached_property
    def _bounds(self) -> list[int]:
        nodes = self.stretch.placement.nodes[self._order]
        bounds: list[int] = np.searchsorted(
            nodes, np.arange(len(self.stretch.guide.segments) + 1)
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
        for segment in self.stretch.guide.segments_of(place.loop, place.segment):
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
class Owners:
    """Rows of a table to make, within a stretch, in file order.

    `begins` are the rows of the stretch at which they begin, each in a header or member.
    `in_exemplars` are those among them that stand in exemplars, and `alike` gives, for each owner,
    the place among these of the one at the same place of its shape.
    """

    begins: Ints
    in_exemplars: Ints
    alike: Ints

    def __len__(self) -> int:
        return len(self.begins)


def owners_at(stretch: Stretch, begins: Ints) -> Owners:
    """The owners that begin at these rows, which are the same in all lanes of one shape."""
    placement = stretch.placement
    lanes = placement.lane_of[begins]
    first = np.searchsorted(begins, placement.lane_starts)  # owner: the first one of each lane
    others = np.arange(len(begins)) + (first[placement.exemplar_of] - first)[lanes]
    in_exemplars = np.flatnonzero(placement.is_exemplar[lanes])
    return Owners(begins, in_exemplars, np.searchsorted(in_exemplars, others))


@dataclass(frozen=True)
class _Held:
    """Rows of exemplars that hold values of one place, the last one first, and whose they are."""

    owners: Ints
    first_token: Ints
    token_count: Ints


class ColumnReader:
    """Reads columns for owners.

    Args:
        rows: The rows of all exemplars.
        owners: Whose columns they are.
        owner_of: For each row of the stretch its place in `owners.in_exemplars`, -1 for none.
    """

    def __init__(self, rows: PlacedRows, owners: Owners, owner_of: Ints) -> None:
        self.rows = rows
        self.owners = owners
        self.owner_of = owner_of
        self._held: dict[Where, _Held] = {}

    @cached_property
    def _distance(self) -> Ints:
        """Per owner: tokens from its like in the exemplar to itself."""
        owners = self.owners
        first = self.rows.stretch.segments.first_token[owners.begins]
        distance: Ints = first - first[owners.in_exemplars][owners.alike]
        return distance

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

    def tokens(self, places: list[Place]) -> Ints:
        """Token of a column for each owner; the first one with a value, -1 where there is none."""
        return self._spread(self._tokens_in_exemplars(places))

    def _spread(self, tokens: Ints) -> Ints:
        """Tokens of all owners from those of the exemplars' owners."""
        alike = tokens[self.owners.alike]
        found: Ints = np.where(alike >= 0, alike + self._distance, -1)
        return found

    def _tokens_in_exemplars(self, places: list[Place]) -> Ints:
        tokens = np.full(len(self.owners.in_exemplars), -1, dtype=np.int64)
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
        tokens = {name: self._tokens_in_exemplars(same) for name, same in places.items()}
        filled = {name: found for name, found in tokens.items() if (found >= 0).any()}
        columns = dict.fromkeys(places, pa.nulls(len(self.owners), _TYPES[kind]))
        spread = {name: self._spread(found) for name, found in filled.items()}
        segments = self.rows.stretch.segments
        if kind == "text":
            for name in filled:
                codes = segments.codes(spread[name])
                if codes is not None:
                    columns[name] = codes
                    del spread[name]
        if spread:
            column = _READERS[kind](segments, np.concatenate(list(spread.values())))
            for number, name in enumerate(spread):
                columns[name] = column.slice(number * len(self.owners), len(self.owners))
        return columns
