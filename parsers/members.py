"""The business tables: members, coverages, reporting categories and set headers, by columns.

Which element fills which column is data (`schemas.places`); `parsers.columns` reads it. This module
says what the rows of each table are, and what belongs to a row besides its columns.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.columns import PlacedRows
from parsers.owners import (
    Columns,
    counted_in_unit,
    lane_reader,
    loop_ends,
    loop_reader,
    nodes_within,
    openers_of,
    spans_of,
    table_of,
    whose_loop,
)
from parsers.segments import Ints
from parsers.stretch import Stretch
from parsers.values import date_range_columns
from schemas import tables
from schemas.places import COVERAGE, MEMBER, REPORTING_CATEGORY, SET_HEADER, Place

_CONTROL_NUMBERS = frozenset(
    {"interchange_control_number", "group_control_number", "transaction_set_control_number"}
)

_ALWAYS = frozenset(  # what a row is, and where
    {
        "set_ordinal",
        "member_ordinal",
        "coverage_ordinal",
        "byte_start",
        "byte_end",
        "additional_maintenance_reason",
    }
)

Wanted = frozenset[str] | None  # the columns to read; None: all of them


@dataclass(frozen=True)
class BusinessTables:
    """The tables of one stretch, as `schemas.tables` declares them.

    Columns that nobody wanted are left out, so that who reads one all the same fails.
    """

    members: pa.Table
    coverages: pa.Table
    reporting_categories: pa.Table
    set_headers: pa.Table  # set_ordinal and the columns of schemas.places.SET_HEADER


def read_business_tables(stretch: Stretch, wanted: Wanted = None) -> BusinessTables:
    """Members, coverages, reporting categories and set headers of a stretch, in file order.

    Of members and coverages the columns in `wanted` are read, and all where it is None.
    """
    rows = PlacedRows(stretch, stretch.placement.exemplar_rows)
    categories = _categories(rows)
    return BusinessTables(
        members=_members(rows, categories, wanted),
        coverages=_coverages(rows, wanted),
        reporting_categories=categories,
        set_headers=_set_headers(rows),
    )


def _wanted(places: tuple[Place, ...], wanted: Wanted) -> tuple[Place, ...]:
    return tuple(place for place in places if wanted is None or place.name in wanted)


def _with_wanted(schema: pa.Schema, wanted: Wanted) -> pa.Schema:
    """The columns of a table that are wanted, and those that it always has."""
    if wanted is None:
        return schema
    return pa.schema([field for field in schema if field.name in wanted | _ALWAYS])


def _members(rows: PlacedRows, categories: pa.Table, wanted: Wanted) -> pa.Table:
    stretch = rows.stretch
    starts = stretch.member_rows
    base = stretch.before.members
    columns = lane_reader(rows, starts).read(_wanted(MEMBER, wanted))
    ends = starts + stretch.placement.lanes.lengths[stretch.placement.lane_of[starts]]
    ordinals = np.arange(base + 1, base + 1 + len(starts), dtype=np.int64)
    return table_of(
        {
            **columns,
            **spans_of(stretch, starts, ends),
            **_control_numbers(stretch, starts, wanted),
            "set_ordinal": stretch.set_ordinals[starts],
            "member_ordinal": ordinals,
            "additional_maintenance_reason": _first_value(
                categories, "ADDL MAINT REASON", ordinals
            ),
        },
        _with_wanted(tables.MEMBERS, wanted),
    )


def _control_numbers(stretch: Stretch, rows: Ints, wanted: Wanted) -> Columns:
    """The columns of control numbers, which are wanted together or not at all."""
    if wanted is not None and not wanted & _CONTROL_NUMBERS:
        return {}
    return {
        "interchange_control_number": stretch.interchange_control_numbers(rows),
        "group_control_number": stretch.group_control_numbers(rows),
        "transaction_set_control_number": stretch.set_control_numbers(rows),
    }


def _first_value(categories: pa.Table, name: str, ordinals: Ints) -> pa.Array:
    """Value of a member's first reporting category of that name; null where it has none."""
    named = categories.filter(pc.equal(categories["name"], name))
    wanted = pc.index_in(pa.array(ordinals), named["member_ordinal"].combine_chunks())
    return named["value"].combine_chunks().take(wanted)


def coverage_ordinals(stretch: Stretch) -> Ints:
    """Per row of the stretch: which coverage of its member it belongs to, 0 outside 2300."""
    openers = openers_of(stretch, "2300", "HD")
    rows = np.flatnonzero(np.isin(stretch.placement.nodes, nodes_within(stretch.guide, "2300")))
    owners = whose_loop(stretch, openers, rows)[rows]
    rows, owners = rows[owners >= 0], owners[owners >= 0]
    ordinals = np.zeros(len(stretch.segments), dtype=np.int64)
    ordinals[rows] = counted_in_unit(stretch, openers)[owners]
    return ordinals


def _coverages(rows: PlacedRows, wanted: Wanted) -> pa.Table:
    stretch = rows.stretch
    openers = openers_of(stretch, "2300", "HD")
    reader = loop_reader(rows, openers)
    return table_of(
        {
            **reader.read(_wanted(COVERAGE, wanted)),
            **spans_of(stretch, openers, loop_ends(reader, "2300")),
            "member_ordinal": stretch.member_ordinals[openers],
            "coverage_ordinal": counted_in_unit(stretch, openers),
        },
        _with_wanted(tables.COVERAGES, wanted),
    )


def _categories(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    openers = openers_of(stretch, "2750", "N1")
    reader = loop_reader(rows, openers)
    columns = reader.read(tuple(place for place in REPORTING_CATEGORY if place.kind == "text"))
    dated = [place for place in REPORTING_CATEGORY if place.kind == "date"]
    begins, ends = date_range_columns(stretch.segments, reader.tokens(dated))
    return table_of(
        {
            **columns,
            **spans_of(stretch, openers, loop_ends(reader, "2750")),
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
    return pa.table({"set_ordinal": ordinals, **lane_reader(rows, starts).read(SET_HEADER)})


def read_segments_table(stretch: Stretch) -> pa.Table:
    """One row per segment as `tables.SEGMENTS`; `loop_id` is null where the guide has no place."""
    guide = stretch.guide
    names = pa.array([guide.loops[s.loop].loop_id for s in guide.segments], pa.large_string())
    placed = (stretch.placement.nodes >= 0) & ~stretch.placement.has_strange_qualifier
    nodes = pa.array(stretch.placement.nodes.astype(np.int64), mask=~placed)
    segments = stretch.segments
    rows = np.arange(len(segments), dtype=np.int64)
    outside = ~stretch.is_in_set
    in_group = ~segments.has_id("ISA", "IEA", "TA1")
    return table_of(
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
