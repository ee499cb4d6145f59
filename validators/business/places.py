"""From a row and a column that break a rule to the segment and the element that show it.

Looked up for such rows only, by the places that `schemas.places` lists.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from parsers.columns import PlacedRows
from parsers.segments import Flags, Ints
from parsers.stretch import Stretch
from schemas.places import BESIDE, COVERAGE, MEMBER, REPORTING_CATEGORY, SET_HEADER, Place
from validators.business.facts import Facts

_PLACES = {
    "set_header": SET_HEADER,
    "member": (*MEMBER, *BESIDE),
    "coverage": COVERAGE,
    "reporting_category": REPORTING_CATEGORY,
}


@cache
def places_of(table: str, column: str) -> tuple[Place, ...]:
    """Where a column of a table may stand, the first one first; empty where the guide has none."""
    return tuple(place for place in _PLACES[table] if place.name == column)


@dataclass(frozen=True)
class Places:
    """Segments that show what is wrong in rows of the tables of a stretch."""

    stretch: Stretch
    facts: Facts
    placed: PlacedRows

    def find(self, table: str, rows: Ints, column: str | None) -> tuple[Ints, Ints]:
        """The segment of each row that shows the column, and the element in it.

        Where the column has no value it is the segment in which it should stand, and where that is
        missing the first one of the row, with element 0.
        """
        if column is None or "." not in column:
            return self._find(table, rows, column)
        shown, elements = self._find(table, rows, None)
        target, there, name = self._elsewhere(rows, column)
        is_there = there >= 0
        shown[is_there], elements[is_there] = self._find(target, there[is_there], name)
        return shown, elements

    def _find(self, table: str, rows: Ints, column: str | None) -> tuple[Ints, Ints]:
        first, end = self._bounds(table, rows)
        shown, elements = first.copy(), np.zeros(len(rows), dtype=np.int64)
        settled = np.zeros(len(rows), dtype=np.bool_)
        for place in places_of(table, column) if column else ():
            self._look(place, (first, end), (shown, elements, settled))
        return shown, elements

    def _look(
        self, place: Place, bounds: tuple[Ints, Ints], found: tuple[Ints, Ints, Flags]
    ) -> None:
        """Fills in the rows that are shown by this place, if none before it had a value."""
        first, end = bounds
        shown, elements, settled = found
        holding = self.placed.holding(place)
        if not len(holding):
            return
        at = np.searchsorted(holding, first)
        here = holding[np.minimum(at, len(holding) - 1)]
        is_inside = (at < len(holding)) & (here < end) & ~settled
        segments = self.stretch.segments
        is_filled = segments.token_count[here] > place.element
        tokens = np.where(is_filled, segments.first_token[here] + place.element, 0)
        is_filled &= segments.lengths(tokens) > 0
        takes = is_inside & (is_filled | (elements == 0))
        shown[takes], elements[takes] = here[takes], place.element
        settled[is_inside & is_filled] = True

    def _elsewhere(self, rows: Ints, column: str) -> tuple[str, Ints, str]:
        """Where members have a column of another table: that table, the row there or -1, its name.

        Only what members have of their own is shown there: a category, or their first coverage.
        """
        way, _, name = column.partition(".")
        if way == "category":
            return "reporting_category", self.facts.first_category(name)[rows], "value"
        return "coverage", self.facts.first_coverage[rows], name

    def _bounds(self, table: str, rows: Ints) -> tuple[Ints, Ints]:
        """The first segment of each row of a table, and the one behind its last."""
        starts = self.stretch.segments.byte_starts
        if table == "set_header":
            first = np.flatnonzero(self.stretch.has_id("ST"))[rows]
            ends = np.append(
                np.flatnonzero(self.stretch.segments.has_id("INS", "SE", "ST")), len(starts)
            )
            return first, ends[np.searchsorted(ends, first, side="right")]
        spans = self.facts.tables[table]
        first = np.searchsorted(starts, spans["byte_start"].to_numpy()[rows])
        return first, np.searchsorted(starts, spans["byte_end"].to_numpy()[rows])
