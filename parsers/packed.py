"""Tables that go from one process to another, and tables that wait for the rest of the file."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa


def to_buffer(table: pa.Table) -> pa.Buffer:
    """The rows of a table and nothing else, as an Arrow IPC stream.

    (A table that is pickled brings along all that its columns were cut from.)
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def from_buffer(buffer: pa.Buffer) -> pa.Table:
    """The table of an Arrow IPC stream."""
    return pa.ipc.open_stream(buffer).read_all()


@dataclass(frozen=True)
class Packed:
    """A table that waits: without columns that hold nothing, and text with short offsets.

    A file can have half a million transaction sets, and so many rows wait until its end.
    """

    schema: pa.Schema
    row_count: int
    content: pa.Buffer


def pack(table: pa.Table) -> Packed:
    """A table, packed."""
    narrow = {
        field.name: _narrow(table[field.name])
        for field in table.schema
        if table[field.name].null_count < len(table)
    }
    return Packed(table.schema, len(table), to_buffer(pa.table(narrow)))


def unpack(packed: Iterable[Packed]) -> pa.Table:
    """The tables that were packed, one behind the other. There is at least one."""
    parts = list(packed)
    chunks: dict[str, list[pa.Array]] = {name: [] for name in parts[0].schema.names}
    for part in parts:
        content = from_buffer(part.content)
        filled = dict(zip(content.column_names, content.columns, strict=True))
        for field in part.schema:
            column = filled.get(field.name)
            chunks[field.name] += (
                column.chunks if column else [pa.nulls(part.row_count, _narrowed(field.type))]
            )
    columns = [
        pa.chunked_array(chunks[field.name], _narrowed(field.type)).cast(field.type)
        for field in parts[0].schema
    ]
    return pa.table(columns, schema=parts[0].schema)


def _narrow(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = _narrowed(column.type)
    return column if kind == column.type else column.cast(kind)


def _narrowed(kind: pa.DataType) -> pa.DataType:
    return pa.string() if kind == pa.large_string() else kind
