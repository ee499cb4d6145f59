"""The carrier's own member records, payments and requests, from its extracts or its tables.

The partner's column mapping says which of the carrier's columns is which of ours. A source that has
no header, is cut off, short of a column, or holds what its column cannot hold is refused as a
whole: half an extract would make thousands of false "missing at carrier". The refusal names source,
column and data row (from 1), never a value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.bounded import open_duckdb
from reconciliation.carrier_sources import Source, read_source
from reconciliation.extract_faults import first_wrong_row
from reconciliation.span_sql import MACROS
from schemas import records, tables
from schemas.errors import Terminal
from schemas.partners import Partner

MEMBER_KEY = ("exchange_policy_id", "exchange_member_id")
PAYMENT_KEY = ("exchange_policy_id", "amount", "received_on")
REQUEST_KEY = ("exchange_policy_id", "request", "requested_on")
REQUESTS = ("cancel", "terminate", "reinstate")

_NOT_CONVERTED = (pa.ArrowInvalid, pa.ArrowNotImplementedError)
_SPANS = "coverage_spans"
_END = "benefit_end"
_NEVER = date(2100, 1, 1)
_NEVER_IN_SPANS = "/(2[1-9][0-9]{2}|[3-9][0-9]{3})-[0-9]{2}-[0-9]{2}"  # from _NEVER on
_ANY_INTEGER = pa.decimal128(22, 2)
_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_AMOUNT = r"^-?[0-9]{1,10}(\.[0-9]{1,2})?$"  # dollars, as decimal128(12, 2) holds them


def read_members(source: Source, partner: Partner) -> pa.Table:
    """The carrier's member records in the order of the source.

    They have the columns of records.CARRIER_MEMBERS that the partner's file maps, in that order.
    Raises Terminal when the source is not whole or not right, or holds two rows of one policy and
    member. There may be none, as long as the book has none either. An end from the year 2100 on is
    an open one, and blank.
    """
    mapping = partner.carrier_records.members
    may_lack = set(records.CARRIER_MEMBERS.names) - set(records.CARRIER_NEEDED) - mapping.keys()
    schema = pa.schema([field for field in records.CARRIER_MEMBERS if field.name not in may_lack])
    read = _read(source, mapping, schema, partner)
    read.require_values(MEMBER_KEY)
    read.require_unique(MEMBER_KEY)
    if _SPANS in read.rows.column_names:
        read.require(
            _SPANS,
            _are_spans(read.rows[_SPANS]),
            "no spans of days such as 2026-01-01/2026-06-30 2026-08-01/..",
        )
    return _with_open_ends(read.rows)


def _are_spans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of each text whether it is spans of days; a blank one is not wrong."""
    with open_duckdb() as connection:
        connection.execute(MACROS)
        connection.register("told", pa.table({"spans": column}))
        judged = "SELECT coalesce(are_spans(spans), TRUE) AS right FROM told"
        return connection.sql(judged).to_arrow_table()["right"]


def _with_open_ends(rows: pa.Table) -> pa.Table:
    """The members (CARRIER_MEMBERS) with blank ends where the carrier tells one that never comes.

    Systems without blank dates keep an open end as 9999-12-31, 2199-12-31 or the like.
    """
    ends = rows[_END]
    never = pc.greater_equal(ends, pa.scalar(_NEVER, tables.DATE))
    rows = rows.set_column(
        rows.column_names.index(_END),
        rows.schema.field(_END),
        pc.if_else(never, pa.scalar(None, tables.DATE), ends),
    )
    if _SPANS not in rows.column_names:
        return rows
    spans = pc.replace_substring_regex(rows[_SPANS], _NEVER_IN_SPANS, "/..")
    return rows.set_column(rows.column_names.index(_SPANS), rows.schema.field(_SPANS), spans)


def read_payments(source: Source, partner: Partner) -> pa.Table:
    """The payments that the carrier holds as tables.CARRIER_PAYMENTS; there may be none yet.

    Raises Terminal when the source is not whole or not right, or a payment has no amount or date:
    such a row says nothing about what is owed. A payment that is negative, in the future or for an
    unknown policy is read as it stands.
    """
    read = _read(source, partner.carrier_records.payments, tables.CARRIER_PAYMENTS, partner)
    read.require_values(PAYMENT_KEY)
    return read.rows


def read_requests(source: Source, partner: Partner) -> pa.Table:
    """What the carrier asks us to tell the exchange as tables.CARRIER_REQUESTS; often nothing.

    Raises Terminal when the source is not whole or not right, when a request is none of REQUESTS
    or lacks the reason or last day that it needs, and when the partner's file does not map it.
    """
    mapping = partner.carrier_records.requests
    if mapping is None:
        raise Terminal(
            f"Partner {partner.id}: the settings name requests of the carrier, but "
            "carrier_records.requests is not in the partner's file. Add it there."
        )
    read = _read(source, mapping, tables.CARRIER_REQUESTS, partner)
    read.require_values(REQUEST_KEY)
    known = pc.is_in(read.rows["request"], pa.array(REQUESTS, tables.TEXT))
    read.require("request", known, f"none of {', '.join(REQUESTS)}")
    for column, of, why in (
        ("additional_maintenance_reason", "cancel", "a cancellation has a reason"),
        ("additional_maintenance_reason", "terminate", "a termination has a reason"),
        ("coverage_end", "terminate", "a termination has a last day"),
    ):
        other = pc.not_equal(read.rows["request"], of)
        read.require(column, pc.or_(other, pc.is_valid(read.rows[column])), f"empty, but {why}")
    return read.rows


