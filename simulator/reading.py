"""What the carrier sent us, as pyx12 reads it: interchanges, groups, transaction sets."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from pyx12 import map_if
from pyx12.errors import EngineError, X12Error
from pyx12.params import params
from pyx12.x12file import X12Reader
from pyx12.x12n_document import x12n_document

Segment = list[str]

# pyx12 logs the values that it finds wrong; what it says is read from its answer instead.
logging.getLogger("pyx12").propagate = False
logging.getLogger("pyx12").addHandler(logging.NullHandler())

# It would read its maps anew for every file, which takes longer than most of the files.
_PARAMETERS = params()
map_if.load_map_file = cache(map_if.load_map_file)


@dataclass
class ReceivedSet:
    """One transaction set. `ack` is what pyx12's validation says of it: A or R."""

    identifier: str  # ST01
    control_number: str  # ST02
    segments: list[Segment] = field(default_factory=list)  # without ST and SE
    ack: str = "A"


@dataclass
class ReceivedGroup:
    """One functional group."""

    header: Segment
    sets: list[ReceivedSet] = field(default_factory=list)
    trailer: Segment | None = None

    @property
    def control_number(self) -> str:
        """GS06."""
        return self.header[6]


@dataclass
class ReceivedInterchange:
    """One interchange. `acknowledgments` are its TA1 segments."""

    header: Segment
    groups: list[ReceivedGroup] = field(default_factory=list)
    acknowledgments: list[Segment] = field(default_factory=list)
    trailer: Segment | None = None

    @property
    def control_number(self) -> str:
        """ISA13."""
        return self.header[13]


def read_interchanges(content: bytes) -> list[ReceivedInterchange] | None:
    """The interchanges of a file, or None where pyx12 finds no X12 in it.

    pyx12 fails on bytes outside ASCII, which no 834 of the basic character set holds.
    """
    if not content.startswith(b"ISA") or not content.isascii():
        return None
    text = content.decode("ascii")
    try:
        interchanges = list(_interchanges(_segments(text)))
        if any(group.header[1] == "BE" for found in interchanges for group in found.groups):
            _judge(text, interchanges)
    except (X12Error, EngineError, IndexError):
        return None
    return interchanges


def at(segment: Segment, position: int) -> str:
    """The element at that position, empty where the segment ends before it."""
    return segment[position] if position < len(segment) else ""


def _segments(text: str) -> Iterator[Segment]:
    for segment in X12Reader(io.StringIO(text)):
        elements = [element.format(":").strip() for element in segment.elements]
        yield [segment.get_seg_id() or "", *elements]


def _interchanges(segments: Iterator[Segment]) -> Iterator[ReceivedInterchange]:
    interchange: ReceivedInterchange | None = None
    group: ReceivedGroup | None = None
    current: ReceivedSet | None = None
    for segment in segments:
        match segment[0]:
            case "ISA":
                interchange = ReceivedInterchange(_padded(segment))
                yield interchange
            case "TA1" if interchange:
                interchange.acknowledgments.append(segment)
            case "IEA" if interchange:
                interchange.trailer = segment
            case "GS" if interchange:
                group = ReceivedGroup(_padded(segment))
                interchange.groups.append(group)
            case "GE" if group:
                group.trailer = segment
            case "ST" if group:
                current = ReceivedSet(segment[1], segment[2])
                group.sets.append(current)
            case "SE":
                current = None
            case _ if current:
                current.segments.append(segment)


def _padded(segment: Segment) -> Segment:
    return [*segment, *[""] * (17 - len(segment))]


def _judge(text: str, interchanges: list[ReceivedInterchange]) -> None:
    """Sets each set's `ack` to what pyx12's own 999 says; a set it does not name is rejected."""
    answer = io.StringIO()
    valid = x12n_document(_PARAMETERS, io.StringIO(text), answer, None)
    if valid:
        return
    acks: dict[str, str] = {}
    number = ""
    for segment in _segments(answer.getvalue()):
        if segment[0] == "AK2":
            number = segment[2]
        elif segment[0] == "IK5":
            acks[number] = segment[1]
    for interchange in interchanges:
        for group in interchange.groups:
            for received in group.sets:
                received.ack = "A" if acks.get(received.control_number) in {"A", "E"} else "R"
