"""Where the carrier's records lie: a CSV or Parquet file, or a table in PostgreSQL, read as it is.

What is read is of one moment. Files that change while they are read are read again later, and the
tables of a database are read in one snapshot.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from pyarrow import csv

from reconciliation.extract_faults import damaged_place, require_utf_8
from schemas.errors import Retryable, Terminal
from schemas.postgres_copy import copy_out

_LOCK_SECONDS_MAX = 10


@dataclass(frozen=True)
class CarrierTable:
    """A table of the carrier in PostgreSQL; `name` is schema.table."""

    connection: sa.Connection
    name: str


Source = Path | CarrierTable


@contextmanager
def unchanged(paths: Iterable[Path]) -> Iterator[None]:
    """A block that reads these files: raises Retryable at its end when one was changed meanwhile.

    Whatever else was found to be wrong with them: half of a new file is no fault of the carrier's.
    """
    before = {path: _state(path) for path in paths}
    try:
        yield
    except Terminal:
        _require_unchanged(before)
        raise
    _require_unchanged(before)


def _require_unchanged(before: Mapping[Path, "_State"]) -> None:
    for path, state in before.items():
        if _state(path) != state:
            raise Retryable(
                f"{path} was changed while it was read, so nothing of it is used. Run the night "
                "again when the carrier has delivered it."
            ) from None


_State = tuple[int, int, int] | None


def _state(path: Path) -> _State:
    """Size, inode and moment of the last change; None when there is no such file."""
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_size, known.st_ino, known.st_mtime_ns


@contextmanager
def one_snapshot(engine: sa.Engine, names: Iterable[str]) -> Iterator[sa.Connection]:
    """A connection that sees all these tables (schema.table) as they are at one moment.

    They are locked against TRUNCATE and ALTER before the moment is taken: a truncated table is
    empty for older snapshots, too. A view or table that cannot be locked is read without.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as conn:
        conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS_MAX}s'")
        for name in names:
            table = conn.dialect.identifier_preparer.format_table(_table(name))
            with suppress(Terminal), conn.begin_nested():
                conn.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        yield conn


def _table(name: str, *columns: str) -> sa.TableClause:
    schema_name, _, table_name = name.rpartition(".")
    named = [sa.column(column, sa.Text) for column in columns]
    return sa.table(table_name, *named, schema=schema_name or None)


def read_source(source: Source, columns: Mapping[str, str]) -> pa.Table:
    """All rows under our column names (`columns`: ours to the carrier's), not converted yet.

    Raises Terminal when there is no such source, or when it is not whole.
    """
    if isinstance(source, CarrierTable):
        return _read_table(source, columns)
    if not source.is_file():
        raise Terminal(f"No carrier extract {source}. Check the path or the carrier's delivery.")
    if source.suffix.lower() == ".parquet":
        return _read_parquet(source, columns)
    return _read_csv(source, columns)


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
        require_utf_8(path.name, content)
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
    except (pa.ArrowInvalid, UnicodeDecodeError):
        require_utf_8(path.name, content)
        raise Terminal(f"{path.name} is no CSV file. Deliver it again.") from None
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
            f"{path.name} is no whole Parquet file: {damaged_place(path)} cannot be read. "
            "Deliver it again."
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
    table = _table(source.name, *dict.fromkeys(columns.values()))
    selected = [sa.cast(table.c[theirs], sa.Text) for theirs in columns.values()]
    # In the order of all that is read: the same rows are always the same bytes.
    query = sa.select().add_columns(*selected).order_by(*selected)
    return copy_out(
        source.connection, query, pa.schema([(name, pa.large_string()) for name in columns])
    )
