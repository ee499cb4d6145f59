"""Whose columns are read: headers and units of a transaction set, and the loops inside them.

An owner is a row of a table to make. Each of these works in any guide.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.columns import ColumnReader, PlacedRows, owners_at
from parsers.segments import Ints
from parsers.stretch import Stretch
from schemas.guide import Guide

Columns = dict[str, pa.Array | npt.NDArray[np.int64]]


def table_of(columns: Columns, schema: pa.Schema) -> pa.Table:
    """The columns as that table."""
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def spans_of(stretch: Stretch, first: Ints, end: Ints) -> dict[str, Ints]:
    """Byte spans from each first row to the end of the row before `end`."""
    segments = stretch.segments
    return {
        "byte_start": segments.byte_starts[first],
        "byte_end": segments.byte_ends[np.maximum(end - 1, first)] if len(first) else first,
    }


def lane_reader(rows: PlacedRows, begins: Ints) -> ColumnReader:
    """Reads columns of whole headers or members: those that begin at these rows."""
    stretch = rows.stretch
    owners = owners_at(stretch, begins)
    of_lane = np.full(len(stretch.placement.lane_starts), -1, dtype=np.int64)
    lanes = stretch.placement.lane_of[begins[owners.in_exemplars]]
    of_lane[lanes] = np.arange(len(lanes))
    owner_of = np.append(of_lane, -1)[stretch.placement.lane_of]  # rows outside have lane -1
    return ColumnReader(rows, owners, owner_of)


def loop_reader(rows: PlacedRows, begins: Ints) -> ColumnReader:
    """Reads columns of loops: each goes on until the next one in its member begins."""
    stretch = rows.stretch
    owners = owners_at(stretch, begins)
    exemplars = stretch.placement.exemplar_rows
    owner_of = whose_loop(stretch, begins[owners.in_exemplars], exemplars)
    return ColumnReader(rows, owners, owner_of)


def openers_of(stretch: Stretch, loop_id: str, segment_id: str) -> Ints:
    """Rows of the segment that begins each instance of a loop, in file order."""
    node = stretch.guide.segments_of(loop_id, segment_id)[0].index
    return np.flatnonzero(stretch.placement.nodes == node).astype(np.int64, copy=False)


def whose_loop(stretch: Stretch, openers: Ints, rows: Ints) -> Ints:
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


def loop_ends(reader: ColumnReader, loop_id: str) -> Ints:
    """One past the last row of each owner's loop instance, as it is in the exemplar."""
    owners, stretch = reader.owners, reader.rows.stretch
    begins = owners.begins[owners.in_exemplars]
    rows = stretch.placement.exemplar_rows
    rows = rows[np.isin(stretch.placement.nodes[rows], nodes_within(stretch.guide, loop_id))]
    rows = rows[reader.owner_of[rows] >= 0]
    last = begins.copy()
    last[reader.owner_of[rows]] = rows  # later rows overwrite earlier ones
    ends: Ints = owners.begins + (last + 1 - begins)[owners.alike]
    return ends


def counted_in_unit(stretch: Stretch, openers: Ints) -> Ints:
    """1-based count of each loop within its member, or other unit."""
    members = stretch.member_ordinals[openers]
    first_of_member = np.searchsorted(members, members, side="left")
    counted: Ints = np.arange(len(openers)) - first_of_member + 1
    return counted


def nodes_within(guide: Guide, loop_id: str) -> list[int]:
    """Segments of the guide in a loop and in the loops inside it."""
    loops = {guide.loop_named(loop_id).index}
    for loop in guide.loops:
        if loop.parent in loops:
            loops.add(loop.index)
    return [s.index for s in guide.segments if s.loop in loops]
