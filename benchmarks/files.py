"""Enrollment files to measure with, made once and kept under `var/`."""

from pathlib import Path

from schemas.partners import Partner, load_partners
from simulator.generate import write_enrollment_file

_SEED = 834


def partner() -> Partner:
    """The trading partner whose files they are."""
    return next(iter(load_partners().values()))


def enrollment_file(folder: Path, members: int) -> Path:
    """A file of that many members in the style of the federal exchange."""
    path = folder / f"enrollment-{members}.834"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        write_enrollment_file(unfinished, members, _SEED, partner())
        unfinished.rename(path)
    return path
