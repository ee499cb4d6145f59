"""Tables that go between processes, and tables that wait in a fraction of their memory."""

from dataclasses import dataclass

import pyarrow as pa

# All columns together: a stretch's are too short to be compressed one by one.
_CODEC = pa.Codec("zstd", compression_level=-1)


@dataclass(frozen=True)
class Packed:
    """The rows of a table and nothing else: an Arrow IPC stream of `size_bytes`, compressed."""

    size_bytes: int
    compressed: bytes


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


def pack(table: pa.Table) -> Packed:
    """A table, packed."""
    content = to_buffer(table)
    return Packed(content.size, _CODEC.compress(content, asbytes=True))


def unpack(packed: Packed) -> pa.Table:
    """The table that was packed."""
    return from_buffer(_CODEC.decompress(packed.compressed, packed.size_bytes))
