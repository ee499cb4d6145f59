"""What a process writes and has not finished: nobody else's while it lives, anybody's afterwards.

Its writer holds a lock of the operating system on the file or folder, which ends with the process,
however that ends. So what a killed one has left can be told from what is being written at the same
moment, by whichever run. Where a file system has no such locks, nothing is ever discarded.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

_SETTLED_AT_ONCE = 8


def hold(make: Callable[[], Path]) -> tuple[Path, int]:
    """The file or folder that `make` makes, and a descriptor: it is held until that is closed.

    Before it is held, somebody may take it for abandoned and discard it. Then another one is made.
    """
    while True:
        path = make()
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def settle_folder(folder: Path) -> None:
    """Puts the folder's entries on the disk: without it a power cut may undo a rename in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle_files(folder: Path) -> None:
    """Puts all files of a folder on the disk, and its entries.

    Several at once, so that they share the file system's commits.
    """
    with ThreadPoolExecutor(_SETTLED_AT_ONCE) as pool:
        list(pool.map(_settle, folder.iterdir()))
    settle_folder(folder)


def _settle(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def discard_abandoned(paths: Iterable[Path]) -> int:
    """How many of these files and folders were removed: those that no living process holds."""
    return sum(_is_discarded(path) for path in paths)


def _is_discarded(path: Path) -> bool:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            os.close(descriptor)
        return True
    return False
