"""The reader of RCNO: what the exchange answers to each record of our RCNI.

The layout is `schemas/monthly/rcno.toml`. What is confirmed is demanded, and a file that breaks it
is refused as a whole; what is not confirmed is kept as it came.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.monthly_issues import issues, refuses, together
from parsers.pipe_lines import Lines, Undecodable, cut_lines
from schemas import monthly_tables, tables
from schemas.monthly_answers import RcnoLayout, Triplet
from schemas.partners import Partner

_TEXT = pa.large_string()
_AMOUNT = r"^-?\d{1,10}(\.\d{1,2})?$"


@dataclass(frozen=True)
class Answered:
    """An answer as tables: its records, their compared fields, and what is wrong with it.

    With an issue that refuses the file there are neither records nor fields.
    """

    records: pa.Table  # monthly_tables.RCNO_RECORDS
    fields: pa.Table  # monthly_tables.RCNO_FIELDS
    issues: pa.Table  # monthly_tables.MONTHLY_ISSUES

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the file is taken."""
        return refuses(self.issues)


def read_rcno(content: bytes, layout: RcnoLayout, partner: Partner) -> Answered:
    """The records of an RCNO for the partner, and what is wrong with it."""
    lines = cut_lines(content, layout.delimiter)
    if isinstance(lines, Undecodable):
        return _refused([issues("month-not-utf-8", [lines.line], lines.position)])
    shape = _shape(lines, layout)
    if refuses(together(shape)):
        return _refused(shape)
    is_detail = pc.equal(lines.first(), layout.detail).to_numpy(zero_copy_only=False)
    details, totals = lines.pick(is_detail), lines.pick(~is_detail)
    found = [*shape, *_values(details, layout, partner)]
    if refuses(together(found)):
        return _refused(found)
    records = _records(details, layout)
    found += [
        *_total(totals, records, layout),
        *_doubled(records),
        *_unknown_flags(details, layout),
    ]
    if refuses(together(found)):
        return _refused(found)
    return Answered(records, _fields(details, layout), together(found))


def _refused(found: list[pa.Table]) -> Answered:
    return Answered(
        monthly_tables.RCNO_RECORDS.empty_table(),
        monthly_tables.RCNO_FIELDS.empty_table(),
        together(found),
    )


def _shape(lines: Lines, layout: RcnoLayout) -> list[pa.Table]:
    """Whether it is whole: records of one width that is known, and the total after them."""
    if not len(lines.number):
        return [issues("month-empty", [None])]
    codes = lines.first()
    is_detail = pc.equal(codes, layout.detail).to_numpy(zero_copy_only=False)
    is_total = pc.equal(codes, layout.total).to_numpy(zero_copy_only=False)
    found = [issues("month-record-code", lines.number[~(is_detail | is_total)].tolist(), 0)]
    if is_total.sum() != 1 or not is_total[-1]:
        found.append(issues("month-no-total", [int(lines.number[-1])]))
    widths = lines.widths
    usual = int(np.bincount(widths[is_detail]).argmax()) if is_detail.any() else layout.width
    is_known = layout.least_width <= usual <= layout.width
    for width in np.unique(widths[is_detail]):
        if width != usual or not is_known:
            odd = is_detail & (widths == width)
            found.append(issues("month-width", lines.number[odd].tolist(), None, width))
    if is_known and usual < layout.width:
        found.append(issues("month-shorter", [None], None, usual))
    return found


def _values(details: Lines, layout: RcnoLayout, partner: Partner) -> list[pa.Table]:
    """Whether the records are ours, and their dates and amounts can be read."""
    found = []
    for name, position in layout.header.items():
        wrong = pc.not_equal(details.column(position), getattr(partner, name))
        found.append(_where("month-somebody-elses", details, wrong, position, name))
    for one in layout.triplets.fields:
        for position in (one.position, one.position + 1):
            if one.kind == "date" and one.confirmed:
                column = details.column(position)
                no_date = pc.and_(
                    pc.is_valid(column), pc.is_null(_dates(column, layout.date_format))
                )
                found.append(_where("month-date", details, no_date, position, one.name))
            elif one.kind == "amount" and one.confirmed:
                no_amount = pc.invert(pc.match_substring_regex(details.column(position), _AMOUNT))
                found.append(_where("month-amount", details, no_amount, position, one.name))
    return found


def _dates(column: pa.Array, form: str) -> pa.Array:
    eight = pc.if_else(pc.match_substring_regex(column, r"^\d{8}$"), column, None)
    return pc.strptime(eight, form, "s", error_is_null=True)


def _where(rule: str, lines: Lines, wrong: pa.Array, position: int, name: str) -> pa.Table:
    chosen = pc.fill_null(wrong, False).to_numpy(zero_copy_only=False)
    return issues(rule, lines.number[chosen].tolist(), position, name)


