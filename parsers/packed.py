"""Tables that wait, or go from one process to another, in a fraction of their memory."""

from dataclasses import dataclass

import pyarrow as pa

# All columns together: a stretch's are too short to be compressed one by one.
_CODEC = pa.Codec("zstd", compression_level=-1)


@dataclass(frozen=True)
class Packed:
    """The rows of a table and nothing else: an Arrow IPC stream of `size_bytes`, compressed."""

    size_bytes: int
    compressed: bytes


def pack(table: pa.Table) -> Packed:
    """A table, packed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content = sink.getvalue()
    return Packed(content.size, _CODEC.compress(content, asbytes=True))


def unpack(packed: Packed) -> pa.Table:
    """The table that was packed."""
    content = _CODEC.decompress(packed.compressed, packed.size_bytes)
    return pa.ipc.open_stream(content).read_all()
