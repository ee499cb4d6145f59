"""Who joins the two sides of a comparison: DuckDB in this process, or something larger.

An engine answers SQL in the words that DuckDB and Spark share (`comparison_sql.py`). The rows that
it leaves over are few, and DuckDB goes on with them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import duckdb
import pyarrow as pa

from reconciliation.comparison_sql import known_policies, rows_to_look_at, unequal_keys
from reconciliation.snapshots import Snapshot
from schemas.comparison import ComparedField, ComparisonRules


class Joined(Protocol):
    """The sides of a comparison, where an engine can ask for them by their names."""

    def size(self, side: str, key: str) -> tuple[int, int]:
        """The rows of a side, and how many keys (columns with commas) stand there repeatedly."""

    def looked_at(self, rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
        """What stands in DuckDB's SQL for the rows of `comparison_sql.rows_to_look_at`."""

    def known(self, policies: pa.Table, rules: ComparisonRules) -> pa.Table:
        """Those of the policies (a column `policy`) that the book has."""


class Engine(Protocol):
    """Somebody who joins."""

    def attached(
        self, connection: duckdb.DuckDBPyConnection, sides: Mapping[str, Snapshot]
    ) -> AbstractContextManager[Joined]:
        """The sides, by their names, until the block ends."""


def repeated_keys(side: str, key: str) -> str:
    """SQL for how many keys stand more than once on a side."""
    keys = f"SELECT 1 AS one FROM {side} GROUP BY {key} HAVING count(*) > 1"  # noqa: S608
    return f"SELECT count(*) FROM ({keys}) AS keys"  # noqa: S608


@dataclass(frozen=True)
class _InDuckDB:
    connection: duckdb.DuckDBPyConnection

    def size(self, side: str, key: str) -> tuple[int, int]:
        """Keys are counted by their hashes, and looked at only when two of these are the same."""
        counted = f"SELECT count(*), count(DISTINCT hash({key})) FROM {side}"  # noqa: S608
        rows, hashes = self.connection.sql(counted).fetchall()[0]
        if hashes == rows:
            return int(rows), 0
        doubled = self.connection.sql(repeated_keys(side, key)).fetchall()[0][0]
        return int(rows), int(doubled)

    def looked_at(self, rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
        """Two passes over both sides: what a row holds is read again where its hash differs."""
        unequal = unequal_keys(rules, fields)
        self.connection.execute(f"CREATE TEMP TABLE unequal AS {unequal}")
        return f"({rows_to_look_at(rules, fields, among='unequal')})"

    def known(self, policies: pa.Table, rules: ComparisonRules) -> pa.Table:
        self.connection.register("lone", policies)
        return self.connection.sql(known_policies("lone", rules)).to_arrow_table()


class DuckDB:
    """The connection in which the comparison goes on anyhow."""

    @contextmanager
    def attached(
        self, connection: duckdb.DuckDBPyConnection, sides: Mapping[str, Snapshot]
    ) -> Iterator[Joined]:
        """The sides as views of the connection."""
        with ExitStack() as until:
            for name, side in sides.items():
                side.attach(connection, name, until)
            yield _InDuckDB(connection)
