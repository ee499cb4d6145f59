"""Arrow tables into PostgreSQL and query results out of it, both by COPY.

The one fast way in and out, shared by the rooms that keep rows. Nothing here knows what the rows
mean. Errors name the table and the SQLSTATE, never a value.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import sqlalchemy as sa

from schemas.columns import columns_of
from schemas.errors import Interrupted, Retryable, Terminal
from schemas.tables import TEXT

_ROWS_PER_CHUNK = 50_000
_BYTES_PER_READ = 131_072
_MEMORY = "128MB"  # of each sort and hash table of a statement
_STATISTICS = 20  # 6,000 rows of a table are looked at
_PLAIN_ELEMENT = "^[0-9A-Za-z.-]+( [0-9A-Za-z.-]+)*$"  # of an array: needs no quotes
_NUL = b"\0"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_NOT_THERE = ("42P01", "42703")  # undefined table, undefined column
_RESTARTING_OR_LOCKED = ("55P03", "57P01", "57P02", "57P03")


def copy_into(conn: sa.Connection, table: sa.Table, data: pa.Table, **constants: Any) -> int:
    """The number of rows that were appended to `table`, in one COPY.

    The columns of `data` go to the columns of the same names; `constants` fill further columns
    with one value each. A NUL character, which PostgreSQL cannot hold, becomes U+FFFD.
    """
    for name, value in constants.items():
        data = data.append_column(name, pa.repeat(pa.scalar(value), data.num_rows))
    columns = ", ".join(f'"{name}"' for name in data.column_names)
    statement = f"COPY {table.fullname} ({columns}) FROM STDIN (FORMAT csv)"
    stream = _CsvStream(data)
    with _cursor(conn) as cursor:
        try:
            cursor.copy_expert(statement, stream, _BYTES_PER_READ)
        except psycopg2.Error as error:
            if stream.failure is not None:
                raise stream.failure from None
            raise translated(error, f"COPY into {table.fullname}") from None
    return int(data.num_rows)


def give_memory(conn: sa.Connection) -> None:
    """Lets the statements of this transaction sort and join whole files in memory.

    What a server allows a statement by default suits many small questions at once. And its ANALYZE
    looks at fewer rows: enough to tell a large table from a small one, and a key from a code.
    """
    conn.execute(sa.text(f"SET LOCAL work_mem = '{_MEMORY}'"))
    conn.execute(sa.text(f"SET LOCAL default_statistics_target = {_STATISTICS}"))


def copy_to_temporary(
    conn: sa.Connection, name: str, data: pa.Table, keys: Sequence[str] = ()
) -> sa.Table:
    """A temporary table with the columns and rows of `data`, which the transaction's end drops.

    A temporary table of the same name, left by an earlier step of the transaction, is replaced. Of
    `keys`, or of all columns, the planner has statistics: of a wide table only those of the columns
    that are joined are worth their time.
    """
    table = sa.Table(
        name,
        sa.MetaData(),
        *columns_of(data.schema),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    conn.execute(sa.text(f"DROP TABLE IF EXISTS pg_temp.{name}"))
    table.create(conn)
    copy_into(conn, table, data)
    counted = f" ({', '.join(keys)})" if keys else ""
    conn.execute(sa.text(f"ANALYZE {name}{counted}"))
    return table


def copy_out(
    conn: sa.Connection, query: sa.Select[Any] | sa.TextClause, schema: pa.Schema
) -> pa.Table:
    """The rows of a query as an Arrow table of that schema; columns are matched by position."""
    buffer = io.BytesIO()
    _copy(conn, query, buffer, "csv")
    if not buffer.tell():
        return schema.empty_table()
    buffer.seek(0)
    return pa_csv.read_csv(
        buffer,
        read_options=pa_csv.ReadOptions(column_names=schema.names),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def copy_lines(conn: sa.Connection, query: sa.TextClause, stream: Any) -> None:
    """Writes the rows of a query to a stream of bytes, one line a row, the cells between tabs."""
    _copy(conn, query, stream, "text")


def _copy(
    conn: sa.Connection, query: sa.Select[Any] | sa.TextClause, stream: Any, form: str
) -> None:
    compiled = query.compile(dialect=conn.dialect)
    with _cursor(conn) as cursor:
        try:
            select = cursor.mogrify(str(compiled), compiled.construct_params()).decode()
            cursor.copy_expert(f"COPY ({select}) TO STDOUT (FORMAT {form})", stream)
        except psycopg2.Error as error:
            raise translated(error, "COPY of a query's result") from None


def translated(error: psycopg2.Error, doing: str) -> Retryable | Terminal:
    """Our own error for one of the database's, with nothing in it that a file has brought."""
    place = error.diag.constraint_name or error.diag.column_name or error.diag.table_name
    what = f"{doing} failed with SQLSTATE {error.pgcode or 'none'}"
    what += f" at {place}" if place else ""
    if _passes_at_once(error):
        return Interrupted(f"{what}: connection or lock lost. Run the step again.")
    if _may_pass(error):
        return Retryable(f"{what}: the server cannot do it now. Run the step again later.")
    if error.pgcode in _NOT_THERE:
        return Terminal(
            f"{what}: a table or column is missing. The database was made by another version of "
            "edi834, or altered; restore it, or begin with an empty one."
        )
    return Terminal(f"{what}. Look up the SQLSTATE and correct the cause.")


