"""Frozen tables: what a reconciliation read stays readable, byte for byte, for ever after."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reconciliation.extract_faults import damaged_place
from schemas.errors import Terminal
from strongroom.files import create, in_memory, open_clear, parquet, settle

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
        with create(temporary) as file:
            file.write(content)
            settle(file)
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

    def attach(self, connection: duckdb.DuckDBPyConnection, name: str, until: ExitStack) -> None:
        """Makes the rows a relation of that name, of use until `until` is closed.

        Files are read when they are asked for; of sealed ones a clear copy is in memory till then.
        """
        if isinstance(self.source, pa.Table):
            connection.register(name, self.source)
        else:
            paths = [str(in_memory(path, until)) for path in self.source]
            relation = connection.read_parquet(paths)
            relation.create_view(name)

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files; a table in memory has none."""
        return () if isinstance(self.source, pa.Table) else self.source

    @property
    def rows(self) -> int:
        """How many rows it has, as the files themselves say."""
        if isinstance(self.source, pa.Table):
            return int(self.source.num_rows)
        return sum(pq.read_metadata(parquet(path)).num_rows for path in self.source)

    def place_of_doubled(self, key: Sequence[str]) -> str | None:
        """The first row whose key an earlier row has, in words; None when there is none."""
        if isinstance(self.source, pa.Table):
            parts = {"row": self.source.select(key)}
        else:
            parts = {
                f"{path}: data row": pq.read_table(parquet(path), columns=list(key))
                for path in self.source
            }
        keys = pa.concat_tables(parts.values())
        ordinals = pa.array(range(len(keys)), pa.int64())
        counted = (
            keys.append_column("ordinal", ordinals)
            .group_by(list(key))
            .aggregate([("ordinal", "max"), ("ordinal", "count")])
        )
        doubled = counted.filter(pc.greater(counted["ordinal_count"], 1))
        if not len(doubled):
            return None
        ordinal = pc.min(doubled["ordinal_max"]).as_py()
        for name, part in parts.items():
            if ordinal < len(part):
                return f"{name} {ordinal + 1}"
            ordinal -= len(part)
        return None

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file by its name."""
        assert not isinstance(self.source, pa.Table), "a table in memory has no files"
        found = {}
        for path in self.files:
            with open_clear(path) as file:
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
        return pq.read_schema(parquet(path))
    except (OSError, pa.ArrowInvalid):
        require_whole(path)
        raise


def require_whole(path: Path) -> None:
    """Raises Terminal when a part of the file cannot be read, and names it."""
    place = damaged_place(path)
    if place:
        raise Terminal(
            f"{path} is no whole Parquet file: {place} cannot be read. Make the snapshot again."
        )


def _require_schema(path: Path, schema: pa.Schema) -> None:
    found = _schema_of(path)
    for name in (*schema.names, *found.names):
        fault = _fault(name, found, schema)
        if fault:
            raise Terminal(f"{path}: column {name} {fault}. Make the snapshot again.")


def _fault(name: str, found: pa.Schema, wanted: pa.Schema) -> str | None:
    """What is wrong with the column of that name; None when it is as a snapshot has it."""
    count = found.names.count(name)
    if count == 0:
        return "is missing"
    if count > 1:
        return f"stands {count} times"
    if name not in wanted.names:
        return "is no column of a snapshot"
    if not _same(name, found, wanted):
        return f"has type {found.field(name).type}, but it must be {wanted.field(name).type}"
    return None


def _same(name: str, found: pa.Schema, wanted: pa.Schema) -> bool:
    types = (found.field(name).type, wanted.field(name).type)
    return types[0] == types[1] or types == (pa.string(), pa.large_string())
