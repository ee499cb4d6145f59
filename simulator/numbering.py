"""The control numbers of all that the carrier sent, read from the bytes: do they rise by one?"""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

# ISA13 stands at a fixed place; GS06 and ST02 are elements.
_INTERCHANGE = re.compile(rb"ISA(.)(?:[^~]*?\1){12}(\d{9})")
_GROUP = re.compile(rb"~\s*GS(.)(?:[^~]*?\1){5}(\d+)")
_SET = re.compile(rb"~\s*ST(.)[^~]*?\1(\d+)")
_KINDS = {"ISA13": _INTERCHANGE, "GS06": _GROUP, "ST02": _SET}


def control_numbers(files: Iterable[Path]) -> dict[str, list[int]]:
    """ISA13, GS06 and ST02 of these files, in the order of their names: that of sending."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for path in sorted(files, key=_moment):
        content = path.read_bytes()
        if content.startswith(b"ISA*"):
            for kind, pattern in _KINDS.items():
                numbers[kind] += [int(found[-1]) for found in pattern.findall(content)]
    return dict(numbers)


def breaks(numbers: list[int]) -> list[int]:
    """The numbers that are not one more than the one before them; the first is 1."""
    return [number for place, number in enumerate(numbers, start=1) if number != place]


def _moment(path: Path) -> list[str]:
    """Date and time of the name (CMS guide 7.2, section 3.4)."""
    return path.name.split(".")[3:5]
