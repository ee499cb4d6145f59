"""Bytes onto the disk while more of them come: at the end little is left to wait for."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Self

_STEP_BYTES = 32 * 1024**2


class SettlingBehind:
    """Flushes a file that is being written from a thread of its own, every so many bytes.

    Leaving the block waits for what is under way. What is written after the last step is not on the
    disk then: whoever needs that still settles the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1)  # begun with the first step only
        self._step: Future[None] | None = None
        self._unsettled = 0  # bytes

    def __enter__(self) -> Self:
        return self

    def wrote(self, size_bytes: int) -> None:
        """Counts what was written. Raises OSError when an earlier step did not reach the disk."""
        self._unsettled += size_bytes
        if self._unsettled < _STEP_BYTES or (self._step is not None and not self._step.done()):
            return
        self._ended()
        self._unsettled = 0
        self._step = self._thread.submit(os.fdatasync, self._file.fileno())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.shutdown()
        if kind is None:
            self._ended()

    def _ended(self) -> None:
        """A failure is told once for each open file: not by the flush at the end, if by this."""
        if self._step is not None:
            self._step.result()
