"""A crew on a Spark cluster: each item is a row, and the task is mapped over rows (`mapInArrow`).

The workers need this package installed, and see the files under the same paths.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.errors import Retryable
from schemas.limits import load_spark_limits
from validators.crews import MapInOrder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SENT = pa.schema([("number", pa.int64()), ("content", pa.binary())])
_COLUMNS = "number bigint, content binary"


@dataclass(frozen=True)
class SparkCrew:
    """The workers behind a Spark Connect session."""

    session: "SparkSession"

    def is_worth(self, size_bytes: int) -> bool:  # noqa: ARG002 - of the protocol
        """Always: who asks for Spark gets it."""
        return True

    @contextmanager
    def gathered(self, prepare: Callable[[], None]) -> Iterator[MapInOrder]:  # noqa: ARG002
        """The workers load for themselves what they need."""
        yield self._in_order

    def _in_order(self, task: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Wave by wave: what comes back from one wave is all that waits in this process."""
        from pyspark.errors import PySparkException

        left = iter(items)
        while wave := list(islice(left, load_spark_limits().items_of_a_wave)):
            rows = [pickle.dumps((task, item)) for item in wave]
            sent = pa.table({"number": range(len(rows)), "content": rows}, schema=_SENT)
            frame = self.session.createDataFrame(sent).repartition(len(rows), "number")
            try:
                done = frame.mapInArrow(_worked, _COLUMNS).toArrow().sort_by("number")
            except PySparkException as error:
                raise Retryable(
                    f"Spark could not judge a file: {type(error).__name__}. Its workers need this "
                    "package, of the same version, and see files under the same paths as this "
                    "machine. Look at the endpoint's log, and try again."
                ) from error
            for content in done["content"]:
                yield pickle.loads(content.as_buffer())  # noqa: S301 - of our own workers


def _worked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """On a worker: the result of each row's task, a row each, so that no message grows large."""
    for batch in batches:
        for number, content in zip(batch["number"], batch["content"], strict=True):
            task, item = pickle.loads(content.as_buffer())  # noqa: S301 - of our own driver
            result = pickle.dumps(task(item))
            yield pa.record_batch([pa.array([number.as_py()]), pa.array([result])], schema=_SENT)
