"""Headers and members of one shape: each shape is placed, judged and read once.

Two lanes (headers or members) have one shape when their segments are the same symbols of the guide,
one after the other, with the same elements filled, and when the same conditions of the columns
hold (`schemas.places`). An exchange sends a hundred thousand members in a hundred shapes. All that
does not depend on values is found for one lane of each shape, its exemplar.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import PATTERN_BITS, Flags, Ints, Keys, Segments, key
from schemas.guide import Guide
from schemas.places import Place, places_of

_COUNT_BITS = 6
_MOST_COUNTED = (1 << _COUNT_BITS) - 1
_CONDITION_BITS = 12
_SYMBOL_SHIFT = PATTERN_BITS + _COUNT_BITS + _CONDITION_BITS
# Odd factors without a pattern: Fibonacci hashing, and a step of splitmix64.
_SPREAD, _STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class Lanes:
    """The headers and members of a stretch: the first row of each, and the lane of each row.

    Rows outside any lane have -1.
    """

    starts: Ints
    lane_of: Ints

    @cached_property
    def lengths(self) -> Ints:
        """Number of rows of each lane."""
        counts = np.bincount(self.lane_of + 1, minlength=len(self.starts) + 1)
        return counts[1:].astype(np.int64, copy=False)

    @cached_property
    def rows(self) -> Ints:
        """All rows inside a lane."""
        return np.flatnonzero(self.lane_of >= 0).astype(np.int64, copy=False)


def find_exemplars(
    segments: Segments, symbols: npt.NDArray[np.int32], lanes: Lanes, guide: Guide
) -> Ints:
    """Per lane: the lane that stands for its shape, which is itself the exemplar of itself.

    Sums over the rows of a lane tell which lanes may be alike; rows are then compared one by one,
    so a sum that two shapes share does no harm.
    """
    if not len(lanes.starts):
        return lanes.starts
    keys = _row_keys(segments, symbols, guide)
    candidates = _first_alike(_sums(keys, lanes))
    is_alone = lanes.lengths != lanes.lengths[candidates]
    is_alone[_lanes_that_differ(keys, segments.first_token, lanes, candidates)] = True
    return np.where(is_alone, np.arange(len(candidates)), candidates)


def _lanes_that_differ(keys: Keys, first_token: Ints, lanes: Lanes, candidates: Ints) -> Ints:
    """Lanes with a row unlike that of their candidate, or at another distance from the first."""
    rows = lanes.rows
    lane_of = lanes.lane_of[rows]
    others = rows + (lanes.starts[candidates] - lanes.starts)[lane_of]
    np.minimum(others, len(keys) - 1, out=others)
    begins = first_token[lanes.starts]
    differs = keys[rows] != keys[others]
    differs |= first_token[rows] - first_token[others] != (begins - begins[candidates])[lane_of]
    different: Ints = lane_of[differs]
    return different


def _row_keys(segments: Segments, symbols: npt.NDArray[np.int32], guide: Guide) -> Keys:
    """Per row: symbol, number of elements, which are filled, and which conditions hold."""
    keys = symbols.astype(np.uint64) << np.uint64(_SYMBOL_SHIFT)
    counts = np.minimum(segments.token_count, _MOST_COUNTED).astype(np.uint64)
    keys |= counts << np.uint64(PATTERN_BITS + _CONDITION_BITS)
    keys |= segments.patterns.astype(np.uint64) << np.uint64(_CONDITION_BITS)
    _add_conditions(keys, segments, guide)
    return keys


def _add_conditions(keys: Keys, segments: Segments, guide: Guide) -> None:
    for segment_id, asked in _conditions_by_id(guide).items():
        rows = np.flatnonzero(segments.has_id(segment_id))
        if not len(rows):
            continue
        for element, values in asked.items():
            found = segments.element_keys(rows, element)
            for value, bit in values.items():
                keys[rows] |= (found == np.uint64(key(value))).astype(np.uint64) << np.uint64(bit)


@cache
def _conditions_by_id(guide: Guide) -> dict[str, dict[int, dict[str, int]]]:
    """Conditions by segment id and element: the values asked for, each with its bit."""
    by_id: dict[str, dict[int, dict[str, int]]] = {}
    used: dict[str, int] = {}
    asked = dict.fromkeys(
        condition for place in places_of(guide) for condition in _conditions_of(place, guide)
    )
    for segment_id, element, value in asked:
        bit = used.get(segment_id, 0)
        assert bit < _CONDITION_BITS, f"too many conditions on {segment_id}"
        by_id.setdefault(segment_id, {}).setdefault(element, {})[value] = bit
        used[segment_id] = bit + 1
    return by_id


def _conditions_of(place: Place, guide: Guide) -> Iterable[tuple[str, int, str]]:
    """What a place asks of its segment that symbols do not tell: (segment id, element, value)."""
    if place.condition is not None:
        yield (place.segment, *place.condition)
    if place.qualifier is not None and not _is_told(guide, place.segment, place.qualifier):
        yield (place.segment, 1, place.qualifier)


def _is_told(guide: Guide, segment_id: str, qualifier: str) -> bool:
    """Whether the symbol of a segment tells that it has that qualifier."""
    known = (s.qualifiers or frozenset() for s in guide.segments if s.segment_id == segment_id)
    return segment_id in guide.told_apart and any(qualifier in one for one in known)


def _sums(keys: Keys, lanes: Lanes) -> Keys:
    """A sum over the rows of each lane that depends on their order."""
    rows = np.arange(len(keys))
    inside = lanes.lane_of >= 0
    position = np.where(inside, rows - lanes.starts[lanes.lane_of], 0)
    weights = np.cumprod(np.full(int(lanes.lengths.max()), _STEP, dtype=np.uint64))
    mixed = keys * _SPREAD
    mixed ^= mixed >> np.uint64(32)
    mixed *= weights[position]
    mixed *= inside
    sums: Keys = np.add.reduceat(mixed, lanes.starts)
    return sums


def _first_alike(sums: Keys) -> Ints:
    """Per lane: the first lane with the same sum."""
    index = pa.array(sums).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    first = np.empty(len(sums), dtype=np.int64)
    first[index[::-1]] = np.arange(len(sums) - 1, -1, -1)  # the first one is written last
    alike: Ints = first[index]
    return alike


def rows_of_lanes(lanes: Lanes, wanted: Flags) -> Ints:
    """All rows of the lanes that are wanted, in file order."""
    found: Ints = lanes.rows.compress(wanted[lanes.lane_of[lanes.rows]])
    return found
