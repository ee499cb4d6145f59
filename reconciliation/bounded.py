"""DuckDB as all of a reconciliation uses it: with bounded memory, and nothing clear on a disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import duckdb

from schemas.limits import load_comparison_limits
from strongroom.guards import is_any_guarded


@contextmanager
def open_duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory until the block ends.

    What does not fit (`schemas/limits.toml`) goes to a folder that ends with the block, encrypted
    where the home is.
    """
    limits = load_comparison_limits()
    with (
        TemporaryDirectory(prefix="edi834-compare-") as folder,
        duckdb.connect(":memory:") as connection,
    ):
        connection.execute(f"SET memory_limit = '{limits.memory_bytes}B'")
        connection.execute(f"SET temp_directory = '{folder}'")
        if is_any_guarded():
            connection.execute("SET temp_file_encryption = true")
        yield connection