@dataclass(frozen=True)
class _Records:
    """Rows under our column names, and what they are called in an error."""

    name: str
    columns: Mapping[str, str]  # ours to the carrier's
    rows: pa.Table

    def refuse(self, column: str, row: int, why: str) -> Terminal:
        return Terminal(
            f"{self.name}: column {self.columns[column]}, data row {row + 1}: {why}. "
            "Correct the extract and deliver it again."
        )

    def require_values(self, key: tuple[str, ...]) -> None:
        for column in key:
            self.require(column, pc.is_valid(self.rows[column]), "empty, but it must be there")

    def require(self, column: str, right: pa.ChunkedArray, why: str) -> None:
        row = pc.index(right, pa.scalar(False)).as_py()
        if row >= 0:
            raise self.refuse(column, row, why)

    def require_unique(self, key: tuple[str, ...]) -> None:
        numbered = self.rows.select(key).append_column(
            "row", pa.array(range(self.rows.num_rows), pa.int64())
        )
        counted = numbered.group_by(list(key)).aggregate([("row", "count"), ("row", "max")])
        doubled = counted.filter(pc.greater(counted["row_count"], 1))
        if doubled.num_rows:
            last = pc.min(doubled["row_max"]).as_py()
            raise self.refuse(key[-1], last, "an earlier row has the same policy and member")


def _read(
    source: Source, mapping: Mapping[str, str], schema: pa.Schema, partner: Partner
) -> _Records:
    unmapped = [name for name in schema.names if name not in mapping]
    if unmapped:
        raise Terminal(
            f"Partner {partner.id}: carrier_records does not say which column of the carrier is "
            f"{unmapped[0]}. Add it to the partner's file."
        )
    columns = {name: mapping[name] for name in schema.names}
    records = _Records(source.name, columns, read_source(source, columns))
    converted = [_convert(records, field) for field in schema]
    return _Records(source.name, columns, pa.table(converted, schema=schema))


def _convert(records: _Records, field: pa.Field) -> pa.Array:
    column = records.rows[field.name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    convert = partial(_CONVERSIONS[field.type], records, field.name)
    try:
        return convert(column)
    except _NOT_CONVERTED:
        row = first_wrong_row(column, convert, _NOT_CONVERTED)
        if row is not None:
            why = f"cannot become {field.type} without loss"
            raise records.refuse(field.name, row - 1, why) from None
        raise Terminal(
            f"{records.name}: column {records.columns[field.name]} has type {column.type}, which "
            f"cannot become {field.type} without loss. Correct the extract."
        ) from None


def _to_text(_: _Records, __: str, column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type) or pa.types.is_temporal(column.type):
        raise pa.ArrowInvalid("identifiers and names are text")
    trimmed = pc.utf8_trim_whitespace(pc.cast(column, tables.TEXT))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, tables.TEXT), trimmed)


def _to_date(records: _Records, name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_temporal(column.type):
        return pc.cast(column, tables.DATE)
    text = _to_text(records, name, column)
    parsed = pc.strptime(text, format="%Y-%m-%d", unit="s", error_is_null=True)
    # strptime takes 30 February for 2 March: only what reads back as written is a date.
    is_date = pc.and_kleene(
        pc.match_substring_regex(text, _ISO_DATE),
        pc.equal(pc.cast(pc.strftime(parsed, "%Y-%m-%d"), tables.TEXT), text),
    )
    _require_all(records, name, text, is_date, "no date of the form YYYY-MM-DD")
    return pc.cast(parsed, tables.DATE)


def _to_money(records: _Records, name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_floating(column.type):
        return pc.cast(pc.round(column, 2), tables.MONEY)
    if pa.types.is_integer(column.type):
        return pc.cast(pc.cast(column, _ANY_INTEGER), tables.MONEY)
    if pa.types.is_decimal(column.type):
        return pc.cast(column, tables.MONEY)
    text = _to_text(records, name, column)
    is_amount = pc.match_substring_regex(text, _AMOUNT)
    _require_all(records, name, text, is_amount, "no amount of dollars and cents")
    return pc.cast(text, tables.MONEY)


def _require_all(records: _Records, name: str, text: pa.Array, right: pa.Array, why: str) -> None:
    wrong = pc.and_(pc.is_valid(text), pc.invert(pc.fill_null(right, False)))
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        raise records.refuse(name, row, why)


_CONVERSIONS: dict[pa.DataType, Callable[[_Records, str, pa.Array], pa.Array]] = {
    tables.TEXT: _to_text,
    tables.DATE: _to_date,
    tables.MONEY: _to_money,
}
