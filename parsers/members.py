"""The business tables: members, coverages, reporting categories and set headers, by columns.

Which element fills which column is data (`schemas.places`); `parsers.columns` reads it. This module
says what the rows of each table are, and what belongs to a row besides its columns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.columns import ColumnReader, PlacedRows
from parsers.segments import Ints
from parsers.stretch import Stretch
from parsers.values import date_range_columns
from schemas import tables
from schemas.guide import load_guide
from schemas.places import COVERAGE, MEMBER, REPORTING_CATEGORY, SET_HEADER


def _table(columns: dict[str, pa.Array | npt.NDArray[np.int64]], schema: pa.Schema) -> pa.Table:
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def _spans(stretch: Stretch, first: Ints, end: Ints) -> dict[str, Ints]:
    """Byte spans from each first row to the end of the row before `end`."""
    segments = stretch.segments
    return {
        "byte_start": segments.byte_starts[first],
        "byte_end": segments.byte_ends[np.maximum(end - 1, first)] if len(first) else first,
    }


@dataclass(frozen=True)
class BusinessTables:
    """The tables of one stretch, as `schemas.tables` declares them."""

    members: pa.Table
    coverages: pa.Table
    reporting_categories: pa.Table
    set_headers: pa.Table  # set_ordinal and the columns of schemas.places.SET_HEADER


def read_business_tables(stretch: Stretch) -> BusinessTables:
    """Members, coverages, reporting categories and set headers of a stretch, in file order."""
    rows = PlacedRows(stretch)
    categories = _categories(rows)
    return BusinessTables(
        members=_members(rows, categories),
        coverages=_coverages(rows),
        reporting_categories=categories,
        set_headers=_set_headers(rows),
    )


def _members(rows: PlacedRows, categories: pa.Table) -> pa.Table:
    stretch = rows.stretch
    starts = stretch.member_rows
    base = stretch.before.members
    owner_of = np.where(stretch.member_ordinals > 0, stretch.member_ordinals - base - 1, -1)
    columns = ColumnReader(rows, owner_of, len(starts)).read(MEMBER)
    ends = _lane_ends(stretch, starts)
    ordinals = np.arange(base + 1, base + 1 + len(starts), dtype=np.int64)
    return _table(
        {
            **columns,
            **_spans(stretch, starts, ends),
            "interchange_control_number": stretch.interchange_control_numbers(starts),
            "group_control_number": stretch.group_control_numbers(starts),
            "transaction_set_control_number": stretch.set_control_numbers(starts),
            "set_ordinal": stretch.set_ordinals[starts],
            "member_ordinal": ordinals,
            "additional_maintenance_reason": _first_value(
                categories, "ADDL MAINT REASON", ordinals
            ),
        },
        tables.MEMBERS,
    )


def _lane_ends(stretch: Stretch, starts: Ints) -> Ints:
    """One past the last row of the member that begins at each row."""
    lanes = stretch.placement.lane_of
    members = lanes[starts]
    counts = np.bincount(lanes[lanes >= 0], minlength=len(stretch.placement.lane_starts))
    ends: Ints = starts + counts[members]
    return ends


def _first_value(categories: pa.Table, name: str, ordinals: Ints) -> pa.Array:
    """Value of a member's first reporting category of that name; null where it has none."""
    named = categories.filter(pc.equal(categories["name"], name))
    wanted = pc.index_in(pa.array(ordinals), named["member_ordinal"].combine_chunks())
    return named["value"].combine_chunks().take(wanted)


def _owners_by_opener(stretch: Stretch, openers: Ints) -> Ints:
    """Per row: which opener came last, -1 before the first one or in another member."""
    count = np.zeros(len(stretch.segments), dtype=np.int64)
    count[openers] = 1
    owner = np.cumsum(count) - 1
    if not len(openers):
        return owner
    same_lane = (
        stretch.placement.lane_of == stretch.placement.lane_of[openers[np.maximum(owner, 0)]]
    )
    return np.where((owner >= 0) & same_lane, owner, -1)


def _loop_ends(owners: Ints, openers: Ints) -> Ints:
    """One past the last row of each opener's loop instance, taken as far as the next opener."""
    last = openers.copy()
    rows = np.flatnonzero(owners >= 0)
    last[owners[rows]] = rows  # later rows overwrite earlier ones
    return last + 1


def _coverage_openers(rows: PlacedRows) -> Ints:
    return rows.of(load_guide().segments_of("2300", "HD")[0].index)


