"""Tables that wait, or go from one process to another, in a fraction of their memory."""

import pyarrow as pa

_COMPRESSED = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))


def pack(table: pa.Table) -> pa.Buffer:
    """The rows of a table and nothing else, compressed (Arrow IPC)."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_COMPRESSED) as stream:
        stream.write_table(table)
    return sink.getvalue()


def unpack(packed: pa.Buffer) -> pa.Table:
    """The table that was packed."""
    return pa.ipc.open_stream(packed).read_all()
