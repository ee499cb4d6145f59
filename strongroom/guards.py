"""Which folders are sealed, and by whose keys: known to the process, as mounted disks are.

What lies in a guarded folder is sealed, and plain files there are refused. What lies elsewhere is
somebody's own and stays as it is.
"""

import os
from collections.abc import Callable
from pathlib import Path

from strongroom.keyring import Keyring

_GUARDS: dict[Path, Keyring] = {}
_ASKED: list[Callable[[], None]] = []


def guard(folder: Path, keys: Keyring | None) -> None:
    """From now on everything in the folder is sealed by these keys; None: by none."""
    place = _real(folder)
    if keys is None:
        _GUARDS.pop(place, None)
    else:
        _GUARDS[place] = keys


def ask_for_keys(guard_what_is_needed: Callable[[], None]) -> None:
    """Calls this when something sealed is met for the first time and no folder is guarded."""
    _ASKED[:] = [guard_what_is_needed]


def keys_of(path: Path) -> Keyring | None:
    """The keys that seal what lies there; None where it is plain."""
    if not _GUARDS:
        return None
    place = _real(path)
    return next((_GUARDS[one] for one in (place, *place.parents) if one in _GUARDS), None)


def is_any_guarded(place: Path | None = None) -> bool:
    """Whether this process works on anything that is sealed: around or in a place, or anywhere."""
    if place is None:
        return bool(_GUARDS)
    real = _real(place)
    return any(real.is_relative_to(one) or one.is_relative_to(real) for one in _GUARDS)


def all_keys() -> list[Keyring]:
    """The keys of all guarded folders, each once; whoever wants to be asked is asked first."""
    while not _GUARDS and _ASKED:
        _ASKED.pop()()
    return list(dict.fromkeys(_GUARDS.values()))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
