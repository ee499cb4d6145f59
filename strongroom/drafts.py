"""Clear drafts: what is written before it is sealed, and gone as soon as it is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import Terminal
from schemas.unfinished import discard_abandoned, hold
from strongroom.guards import is_any_guarded

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a disk that is none: nothing of it can be copied later
_PREFIX = ".edi834-drafts."


@contextmanager
def drafts(beside: Path | None = None) -> Iterator[Path]:
    """A folder for clear drafts, which ends with the block; what killed processes left ends now.

    It lies in memory where `beside`, or without it anything, is sealed or has what is, so that no
    disk ever has them; else in `beside`. Raises Terminal when there is no such memory.
    """
    discard_drafts(beside)
    if is_any_guarded(beside):
        beside = _IN_MEMORY
        if not os.access(beside, os.W_OK):
            raise Terminal(
                f"{_IN_MEMORY} cannot be written to, and drafts of encrypted files are kept in "
                "memory only. Mount a tmpfs there."
            )
    folder, held = hold(lambda: Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def discard_drafts(beside: Path | None = None) -> int:
    """How many folders of drafts were removed that killed processes have left, in memory or not."""
    places = {_IN_MEMORY, beside or Path(tempfile.gettempdir())}
    return sum(discard_abandoned(place.glob(f"{_PREFIX}*")) for place in places)
