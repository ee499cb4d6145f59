"""The business tables: members, coverages, reporting categories and set headers, by columns.

Which element fills which column is data (`schemas.places`); `parsers.columns` reads it. This module
says what the rows of each table are, and what belongs to a row besides its columns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.columns import ColumnReader, PlacedRows, owners_at
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
    rows = PlacedRows(stretch, stretch.placement.exemplar_rows)
    categories = _categories(rows)
    return BusinessTables(
        members=_members(rows, categories),
        coverages=_coverages(rows),
        reporting_categories=categories,
        set_headers=_set_headers(rows),
    )


def _lane_reader(rows: PlacedRows, begins: Ints) -> ColumnReader:
    """Reads columns of whole headers or members: those that begin at these rows."""
    stretch = rows.stretch
    owners = owners_at(stretch, begins)
    of_lane = np.full(len(stretch.placement.lane_starts), -1, dtype=np.int64)
    lanes = stretch.placement.lane_of[begins[owners.in_exemplars]]
    of_lane[lanes] = np.arange(len(lanes))
    owner_of = np.append(of_lane, -1)[stretch.placement.lane_of]  # rows outside have lane -1
    return ColumnReader(rows, owners, owner_of)


def _loop_reader(rows: PlacedRows, begins: Ints) -> ColumnReader:
    """Reads columns of loops: each goes on until the next one in its member begins."""
    stretch = rows.stretch
    owners = owners_at(stretch, begins)
    exemplars = stretch.placement.exemplar_rows
    owner_of = _owners_by_opener(stretch, begins[owners.in_exemplars], exemplars)
    return ColumnReader(rows, owners, owner_of)


def _members(rows: PlacedRows, categories: pa.Table) -> pa.Table:
    stretch = rows.stretch
    starts = stretch.member_rows
    base = stretch.before.members
    columns = _lane_reader(rows, starts).read(MEMBER)
    ends = starts + stretch.placement.lanes.lengths[stretch.placement.lane_of[starts]]
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


def _first_value(categories: pa.Table, name: str, ordinals: Ints) -> pa.Array:
    """Value of a member's first reporting category of that name; null where it has none."""
    named = categories.filter(pc.equal(categories["name"], name))
    wanted = pc.index_in(pa.array(ordinals), named["member_ordinal"].combine_chunks())
    return named["value"].combine_chunks().take(wanted)


def _openers(stretch: Stretch, loop_id: str, segment_id: str) -> Ints:
    """Rows of the segment that begins each instance of a loop, in file order."""
    node = load_guide().segments_of(loop_id, segment_id)[0].index
    return np.flatnonzero(stretch.placement.nodes == node).astype(np.int64, copy=False)


def _owners_by_opener(stretch: Stretch, openers: Ints, rows: Ints) -> Ints:
    """Per row of the stretch: which opener came last, -1 before the first one of its member.

    Only `rows` are looked at; all others have -1.
    """
    owner_of = np.full(len(stretch.segments), -1, dtype=np.int64)
    if len(openers):
        owners = np.searchsorted(openers, rows, side="right") - 1
        lane_of = stretch.placement.lane_of
        same_lane = (owners >= 0) & (lane_of[rows] == lane_of[openers[owners]])
        owner_of[rows] = np.where(same_lane, owners, -1)
    return owner_of


def _loop_ends(reader: ColumnReader, loop_id: str) -> Ints:
    """One past the last row of each owner's loop instance, as it is in the exemplar."""
    owners, stretch = reader.owners, reader.rows.stretch
    begins = owners.begins[owners.in_exemplars]
    rows = stretch.placement.exemplar_rows
    rows = rows[np.isin(stretch.placement.nodes[rows], _nodes_within(loop_id))]
    rows = rows[reader.owner_of[rows] >= 0]
    last = begins.copy()
    last[reader.owner_of[rows]] = rows  # later rows overwrite earlier ones
    ends: Ints = owners.begins + (last + 1 - begins)[owners.alike]
    return ends


def _counted_in_member(stretch: Stretch, openers: Ints) -> Ints:
    """1-based count of each HD within its member."""
    members = stretch.member_ordinals[openers]
    first_of_member = np.searchsorted(members, members, side="left")
    counted: Ints = np.arange(len(openers)) - first_of_member + 1
    return counted


def coverage_ordinals(stretch: Stretch) -> Ints:
    """Per row of the stretch: which coverage of its member it belongs to, 0 outside 2300."""
    openers = _openers(stretch, "2300", "HD")
    rows = np.flatnonzero(np.isin(stretch.placement.nodes, _nodes_within("2300")))
    owners = _owners_by_opener(stretch, openers, rows)[rows]
    rows, owners = rows[owners >= 0], owners[owners >= 0]
    ordinals = np.zeros(len(stretch.segments), dtype=np.int64)
    ordinals[rows] = _counted_in_member(stretch, openers)[owners]
    return ordinals


def _coverages(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    openers = _openers(stretch, "2300", "HD")
    reader = _loop_reader(rows, openers)
    return _table(
        {
            **reader.read(COVERAGE),
            **_spans(stretch, openers, _loop_ends(reader, "2300")),
            "member_ordinal": stretch.member_ordinals[openers],
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
    openers = _openers(stretch, "2750", "N1")
    reader = _loop_reader(rows, openers)
    columns = reader.read(tuple(place for place in REPORTING_CATEGORY if place.kind == "text"))
    dated = [place for place in REPORTING_CATEGORY if place.kind == "date"]
    begins, ends = date_range_columns(stretch.segments, reader.tokens(dated))
    return _table(
        {
            **columns,
            **_spans(stretch, openers, _loop_ends(reader, "2750")),
            "member_ordinal": stretch.member_ordinals[openers],
            "effective_begin": begins,
            "effective_end": ends,
        },
        tables.REPORTING_CATEGORIES,
    )


def _set_headers(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    starts = np.flatnonzero(stretch.has_id("ST")).astype(np.int64, copy=False)
    base = stretch.before.sets
    ordinals = np.arange(base + 1, base + 1 + len(starts), dtype=np.int64)
    return pa.table({"set_ordinal": ordinals, **_lane_reader(rows, starts).read(SET_HEADER)})


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
            "segment_ordinal": pa.array(stretch.segment_ordinals(rows), mask=outside),
            "segment_id": segments.texts(segments.first_token),
            "loop_id": names.take(nodes),
            "byte_start": segments.byte_starts,
            "byte_end": segments.byte_ends,
        },
        tables.SEGMENTS,
    )
