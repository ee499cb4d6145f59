"""Named faults: what goes wrong with files on their way, done on purpose.

A set fault damages one transaction set, a file fault the whole file. Both are done to the text of
a good file, so that exactly one thing is wrong. Noise is a file that should not have come at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

UNKNOWN_POLICY = "unknown_policy"  # a well-formed maintenance for a policy never sent
UNKNOWN_SENDER = "unknown_sender"
DUPLICATE = "duplicate"
EMPTY = "empty"
NOT_X12 = "not_x12"

FOREIGN_SENDER_ID = "999999999"  # an ISA06 that is nobody's

_NOT_X12_TEXT = (
    b"%PDF-1.7\n1 0 obj\n<< /Title (Monthly newsletter) >>\nendobj\n"
    b"This text was saved under the name of an enrollment file.\n%%EOF\n"
)


def wrong_segment_count(segments: list[str]) -> list[str]:
    """The set with SE01 one too high (IK502 4)."""
    identifier, number, control_number = segments[-1].split("*")
    return [*segments[:-1], f"{identifier}*{int(number) + 1}*{control_number}"]


def bad_birth_date(segments: list[str]) -> list[str]:
    """The set with 30 February as the first birth date (IK403 8)."""
    position = _first(segments, "DMG*")
    elements = segments[position].split("*")
    elements[2] = "20260230"
    return [*segments[:position], "*".join(elements), *segments[position + 1 :]]


def missing_subscriber_id(segments: list[str]) -> list[str]:
    """The set without its first REF*0F (IK304 3), with SE01 counted anew."""
    position = _first(segments, "REF*0F*")
    _, number, control_number = segments[-1].split("*")
    trailer = f"SE*{int(number) - 1}*{control_number}"
    return [*segments[:position], *segments[position + 1 : -1], trailer]


def unknown_code(segments: list[str]) -> list[str]:
    """The set with a benefit status (INS05) that no code list has (IK403 7)."""
    position = _first(segments, "INS*")
    elements = segments[position].split("*")
    elements[5] = "Z"
    return [*segments[:position], "*".join(elements), *segments[position + 1 :]]


def truncated(content: bytes) -> bytes:
    """The first two thirds of the file, cut within a segment (TA105 023)."""
    part = content[: len(content) * 2 // 3]
    return part.rstrip(b"~")


def wrong_interchange_trailer(content: bytes) -> bytes:
    """The file with an IEA02 that is not its ISA13 (TA105 001)."""
    start = content.rindex(b"IEA*")
    identifier, groups, number = content[start:].rstrip(b"~").split(b"*")
    return content[:start] + b"%s*%s*%09d~" % (identifier, groups, int(number) + 1)


SET_FAULTS: dict[str, Callable[[list[str]], list[str]]] = {
    "wrong_segment_count": wrong_segment_count,
    "bad_birth_date": bad_birth_date,
    "missing_subscriber_id": missing_subscriber_id,
    "unknown_code": unknown_code,
}
FILE_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": truncated,
    "wrong_interchange_trailer": wrong_interchange_trailer,
}
NOISE = (EMPTY, NOT_X12, DUPLICATE, UNKNOWN_SENDER)


@dataclass(frozen=True)
class NightFaults:
    """What goes wrong for one partner in one night.

    `sets` and `file` fault one extra file each: one set for each name in `sets` (and good ones
    beside them), and a whole file with `file`. Beyond that each set and file fails by `rate`.
    """

    rate: float
    random: Random
    sets: tuple[str, ...] = ()
    file: str | None = None
    noise: tuple[str, ...] = field(default=())

    def of_set(self) -> str | None:
        """The fault of the next set, or None."""
        return self.random.choice(tuple(SET_FAULTS)) if self._strikes() else None

    def of_file(self) -> str | None:
        """The fault of the next file, or None."""
        return self.random.choice(tuple(FILE_FAULTS)) if self._strikes() else None

    def of_mailbox(self) -> tuple[str, ...]:
        """The files that should not have come: the fixed ones and those by the rate."""
        return (*self.noise, *(name for name in NOISE if self._strikes()))

    def of_evening(self) -> bool:
        """Whether the evening's changes include one for a policy never sent."""
        return self._strikes()

    def _strikes(self) -> bool:
        return self.random.random() < self.rate


def standard_faults(ordinal: int, partners: int, rate: float, random: Random) -> NightFaults:
    """The faults of the first night, which are always there, spread over the partners."""
    first, second = ordinal == 0, ordinal == 1 % partners
    noise = ((EMPTY, DUPLICATE) if first else ()) + ((UNKNOWN_SENDER,) if second else ())
    sets = (
        ("wrong_segment_count", "bad_birth_date", "missing_subscriber_id", UNKNOWN_POLICY)
        if first
        else ()
    )
    return NightFaults(rate, random, sets, "truncated" if second else None, noise)


def not_x12() -> bytes:
    """The bytes of a file that is no X12 at all."""
    return _NOT_X12_TEXT


def _first(segments: list[str], start: str) -> int:
    return next(i for i, segment in enumerate(segments) if segment.startswith(start))
