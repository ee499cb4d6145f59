"""Frozen tables: what a reconciliation read stays readable, byte for byte, for ever after."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

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


@dataclass(frozen=True)
class Snapshot:
    """One side of a comparison: a table in memory, or the Parquet files of a folder."""

    columns: frozenset[str]
    source: pa.Table | tuple[Path, ...]

    @classmethod
    def of(cls, table: pa.Table) -> "Snapshot":
        """A table in memory."""
        return cls(frozenset(table.column_names), table)

    def attach(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """Makes the rows a relation of that name; files are read when they are asked for."""
        if isinstance(self.source, pa.Table):
            connection.register(name, self.source)
        else:
            relation = connection.read_parquet([str(path) for path in self.source])
            relation.create_view(name)

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file by its name."""
        assert not isinstance(self.source, pa.Table), "a table in memory has no files"
        found = {}
        for path in self.source:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found


def open_snapshot(
    folder: Path, schema: pa.Schema, may_lack: frozenset[str] = frozenset()
) -> Snapshot:
    """The rows of all Parquet files in the folder, read when they are asked for.

    Raises Terminal when there is no file, one cannot be read, or its columns are not the schema's;
    columns of `may_lack` may be missing in all files together.
    """
    paths = snapshot_files(folder)
    lacked = may_lack - frozenset(_schema_of(paths[0]).names)
    wanted = pa.schema([field for field in schema if field.name not in lacked])
    for path in paths:
        _require_schema(path, wanted)
    return Snapshot(frozenset(wanted.names), tuple(paths))


def _schema_of(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid):
        raise Terminal(f"{path} is no whole Parquet file. Make the snapshot again.") from None


def _require_schema(path: Path, schema: pa.Schema) -> None:
    found = _schema_of(path)
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
