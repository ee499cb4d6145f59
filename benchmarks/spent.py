"""What a piece of work on the database takes: time on the wall, and of processors."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import sqlalchemy as sa


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of processors: this process and the sessions of the server."""

    clock: float = 0
    processor: float = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.clock + other.clock, self.processor + other.processor)

    @classmethod
    def usual(cls, several: Iterable["Spent"]) -> "Spent":
        """The medians."""
        clocks, processors = zip(*((one.clock, one.processor) for one in several), strict=True)
        return cls(median(clocks), median(processors))


@contextmanager
def spending(engine: sa.Engine) -> Iterator[list[Spent]]:
    """A list that holds what was spent when the block has ended."""
    spent: list[Spent] = []
    begun, used = time.perf_counter(), _processor_seconds(engine)
    yield spent
    clock = time.perf_counter() - begun
    spent.append(Spent(clock, _processor_seconds(engine) - used))


def _processor_seconds(engine: sa.Engine) -> float:
    """Of this process and of the server's sessions that it has open."""
    sessions = sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    with engine.connect() as conn:
        pids = conn.scalars(sessions).all()
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    used = sum(int(fields[11]) + int(fields[12]) for fields in ticks)
    return time.process_time() + used / os.sysconf("SC_CLK_TCK")
