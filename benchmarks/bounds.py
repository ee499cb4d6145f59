"""What the machine gives at most, and what plain Python gives at least, for the same file."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import run

_LINE = b"~"


def bounds(path: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round by what was done. The file is in the cache of the file system."""
    content = path.read_bytes()
    plain: dict[str, Callable[[], object]] = {
        "ceiling: memory copy": lambda: bytearray(content),
        "ceiling: counting segment terminators": lambda: content.count(_LINE),
        "ceiling: two NumPy passes for the delimiters": lambda: _find_delimiters(content),
        "floor: bytes.split of each segment": lambda: _split(content),
    }
    taken = {name: [_seconds(work) for _ in range(rounds)] for name, work in plain.items()}
    counted = [run(("wc", "-c", path)).wall_seconds for _ in range(rounds)]
    words = [run(("wc", "-l", path)).wall_seconds for _ in range(rounds)]
    return {"ceiling: wc -c": counted, "ceiling: wc -l": words, **taken}


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _find_delimiters(content: bytes) -> int:
    data = np.frombuffer(content, np.uint8)
    return len(np.flatnonzero((data == ord("*")) | (data == ord("~"))))


def _split(content: bytes) -> int:
    """Splits one segment after the other and keeps none."""
    return sum(len(segment.split(b"*")) for segment in content.split(_LINE))
