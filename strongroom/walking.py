"""Every file of a folder, or an error: whoever counts, copies or seals files may miss none."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from schemas.errors import Terminal


def files_below(folder: Path, enters: Callable[[str], bool] = lambda _: True) -> Iterator[Path]:
    """The files in the folder and its folders, in the order of their paths.

    `enters` says by its name whether a folder is gone into. A folder that is not there, or is moved
    away meanwhile, has none. Raises Terminal when one cannot be read.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_unless_gone):
        folders[:] = filter(enters, folders)
        found += (Path(place, name) for name in names)
    yield from sorted(filter(_is_file, found))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError as error:
        refuse(error)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        refuse(error)


def refuse(error: OSError) -> NoReturn:
    """Raises Terminal for what of a home cannot be read."""
    raise Terminal(
        f"{error.filename} cannot be read: {error.strerror}. Let everything in the home belong to "
        "the account that runs edi834."
    ) from error