def _passes_at_once(error: psycopg2.Error) -> bool:
    """Whether the same transaction, begun again, is likely to go through.

    A lost connection, a conflict or deadlock, a lock not had in time, a server that is restarting.
    """
    if error.pgcode is None:
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return error.pgcode[:2] in {"08", "40"} or error.pgcode in _RESTARTING_OR_LOCKED


def _may_pass(error: psycopg2.Error) -> bool:
    """Whether the same statement may succeed later: SQLSTATE classes 53, 55 and 57."""
    return error.pgcode is not None and error.pgcode[:2] in {"53", "55", "57"}


def _cursor(conn: sa.Connection) -> Any:
    return conn.connection.cursor()


class _CsvStream(io.RawIOBase):
    """A readable stream of CSV, made a chunk of rows at a time while COPY reads it.

    `failure` is what went wrong while a chunk was made: the driver only says that it stopped.
    """

    failure: Exception | None = None

    def __init__(self, data: pa.Table) -> None:
        super().__init__()
        self._chunks = _csv_chunks(data)
        self._chunk = io.BytesIO()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        taken = self._chunk.read(size)
        if not taken:
            self._chunk = io.BytesIO(self._next())
            taken = self._chunk.read(size)
        return taken

    def _next(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except Exception as error:
            self.failure = error
            raise


def _csv_chunks(data: pa.Table) -> Iterator[bytes]:
    options = pa_csv.WriteOptions(include_header=False)
    for start in range(0, data.num_rows, _ROWS_PER_CHUNK):
        buffer = io.BytesIO()
        pa_csv.write_csv(_flat(data.slice(start, _ROWS_PER_CHUNK)), buffer, options)
        yield buffer.getvalue().replace(_NUL, _REPLACEMENT)


def _flat(data: pa.Table) -> pa.Table:
    """The table with every list of texts as the text of a PostgreSQL array: `{"1","I6"}`."""
    for index, field in enumerate(data.schema):
        if pa.types.is_list(field.type):
            data = data.set_column(index, field.name, _array_literals(data.column(index)))
    return data


def _array_literals(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each list in braces; of the texts in it the distinct ones are quoted where they must be."""
    comma, opening, closing, nothing = (pa.scalar(c, TEXT) for c in (",", "{", "}", ""))
    encoded = pc.dictionary_encode(pc.list_flatten(lists).combine_chunks())
    parts = _array_elements(encoded.dictionary).take(encoded.indices)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    ends = np.concatenate([[0], np.cumsum(lengths)])
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends, pa.int32()), parts), comma)
    literals = pc.binary_join_element_wise(opening, joined, closing, nothing)
    return pc.if_else(pc.is_valid(lists), literals, None)


def _array_elements(texts: pa.Array) -> pa.Array:
    """The texts as they may stand in the literal of an array; NULL would be a word for nothing."""
    quote, nothing = pa.scalar('"', TEXT), pa.scalar("", TEXT)
    is_plain = pc.match_substring_regex(texts, _PLAIN_ELEMENT)
    is_plain = pc.and_not(is_plain, pc.equal(pc.ascii_upper(texts), "NULL"))
    escaped = pc.replace_substring_regex(texts, r'(["\\])', r"\\\1")
    return pc.if_else(is_plain, texts, pc.binary_join_element_wise(quote, escaped, quote, nothing))
