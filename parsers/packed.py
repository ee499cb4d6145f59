"""Tables that go from one process to another, and tables that wait for the rest of the file."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")  # to half, for a hundredth of the time


def to_buffer(table: pa.Table, options: pa.ipc.IpcWriteOptions | None = None) -> pa.Buffer:
    """The rows of a table and nothing else, as an Arrow IPC stream.

    (A table that is pickled brings along all that its columns were cut from.)
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table)
    return sink.getvalue()


def from_buffer(buffer: pa.Buffer) -> pa.Table:
    """The table of an Arrow IPC stream."""
    return pa.ipc.open_stream(buffer).read_all()


@dataclass(frozen=True)
class Packed:
    """A table that waits, compressed: ordinals and text offsets are short, empty columns nothing.

    A file can have half a million transaction sets, and so many rows wait until its end. A table
    without rows, such as that of the ISA in nearly every stretch, has no content.
    """

    schema: pa.Schema
    content: pa.Buffer | None


def pack(table: pa.Table) -> Packed:
    """A table, packed."""
    if not len(table):
        return Packed(table.schema, None)
    narrow = {field.name: _narrow(table[field.name], field) for field in table.schema}
    return Packed(table.schema, to_buffer(pa.table(narrow), _COMPRESSED))


def unpack(packed: Iterable[Packed]) -> pa.Table:
    """The tables that were packed, one behind the other. There is at least one."""
    parts = list(packed)
    contents = [from_buffer(part.content) for part in parts if part.content is not None]
    if not contents:
        return parts[0].schema.empty_table()
    return pa.concat_tables(contents, promote_options="default").cast(parts[0].schema)


def _narrow(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if column.null_count == len(column):
        return pa.nulls(len(column))
    kind = _narrowed(field)
    return column if kind == column.type else column.cast(kind)


def _narrowed(field: pa.Field) -> pa.DataType:
    if field.name.endswith("_ordinal"):
        return pa.int32()  # no file has as many of anything
    return pa.string() if field.type == pa.large_string() else field.type
