"""Frozen tables: what a reconciliation read stays readable, byte for byte, for ever after."""

import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import dataset

from schemas.errors import Terminal

ROW_GROUP_ROWS = 131_072


def frozen(table: pa.Table) -> pa.Buffer:
    """The table as Parquet: the same rows give the same bytes, however it is chunked in memory."""
    buffer = pa.BufferOutputStream()
    pq.write_table(
        table.combine_chunks(), buffer, compression="zstd", row_group_size=ROW_GROUP_ROWS
    )
    return buffer.getvalue()


def freeze(table: pa.Table, folder: Path, name: str) -> tuple[Path, str]:
    """The path and SHA-256 of `<folder>/<name>.parquet`, written whole or not at all."""
    content = frozen(table)
    path = folder / f"{name}.parquet"
    write_durably(path, content)
    return path, hashlib.sha256(content).hexdigest()


def write_durably(path: Path, content: bytes | pa.Buffer) -> None:
    """Writes under a temporary name, flushes to the disk, and renames in place."""
    temporary = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise Terminal(
            f"{path} cannot be written: {error.strerror}. Make room or set the rights."
        ) from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def snapshot_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder in the order of their names; Terminal when there is none."""
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise Terminal(f"No Parquet file in {folder}. Check the folder.")
    return paths


def open_snapshot(folder: Path, schema: pa.Schema) -> dataset.Dataset:
    """The rows of all Parquet files in the folder, read when they are asked for.

    Raises Terminal when there is no file, one cannot be read, or its columns are not the schema's.
    """
    paths = snapshot_files(folder)
    for path in paths:
        _require_schema(path, schema)
    return dataset.dataset([str(path) for path in paths], schema=schema, format="parquet")


def _require_schema(path: Path, schema: pa.Schema) -> None:
    try:
        found = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid):
        raise Terminal(f"{path} is no whole Parquet file. Make the snapshot again.") from None
    unlike = [name for name in (*schema.names, *found.names) if not _same(name, found, schema)]
    if unlike:
        raise Terminal(
            f"{path}: column {unlike[0]} is missing, foreign or of another type than a snapshot's. "
            "Make the snapshot again."
        )


def _same(name: str, found: pa.Schema, wanted: pa.Schema) -> bool:
    if found.get_field_index(name) < 0 or wanted.get_field_index(name) < 0:
        return False
    types = (found.field(name).type, wanted.field(name).type)
    return types[0] == types[1] or types == (pa.string(), pa.large_string())
