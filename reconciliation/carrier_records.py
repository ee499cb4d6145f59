"""The carrier's own member records and payments, from its extract or its table.

A source is a CSV or Parquet file, or a table in PostgreSQL; the partner's column mapping says which
of its columns is which of ours. A source that has no header, is cut off, short of a column, or
holds what its column cannot hold is refused as a whole: half an extract would make thousands of
false "missing at carrier". The refusal names source, column and data row (from 1), never a value.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa
from pyarrow import csv

from schemas import tables
from schemas.errors import Terminal
from schemas.partners import Partner
from schemas.postgres_copy import copy_out

MEMBER_KEY = ("exchange_policy_id", "exchange_member_id")
PAYMENT_KEY = ("exchange_policy_id",)

_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_AMOUNT = r"^-?[0-9]{1,10}(\.[0-9]{1,2})?$"  # dollars, as decimal128(12, 2) holds them


@dataclass(frozen=True)
class CarrierTable:
    """A table of the carrier in PostgreSQL; `name` is schema.table."""

    connection: sa.Connection
    name: str


Source = Path | CarrierTable


def read_members(source: Source, partner: Partner) -> pa.Table:
    """The carrier's member records as tables.CARRIER_MEMBERS, in the order of the source.

    Raises Terminal when the source is not whole or not right, or holds two rows of one policy and
    member. There may be none, as long as the book has none either.
    """
    read = _read(source, partner.carrier_records.members, tables.CARRIER_MEMBERS, partner)
    read.require_values(MEMBER_KEY)
    read.require_unique(MEMBER_KEY)
    return read.rows


def read_payments(source: Source, partner: Partner) -> pa.Table:
    """The payments that the carrier holds as tables.CARRIER_PAYMENTS; there may be none yet.

    Raises Terminal when the source is not whole or not right.
    """
    read = _read(source, partner.carrier_records.payments, tables.CARRIER_PAYMENTS, partner)
    read.require_values(PAYMENT_KEY)
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
            row = pc.index(pc.is_null(self.rows[column]), True).as_py()
            if row >= 0:
                raise self.refuse(column, row, "empty, but it identifies the row")

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
    if isinstance(source, CarrierTable):
        name, received = source.name, _read_table(source, columns)
    elif not source.is_file():
        raise Terminal(f"No carrier extract {source}. Check the path or the carrier's delivery.")
    elif source.suffix.lower() == ".parquet":
        name, received = source.name, _read_parquet(source, columns)
    else:
        name, received = source.name, _read_csv(source, columns)
    records = _Records(name, columns, received)
    converted = [_convert(records, field) for field in schema]
    return _Records(name, columns, pa.table(converted, schema=schema))


def _require_columns(name: str, found: list[str], columns: Mapping[str, str]) -> None:
    for column in columns.values():
        count = found.count(column)
        if count != 1:
            fault = "is missing" if count == 0 else f"stands {count} times"
            raise Terminal(
                f"{name}: column {column} {fault}. Correct the extract or the partner's mapping."
            )


def _renamed(received: pa.Table, columns: Mapping[str, str]) -> pa.Table:
    return pa.table({ours: received[theirs] for ours, theirs in columns.items()})


def _read_csv(path: Path, columns: Mapping[str, str]) -> pa.Table:
    content = path.read_bytes()
    if not content.strip():
        raise Terminal(f"{path.name} is empty. Deliver it again.")
    if not content.endswith((b"\n", b"\r")) or content.count(b'"') % 2:
        raise Terminal(
            f"{path.name} is cut off: its last row has no end. Deliver it again, with a line "
            "break after the last row."
        )
    unequal: list[int] = []

    def note(row: csv.InvalidRow) -> str:
        unequal.append(row.number - 1)
        return "skip"

    try:
        header = csv.open_csv(io.BytesIO(content.splitlines(keepends=True)[0])).schema.names
        _require_columns(path.name, header, columns)
        received = csv.read_csv(
            io.BytesIO(content),
            read_options=csv.ReadOptions(use_threads=False),  # or rows have no numbers
            parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=csv.ConvertOptions(
                include_columns=list(dict.fromkeys(columns.values())),
                column_types=dict.fromkeys(columns.values(), pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        raise Terminal(f"{path.name} is no CSV file in UTF-8. Deliver it again.") from None
    if unequal:
        raise Terminal(
            f"{path.name}: data row {unequal[0]} has another number of columns than the header. "
            "Correct the extract and deliver it again."
        )
    return _renamed(received, columns)


def _read_parquet(path: Path, columns: Mapping[str, str]) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            _require_columns(path.name, file.schema_arrow.names, columns)
            received = file.read(columns=list(dict.fromkeys(columns.values())))
    except (OSError, pa.ArrowInvalid):
        raise Terminal(
            f"{path.name} is no whole Parquet file: empty, cut off or damaged. Deliver it again."
        ) from None
    return _renamed(received, columns)


def _read_table(source: CarrierTable, columns: Mapping[str, str]) -> pa.Table:
    schema_name, _, table_name = source.name.rpartition(".")
    try:
        described = sa.inspect(source.connection).get_columns(table_name, schema_name or None)
    except sa.exc.NoSuchTableError:
        raise Terminal(
            f"No carrier table {source.name}, or no right to read it. Check name and grants."
        ) from None
    _require_columns(source.name, [column["name"] for column in described], columns)
    table = sa.table(table_name, schema=schema_name or None)
    of = {theirs: sa.column(theirs, sa.Text, _selectable=table) for theirs in columns.values()}
    selected = [sa.cast(of[theirs], sa.Text) for theirs in columns.values()]
    query = sa.select().add_columns(*selected).order_by(of[columns["exchange_policy_id"]])
    return copy_out(
        source.connection, query, pa.schema([(name, pa.large_string()) for name in columns])
    )


def _convert(records: _Records, field: pa.Field) -> pa.Array:
    column = records.rows[field.name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return _CONVERSIONS[field.type](records, field.name, column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
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
    if pa.types.is_decimal(column.type) or pa.types.is_integer(column.type):
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
