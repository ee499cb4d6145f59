"""The tables of the guide beyond members and coverages, as `schemas.details` declares them."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.columns import PlacedRows
from parsers.members import coverage_ordinals
from parsers.segments import Flags, Ints, Segments
from parsers.stretch import Stretch
from parsers.values import count_column, date_column, date_range_columns, money_column
from schemas.details import DETAILS, RACES, Detail, DetailColumn, detail_schemas
from schemas.guide import load_guide

_READERS: dict[str, Callable[[Segments, Ints], pa.Array]] = {
    "text": lambda segments, tokens: segments.texts(tokens),
    "date": date_column,
    "count": count_column,
    "money": money_column,
}


def read_details(stretch: Stretch) -> dict[str, pa.Table]:
    """All detail tables of a stretch by name, in file order; each may be empty."""
    rows = PlacedRows(stretch)
    keys = _Keys(stretch)
    parts: dict[str, list[pa.Table]] = {name: [] for name in detail_schemas()}
    for detail in DETAILS:
        parts[detail.name].append(_read(detail, rows, keys))
    parts["races"].append(_read_races(rows, keys))
    return {name: _in_file_order(tables) for name, tables in parts.items()}


def _in_file_order(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables(tables).sort_by("byte_start")  # stable: the position decides next


class _Keys:
    """The key columns of any rows of a stretch."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self.coverages = coverage_ordinals(stretch)
        guide = load_guide()
        self.loop_names = pa.array(
            [guide.loops[segment.loop].loop_id for segment in guide.segments], pa.large_string()
        )

    def of(self, rows: Ints) -> dict[str, pa.Array]:
        stretch = self.stretch
        members = stretch.member_ordinals[rows]
        coverages = self.coverages[rows]
        nodes = stretch.placement.nodes[rows].astype(np.int64)
        return {
            "set_ordinal": pa.array(stretch.set_ordinals[rows]),
            "member_ordinal": pa.array(members, mask=members == 0),
            "coverage_ordinal": pa.array(coverages, mask=coverages == 0),
            "loop_id": self.loop_names.take(pa.array(nodes)),
            "segment_ordinal": pa.array(stretch.segment_ordinals(rows)),
            "byte_start": pa.array(stretch.segments.byte_starts[rows]),
            "byte_end": pa.array(stretch.segments.byte_ends[rows]),
        }


def _rows_of(detail: Detail, rows: PlacedRows) -> Ints:
    """Rows of the detail's segment in its loops, in file order."""
    guide = load_guide()
    found = [
        rows.of(segment.index)
        for loop in detail.loops
        for segment in guide.segments_of(loop, detail.segment)
    ]
    return np.sort(np.concatenate(found))


def _read(detail: Detail, rows: PlacedRows, keys: _Keys) -> pa.Table:
    segments = rows.stretch.segments
    chosen = _rows_of(detail, rows)
    if detail.filled:
        needed = {column.element for column in detail.columns if column.name in detail.filled}
        chosen = chosen[np.any([_has(segments, chosen, element) for element in needed], axis=0)]
    columns = keys.of(chosen)
    for column in detail.columns:
        columns |= _column(detail, column, segments, chosen)
    return pa.table(
        {field.name: columns[field.name] for field in detail.schema}, schema=detail.schema
    )


def _has(segments: Segments, rows: Ints, element: int) -> Flags:
    """Whether the element of each row is filled."""
    tokens = segments.tokens_at(rows, element)
    filled: Flags = (tokens >= 0) & (segments.lengths(np.maximum(tokens, 0)) > 0)
    return filled


def _column(
    detail: Detail, column: DetailColumn, segments: Segments, rows: Ints
) -> dict[str, pa.Array]:
    """The column, and the end of its range where the table has one."""
    tokens = segments.tokens_at(rows, column.element)
    if column.kind == "date" and detail.range_end is not None:
        begins, ends = date_range_columns(segments, tokens)
        return {column.name: begins, detail.range_end: ends}
    if column.component is not None:
        parts = _components(segments.texts(tokens), segments.delimiters.component, column.component)
        return {column.name: parts[-1]}
    return {column.name: _READERS[column.kind](segments, tokens)}


def _read_races(rows: PlacedRows, keys: _Keys) -> pa.Table:
    """DMG05 taken apart: a row per repetition, a column per component."""
    segments = rows.stretch.segments
    guide = load_guide()
    found = [rows.of(guide.segments_of(loop, "DMG")[0].index) for loop in ("2100A", "2100B")]
    chosen = np.sort(np.concatenate(found))
    chosen = chosen[_has(segments, chosen, 5)]
    texts = segments.texts(segments.tokens_at(chosen, 5))
    delimiters = segments.delimiters
    repeated = pc.split_pattern(texts, pattern=chr(delimiters.repetition))
    parents = pc.list_parent_indices(repeated).to_numpy()
    names = ("race_code", "code_list", "code")
    parts = _components(pc.list_flatten(repeated), delimiters.component, len(names))
    components = dict(zip(names, parts, strict=True))
    first = np.searchsorted(parents, parents, side="left")
    columns = {
        **keys.of(chosen[parents]),
        "repetition": pa.array(np.arange(len(parents)) - first + 1),
        **components,
    }
    return pa.table({field.name: columns[field.name] for field in RACES}, schema=RACES)


def _components(texts: pa.Array, separator: int, many: int) -> list[pa.Array]:
    """The first so many components of each text; null where one is left out."""
    component = chr(separator)
    # More separators make every list long enough to be taken apart.
    padding, nothing = (pa.scalar(text, pa.large_string()) for text in (component * many, ""))
    padded = pc.binary_join_element_wise(texts, padding, nothing)
    parts = pc.split_pattern(padded, pattern=component)
    return [_filled(pc.list_element(parts, at)) for at in range(many)]


def _filled(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), None, column)
