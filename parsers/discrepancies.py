"""The reader of a state's discrepancy file: the second format of the exchange's monthly answer.

The layout is `schemas/monthly/georgia-discrepancy.toml`. Each line is a record of one field; what
cannot be read in one way only is a record, too, at which a person has to look.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.hostile_csv import Cut, cut_records
from parsers.monthly_issues import issues, refuses, together
from parsers.pipe_lines import Lines, Undecodable, cut_lines
from parsers.rcno import Answered
from schemas import monthly_tables, tables
from schemas.monthly_answers import DiscrepancyLayout

_TEXT = pa.large_string()


def read_discrepancies(content: bytes, layout: DiscrepancyLayout) -> Answered:
    """The discrepancies of the file as the tables of an answer, and what is wrong with it."""
    lines = cut_lines(content, ",")
    if isinstance(lines, Undecodable):
        return _refused([issues("month-not-utf-8", [lines.line], lines.position)])
    if not len(lines.number):
        return _refused([issues("month-empty", [None])])
    is_first = np.arange(len(lines.number)) == 0
    header = lines.pick(is_first)
    if not _is_header(header, layout):
        return _refused([issues("month-no-header", [int(header.number[0])])])
    plain, looked_at = cut_records(lines.pick(~is_first), layout)
    rows, again = _once(_together(plain, looked_at, layout), layout)
    rows = _flagged(rows, layout)
    readable = rows.filter(pc.equal(rows["is_read"], True))
    unknown = pc.invert(pc.is_in(readable["reason_code"], pa.array(list(layout.reasons), _TEXT)))
    set_aside = _numbers(looked_at, mended=False)
    found = [
        issues("month-same-again", again),
        issues("month-unknown-reason", readable["number"].filter(unknown).to_pylist()),
        issues("month-line-mended", _numbers(looked_at, mended=True)),
        issues("month-line-unreadable", set_aside, None, len(layout.columns)),
    ]
    return Answered(_records(rows), _fields(rows, layout), together(found))


def _refused(found: list[pa.Table]) -> Answered:
    assert refuses(together(found))
    return Answered(
        monthly_tables.RCNO_RECORDS.empty_table(),
        monthly_tables.RCNO_FIELDS.empty_table(),
        together(found),
    )


def _is_header(header: Lines, layout: DiscrepancyLayout) -> bool:
    """Whether it has the columns, and is no discrepancy itself.

    What the columns are called is not known, so names are not compared.
    """
    if header.widths[0] != len(layout.columns):
        return False
    plain, looked_at = cut_records(header, layout)
    return not plain.num_rows and all(cells is None for cells in looked_at.cells)


def _numbers(cut: Cut, *, mended: bool) -> list[int]:
    chosen = zip(cut.number, cut.cells, cut.mended, strict=True)
    return [
        number for number, cells, was_mended in chosen if (was_mended if mended else cells is None)
    ]


def _together(plain: pa.Table, cut: Cut, layout: DiscrepancyLayout) -> pa.Table:
    """All records in the order of the file; those that are set aside have no cells."""
    read = plain.append_column("is_read", pa.array(np.ones(plain.num_rows, dtype=bool)))
    nothing = [None] * len(layout.columns)
    cells = list(zip(*[one or nothing for one in cut.cells], strict=True)) or [()] * len(nothing)
    single = pa.table(
        {
            "number": pa.array(cut.number, pa.int64()),
            "start": pa.array(cut.start, pa.int64()),
            "end": pa.array(cut.end, pa.int64()),
            **{
                name: pa.array([value or None for value in column], _TEXT)
                for name, column in zip(layout.names, cells, strict=True)
            },
            "is_read": pa.array([one is not None for one in cut.cells], pa.bool_()),
        }
    )
    return pa.concat_tables([read, single]).sort_by("number").combine_chunks()


def _once(rows: pa.Table, layout: DiscrepancyLayout) -> tuple[pa.Table, list[int]]:
    """The records without those that say what one before them says, and the lines of these."""
    names = [*layout.names, "is_read"]
    first = rows.group_by(names).aggregate([("number", "min")])["number_min"].combine_chunks()
    is_first = pc.or_(pc.is_in(rows["number"], first), pc.invert(rows["is_read"]))
    return rows.filter(is_first), rows["number"].filter(pc.invert(is_first)).to_pylist()


def _records(rows: pa.Table) -> pa.Table:
    count = rows.num_rows
    columns = {
        "record_ordinal": np.arange(count) + 1,
        "line": rows["number"],
        "byte_start": rows["start"],
        "byte_end": rows["end"],
        "flag": rows["flag"],
        "fate": pc.if_else(
            rows["is_read"], pa.scalar("differing", _TEXT), pa.scalar("unmatched", _TEXT)
        ),
        **{
            name: rows[name]
            for name in ("exchange_subscriber_id", "exchange_member_id", "exchange_policy_id")
        },
    }
    schema = monthly_tables.RCNO_RECORDS
    empty = {one.name: pa.nulls(count, one.type) for one in schema if one.name not in columns}
    return pa.table({name: (columns | empty)[name] for name in schema.names}, schema=schema)


def _flagged(rows: pa.Table, layout: DiscrepancyLayout) -> pa.Table:
    """The records with what stands for the flag of an RCNO."""
    fixed = pc.is_in(pc.utf8_upper(rows["autofixed"]), pa.array(list(layout.autofixed), _TEXT))
    differs = pc.if_else(fixed, pa.scalar("autofixed", _TEXT), pa.scalar("differs", _TEXT))
    flag = pc.if_else(rows["is_read"], differs, pa.scalar("unreadable", _TEXT))
    return rows.append_column("flag", flag)


def _fields(rows: pa.Table, layout: DiscrepancyLayout) -> pa.Table:
    """The one field of each record that could be read, by the name of what its reason speaks of."""
    numbered = rows.append_column(
        "record_ordinal", pa.array(np.arange(rows.num_rows) + 1, tables.ORDINAL)
    )
    read = numbered.filter(numbered["is_read"])
    known = pc.index_in(read["reason_code"], pa.array(list(layout.reasons), _TEXT))
    named = pa.array(list(layout.reasons.values()), _TEXT).take(known.combine_chunks())
    place = layout.names.index("exchange_value")
    columns = {
        "record_ordinal": read["record_ordinal"],
        "field": pc.coalesce(named, read["reason_code"].combine_chunks()),
        "position": np.full(read.num_rows, place),
        "exchange_value": read["exchange_value"],
        "issuer_value": read["issuer_value"],
        "flag": read["flag"],
    }
    return pa.table(columns, schema=monthly_tables.RCNO_FIELDS)
