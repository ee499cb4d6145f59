"""What files may be wrapped in on the wire: what all kinds of wrapping have in common."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

How: TypeAlias = Literal["openpgp", "zip", "gzip"]

_BEGINNINGS: dict[How, tuple[bytes, ...]] = {
    "zip": (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"),
    "gzip": (b"\x1f\x8b",),
}
_LONGEST = 4


class NotOpenedError(Exception):
    """The wrapping cannot be opened, or may not be. The text says why, without anything of it."""


@dataclass(frozen=True)
class Entry:
    """A file within: its name, which is data and never a path, and its bytes when asked for."""

    name: str
    chunks: Callable[[], Iterator[bytes]]


def archive_kind(beginning: bytes) -> How | None:
    """Which archive begins so; None for what is none."""
    for how, beginnings in _BEGINNINGS.items():
        if beginning[:_LONGEST].startswith(beginnings):
            return how
    return None
