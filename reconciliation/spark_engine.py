"""Two snapshots joined behind a Spark Connect session.

The endpoint has to see the snapshots and the folder of the results under the same paths: a shared
file system, or this machine itself.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from reconciliation.comparison_sql import known_policies, rows_to_look_at
from reconciliation.engines import Joined, repeated_keys
from reconciliation.snapshots import Snapshot, require_whole
from schemas.comparison import ComparedField, ComparisonRules
from schemas.errors import Terminal
from strongroom.files import parquet
from strongroom.guards import keys_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SAME_PATHS = (
    "Its endpoint needs to see the folders of both snapshots and --out under the same paths as "
    "this machine."
)


@dataclass(frozen=True)
class _InSpark:
    session: "SparkSession"
    connection: duckdb.DuckDBPyConnection
    folder: Path

    def size(self, side: str, key: str) -> tuple[int, int]:
        rows = self.session.sql(f"SELECT count(*) FROM {side}").collect()[0][0]  # noqa: S608
        return int(rows), int(self.session.sql(repeated_keys(side, key)).collect()[0][0])

    def looked_at(self, rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
        """The rows as Parquet, however many they are: they do not pass through this process.

        Where results are sealed they do, for a cluster cannot seal.
        """
        frame = self.session.sql(rows_to_look_at(rules, fields))
        if keys_of(self.folder) is not None:  # nothing clear may lie there
            self.connection.register("left_over", frame.toArrow())
            return "left_over"
        frame.write.parquet(str(self.folder))
        if any(self.folder.glob("*.parquet")):
            pattern = str(self.folder / "*.parquet").replace("'", "''")
            return f"read_parquet('{pattern}')"
        left = frame.limit(1).toArrow()  # of no rows some endpoints write no file
        if len(left):
            raise Terminal(f"Spark wrote nothing to {self.folder.parent}. {_SAME_PATHS}")
        self.connection.register("nothing_left", left)
        return "nothing_left"

    def known(self, policies: pa.Table, rules: ComparisonRules) -> pa.Table:
        self.session.createDataFrame(policies).createOrReplaceTempView("lone")
        return self.session.sql(known_policies("lone", rules)).toArrow()


@dataclass(frozen=True)
class SparkEngine:
    """The join by Spark; what it leaves over waits in a folder beside the results."""

    session: "SparkSession"
    out: Path

    @contextmanager
    def attached(
        self,
        connection: duckdb.DuckDBPyConnection,
        sides: Mapping[str, Snapshot],
    ) -> Iterator[Joined]:
        """The sides as views of the session. What waits is removed when the block ends.

        Raises Terminal for the part of a file that cannot be read, or for what Spark could not do.
        """
        from pyspark.errors import PySparkException

        folder = self.out.absolute() / f".joined-{uuid4().hex}"
        try:
            for name, side in sides.items():
                self._attach(name, side)
            yield _InSpark(self.session, connection, folder)
        except PySparkException as error:
            for path in chain.from_iterable(side.files for side in sides.values()):
                require_whole(path)
            raise Terminal(
                f"Spark could not compare the snapshots: {type(error).__name__}. {_SAME_PATHS}"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _attach(self, name: str, side: Snapshot) -> None:
        assert not isinstance(side.source, pa.Table), "a table in memory is compared here"
        if any(keys_of(path) is not None for path in side.source):
            parts = [pq.read_table(parquet(path)) for path in side.source]
            frame = self.session.createDataFrame(pa.concat_tables(parts))
        else:
            frame = self.session.read.parquet(*(str(path.absolute()) for path in side.source))
        frame.createOrReplaceTempView(name)
