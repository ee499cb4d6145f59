"""The proof of an RCNI before it may leave: read back, and compared with what the book says."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from parsers.rcni import ReadRcni, read_rcni
from replies.rcni import totals_of
from schemas.errors import Terminal
from schemas.monthly_layouts import RcniLayout, WrittenField

_TEXT = pa.large_string()
_AMOUNTS = {"premium_total": "premium_total", "aptc_total": "aptc"}


def prove_rcni(content: bytes, rows: pa.Table, layout: RcniLayout) -> dict[str, str]:
    """The totals of the file, which say the same as its records and as the rows it was made of.

    Raises Terminal, with field and record, when the file says anything else than the rows
    (RCNI_ROWS): rows are neither lost nor doubled, no dollar is, and no value is another.
    """
    read = read_rcni(content, layout)
    if read.records.num_rows != rows.num_rows:
        raise Terminal(
            f"The RCNI holds {read.records.num_rows:,} records of {rows.num_rows:,} rows. "
            "It is not sent; report the writer's fault."
        )
    _require_unique_keys(read, layout)
    for field in layout.fields:
        if field.column is not None:
            _require_same(field, read.records[field.name], rows, layout)
    stated = {name: read.total[name] for name in totals_of(rows)}
    for name, value in _counted(read).items():
        if stated[name] != value or totals_of(rows)[name] != value:
            raise Terminal(f"The RCNI's total says another {name} than its records. Not sent.")
    return stated


def _counted(read: ReadRcni) -> dict[str, str]:
    """The total as the records themselves say it."""
    subscribers = pc.sum(pc.equal(read.records["subscriber_indicator"], "Y")).as_py() or 0
    counted = {
        "record_count": str(read.records.num_rows),
        "subscriber_count": str(subscribers),
        "dependent_count": str(read.records.num_rows - subscribers),
    }
    for name, field in _AMOUNTS.items():
        amounts = read.records[field].cast(pa.decimal128(38, 2))
        counted[name] = str((pc.sum(amounts).as_py() or Decimal(0)).quantize(Decimal("0.01")))
    return counted


def _require_same(
    field: WrittenField, read: pa.ChunkedArray, rows: pa.Table, layout: RcniLayout
) -> None:
    """Values are read into the types of the book, not the book's written as texts."""
    believed = rows[field.column]
    if field.kind == "date":
        told = pc.cast(pc.strptime(read, layout.date_format, "s"), pa.date32())
    elif field.kind == "amount":
        told = read.cast(believed.type)
    elif field.kind == "yes_no":
        told = pc.equal(read, "Y")
    elif field.codes is not None:
        told, believed = read, _by_code(field.codes, believed)
    else:
        told, believed = _letters(read), _letters(believed)
        if field.first is not None:
            believed = pc.utf8_slice_codeunits(believed, 0, field.first)
        believed = pc.if_else(_is_beyond_ascii(believed), told, believed)
    same = pc.fill_null(
        pc.or_kleene(pc.equal(told, believed), pc.and_(pc.is_null(told), pc.is_null(believed))),
        False,
    )
    wrong = pc.index(same, False).as_py()
    if wrong >= 0:
        raise Terminal(
            f"RCNI record {wrong + 1}, field {field.position} ({field.name}): another value than "
            "the book's. It is not sent; report the writer's fault."
        )


def _by_code(codes: dict[str, str], column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The exchange's code for each of ours, null where there is none."""
    told = pa.chunked_array([pa.nulls(len(column), _TEXT)])
    for ours, theirs in codes.items():
        told = pc.if_else(
            pc.fill_null(pc.equal(column, ours), False), pa.scalar(theirs, _TEXT), told
        )
    return told


def _letters(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The letters and digits of a text without their marks; null where there is none."""
    bare = pc.utf8_normalize(column.cast(_TEXT), "NFKD")
    kept = pc.replace_substring_regex(bare, r"[^\p{L}\p{N}]", "")
    return pc.if_else(pc.equal(kept, ""), pa.scalar(None, _TEXT), kept)


def _is_beyond_ascii(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where a letter has no ASCII form, so that another one must stand for it."""
    return pc.fill_null(pc.invert(pc.string_is_ascii(column)), False)


def _require_unique_keys(read: ReadRcni, layout: RcniLayout) -> None:
    """The exchange finds its own record by the key: two of one key could not both be found."""
    groups = read.records.group_by(list(layout.key)).aggregate([([], "count_all")])
    if groups.num_rows != read.records.num_rows:
        raise Terminal(
            f"{read.records.num_rows - groups.num_rows:,} RCNI records have the key of another "
            f"({', '.join(layout.key)}). Look for the doubled members in the book."
        )
