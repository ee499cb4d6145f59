"""Who works on the stretches of a file: this process, several processes, or a Spark cluster.

A crew maps a function over items and hands the results back in the order of the items. It knows
nothing of files; `workers.py` says what is mapped.
"""

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Protocol

from validators.processes import keep_freed_memory

WORTH_A_PROCESS_BYTES = 16_000_000  # below, starting processes takes longer than the work
_WAITING_PER_WORKER = 2

MapInOrder = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


class Crew(Protocol):
    """Somebody to work on the stretches of a file."""

    def is_worth(self, size_bytes: int) -> bool:
        """Whether a file of that size is done sooner by the crew than by this process alone."""

    def gathered(self, prepare: Callable[[], None]) -> AbstractContextManager[MapInOrder]:
        """The crew at work. `prepare` loads what all of them need, before there are several."""


@dataclass(frozen=True)
class Alone:
    """This process does everything."""

    def is_worth(self, size_bytes: int) -> bool:  # noqa: ARG002 - of the protocol
        """Never: there is nobody else."""
        return False

    def gathered(self, prepare: Callable[[], None]) -> AbstractContextManager[MapInOrder]:
        """One item after the other."""
        prepare()
        return nullcontext(map)


@dataclass(frozen=True)
class Processes:
    """Several processes of this machine.

    Threads would not help: gathers hold the interpreter lock. Parts come back in file order, and
    no more than a few wait, so memory stays bounded.
    """

    count: int

    def is_worth(self, size_bytes: int) -> bool:
        """From `WORTH_A_PROCESS_BYTES` on."""
        return self.count > 1 and size_bytes >= WORTH_A_PROCESS_BYTES

    @contextmanager
    def gathered(self, prepare: Callable[[], None]) -> Iterator[MapInOrder]:
        """The processes, which end with the block."""
        prepare()
        context = get_context(_start_method())
        with ProcessPoolExecutor(self.count, context, initializer=_begin_worker) as pool:

            def in_order(task: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
                waiting: deque[Future[Any]] = deque()
                for item in items:
                    if len(waiting) >= self.count * _WAITING_PER_WORKER:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(task, item))
                while waiting:
                    yield waiting.popleft().result()

            yield in_order


def _begin_worker() -> None:
    gc.freeze()  # what is loaded stays: it is not looked through for garbage, and stays shared
    keep_freed_memory()


def _start_method() -> str:
    """Forking is quick, but would copy a caller's threads in the middle of what they do.

    Those of gRPC, with which a Spark client speaks, are not among Python's own.
    """
    has_threads = threading.active_count() > 1 or "grpc" in sys.modules
    return "spawn" if has_threads else "fork"