def _records(details: Lines, layout: RcnoLayout) -> pa.Table:
    flag = details.column(layout.record_flag)
    fates = pa.array(list(layout.record_flags.values()), _TEXT)
    fate = fates.take(pc.index_in(flag, pa.array(list(layout.record_flags), _TEXT)))
    has_segment = layout.segment_id < _width(details)
    columns = {
        "record_ordinal": np.arange(len(details.number)) + 1,
        "line": details.number,
        "byte_start": details.byte_start,
        "byte_end": details.byte_end,
        "flag": flag,
        "fate": pc.fill_null(fate, "differing"),  # of a flag that nobody knows
        "report_month": details.column(layout.report_month),
        "trace_number": details.column(layout.trace_number),
        "segment_id": details.column(layout.segment_id)
        if has_segment
        else pa.nulls(len(details.number), _TEXT),
    }
    for name in ("exchange_subscriber_id", "exchange_member_id", "exchange_policy_id"):
        theirs, ours = _pair(details, layout.triplet(name))
        columns[name] = pc.coalesce(ours, theirs)
    for name, field in (("premium", "premium_total"), ("aptc", "aptc")):
        theirs, ours = _pair(details, layout.triplet(field))
        columns[f"exchange_{name}"] = theirs.cast(tables.MONEY)
        columns[f"issuer_{name}"] = ours.cast(tables.MONEY)
    return pa.table(columns, schema=monthly_tables.RCNO_RECORDS)


def _width(details: Lines) -> int:
    return int(details.widths[0]) if len(details.number) else 0


def _pair(details: Lines, one: Triplet) -> tuple[pa.Array, pa.Array]:
    return details.column(one.position), details.column(one.position + 1)


def _fields(details: Lines, layout: RcnoLayout) -> pa.Table:
    """A row for each compared field, field by field, then sorted into the order of the records."""
    count = len(details.number)
    pieces = [monthly_tables.RCNO_FIELDS.empty_table()]
    for one in layout.triplets.fields:
        if one.position + 2 < _width(details):
            theirs, ours = _pair(details, one)
            columns = {
                "record_ordinal": np.arange(count) + 1,
                "field": pa.repeat(pa.scalar(one.name, _TEXT), count),
                "position": np.full(count, one.position),
                "exchange_value": theirs,
                "issuer_value": ours,
                "flag": details.column(one.position + 2),
            }
            pieces.append(pa.table(columns, schema=monthly_tables.RCNO_FIELDS))
    whole = pa.concat_tables(pieces)
    return whole.sort_by([("record_ordinal", "ascending"), ("position", "ascending")])


def _total(totals: Lines, records: pa.Table, layout: RcnoLayout) -> list[pa.Table]:
    """Whether the total says what the records say: records exactly, dollars where it can be read.

    Rows that the exchange has added are records of the file like ours.
    """
    line, width = totals.number.tolist(), _width(totals)
    sums = {
        "premium_total": records["exchange_premium"],
        "aptc_total": records["exchange_aptc"],
    }
    found = []
    for name, position in layout.totals.items():
        stated = totals.column(position)[0].as_py() if position < width else None
        if name == "record_count" and stated != str(records.num_rows):
            found.append(issues("month-count", line, position, name))
        elif name in sums and stated != str(_sum(sums[name])):
            found.append(issues("month-dollars", line, position, name))
    return found


def _sum(amounts: pa.ChunkedArray) -> Decimal:
    total = pc.sum(amounts.cast(pa.decimal128(38, 2))).as_py()
    return (total or Decimal(0)).quantize(Decimal("0.01"))


def _doubled(records: pa.Table) -> list[pa.Table]:
    """Lines that answer a record of ours that a line before them answers."""
    traced = records.filter(pc.is_valid(records["trace_number"])).select(["trace_number", "line"])
    first = traced.group_by("trace_number").aggregate([("line", "min")])
    again = pc.invert(pc.is_in(traced["line"], first["line_min"].combine_chunks()))
    return [issues("month-twice", traced["line"].filter(again).to_pylist())]


def _unknown_flags(details: Lines, layout: RcnoLayout) -> list[pa.Table]:
    known = pa.array(list(layout.record_flags), _TEXT)
    flag = pc.fill_null(details.column(layout.record_flag), "")
    odd = pc.invert(pc.is_in(flag, known))
    found = [_where("month-record-flag", details, odd, layout.record_flag, "the record")]
    known = pa.array(list(layout.field_flags), _TEXT)
    for one in layout.triplets.fields:
        place = one.position + 2
        if place < _width(details):
            flag = details.column(place)
            odd = pc.and_(pc.is_valid(flag), pc.invert(pc.is_in(flag, known)))
            found.append(_where("month-field-flag", details, odd, place, one.name))
    return found