def _counted_in_member(stretch: Stretch, openers: Ints) -> Ints:
    """1-based count of each HD within its member."""
    members = stretch.member_ordinals[openers]
    first_of_member = np.searchsorted(members, members, side="left")
    counted: Ints = np.arange(len(openers)) - first_of_member + 1
    return counted


def coverage_ordinals(rows: PlacedRows) -> Ints:
    """Per row of the stretch: which coverage of its member it belongs to, 0 outside 2300."""
    stretch = rows.stretch
    openers = _coverage_openers(rows)
    owners = _owners_by_opener(stretch, openers)
    inside = np.isin(stretch.placement.nodes, _nodes_within("2300")) & (owners >= 0)
    ordinals = np.zeros(len(stretch.segments), dtype=np.int64)
    ordinals[inside] = _counted_in_member(stretch, openers)[owners[inside]]
    return ordinals


def _coverages(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    openers = _coverage_openers(rows)
    owners = _owners_by_opener(stretch, openers)
    members = stretch.member_ordinals[openers]
    inside = np.isin(stretch.placement.nodes, _nodes_within("2300"))
    ends = _loop_ends(np.where(inside, owners, -1), openers)
    return _table(
        {
            **ColumnReader(rows, owners, len(openers)).read(COVERAGE),
            **_spans(stretch, openers, ends),
            "member_ordinal": members,
            "coverage_ordinal": _counted_in_member(stretch, openers),
        },
        tables.COVERAGES,
    )


def _nodes_within(loop_id: str) -> list[int]:
    """Segments of the guide in a loop and in the loops inside it."""
    guide = load_guide()
    loops = {guide.loop_named(loop_id).index}
    for loop in guide.loops:
        if loop.parent in loops:
            loops.add(loop.index)
    return [s.index for s in guide.segments if s.loop in loops]


def _categories(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    openers = rows.of(load_guide().segments_of("2750", "N1")[0].index)
    owners = _owners_by_opener(stretch, openers)
    reader = ColumnReader(rows, owners, len(openers))
    columns = reader.read(tuple(place for place in REPORTING_CATEGORY if place.kind == "text"))
    dated = [place for place in REPORTING_CATEGORY if place.kind == "date"]
    begins, ends = date_range_columns(stretch.segments, reader.tokens(dated))
    inside = np.isin(stretch.placement.nodes, _nodes_within("2750"))
    last = _loop_ends(np.where(inside, owners, -1), openers)
    return _table(
        {
            **columns,
            **_spans(stretch, openers, last),
            "member_ordinal": stretch.member_ordinals[openers],
            "effective_begin": begins,
            "effective_end": ends,
        },
        tables.REPORTING_CATEGORIES,
    )


def _set_headers(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    starts = np.flatnonzero(stretch.has_id("ST"))
    base = stretch.before.sets
    owner_of = np.where(stretch.set_ordinals > base, stretch.set_ordinals - base - 1, -1)
    columns = ColumnReader(rows, owner_of, len(starts)).read(SET_HEADER)
    ordinals = np.arange(base + 1, base + 1 + len(starts), dtype=np.int64)
    return pa.table({"set_ordinal": ordinals, **columns})


def read_segments_table(stretch: Stretch) -> pa.Table:
    """One row per segment as `tables.SEGMENTS`; `loop_id` is null where the guide has no place."""
    guide = load_guide()
    names = pa.array([guide.loops[s.loop].loop_id for s in guide.segments], pa.large_string())
    placed = (stretch.placement.nodes >= 0) & ~stretch.placement.has_strange_qualifier
    nodes = pa.array(stretch.placement.nodes.astype(np.int64), mask=~placed)
    segments = stretch.segments
    rows = np.arange(len(segments), dtype=np.int64)
    outside = ~stretch.is_in_set
    in_group = ~segments.has_id("ISA", "IEA", "TA1")
    return _table(
        {
            "interchange_control_number": stretch.interchange_control_numbers(rows),
            "group_control_number": pc.if_else(
                pa.array(in_group), stretch.group_control_numbers(rows), None
            ),
            "transaction_set_control_number": pc.if_else(
                pa.array(outside), None, stretch.set_control_numbers(rows)
            ),
            "set_ordinal": pa.array(stretch.set_ordinals, mask=outside),
            "segment_ordinal": pa.array(stretch.segment_ordinals, mask=outside),
            "segment_id": segments.texts(segments.first_token),
            "loop_id": names.take(nodes),
            "byte_start": segments.byte_starts,
            "byte_end": segments.byte_ends,
        },
        tables.SEGMENTS,
    )
