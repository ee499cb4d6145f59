"""The interchanges of a file and their delimiters, read from ISA by position.

In: the bytes of a file. Out: one region per interchange, and what stood before and between them.
An interchange is found by the shape of its ISA (16 separators at their fixed places), so text
that happens to contain "ISA" opens nothing, and each interchange may have its own delimiters.
Beside a good one, one whose ISA has lost its lengths is told by 16 elements and what follows them.
(The letters of "ISA" themselves cannot delimit: the segment would have another id.)
Source: X12.5, interchange control structures; ISA is 106 bytes with its terminator.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import MADV_DONTNEED, mmap

from schemas.guide import ENROLLMENT
from strongroom.files import Content, matches

ISA_BYTES = 106
_WINDOW_BYTES = 32_000_000
_OVERLAP_BYTES = 512

# Lengths of ISA01-ISA16; element 17's place is the segment terminator.
_ISA_LENGTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_ISA_OF_FIXED = (
    rb"ISA(?P<element>[^ISA])"
    + rb"(?P=element)".join(b".{%d}" % length for length in _ISA_LENGTHS)
    + rb"[^ISA]"
)
# 16 elements of other lengths, a component separator, a terminator, and a segment that may stand
# behind an ISA: all of it shorter than the overlap of the windows below and in strongroom.files.
_ISA_OF_OTHERS = (
    rb"ISA(?P<other>[^A-Za-z0-9\s])(?:(?:(?!(?P=other)).){0,20}(?P=other)){15}"
    rb".(?!(?P=other))[^A-Za-z0-9 ](?=[ \t\r\n\0]{0,180}+(?:GS|TA1|IEA)(?P=other))"
)
_FIXED = re.compile(_ISA_OF_FIXED, re.DOTALL)
_ISA = re.compile(_ISA_OF_FIXED + rb"|" + _ISA_OF_OTHERS, re.DOTALL)
_ISA_OPENING = re.compile(rb"ISA(?:[^A-Za-z0-9]|.{102}[ISA])", re.DOTALL)


@dataclass(frozen=True)
class Delimiters:
    """The four separators of one interchange, one byte each."""

    element: int
    component: int
    repetition: int  # 0 where ISA11 is a letter or digit, which separates nothing
    segment: int


@dataclass(frozen=True)
class Region:
    """The bytes of one interchange: from its ISA to the next one, or to the end of the file.

    `isa_bytes` is how long its ISA is, with the terminator. `is_damaged` tells that the elements
    of that do not stand at their fixed places.
    """

    byte_start: int
    byte_end: int
    delimiters: Delimiters
    isa_bytes: int = ISA_BYTES
    is_damaged: bool = False

    @property
    def behind_isa(self) -> int:
        """Where the segment behind the ISA begins, or the blanks in front of it."""
        return self.byte_start + self.isa_bytes


@dataclass(frozen=True)
class Span:
    """The bytes of one stretch: they begin at an INS or at a segment of the envelope.

    What follows a span that `is_cut_short` belongs to the same header or member and is not read.
    """

    byte_start: int
    byte_end: int
    delimiters: Delimiters
    begins_interchange: bool
    version: str = ENROLLMENT  # of the guide by which it is read
    is_cut_short: bool = False


@dataclass(frozen=True)
class Layout:
    """Where the interchanges of a file are.

    `leading` is the number of bytes before the first ISA. `malformed_isa` tells that the file
    opens with the letters ISA, but holds no ISA segment of the fixed lengths. Where there is none
    of them, damaged ones are no regions either: what they are can only be guessed.
    """

    regions: tuple[Region, ...]
    leading: int
    malformed_isa: bool

    def region_at(self, place: int) -> Region:
        """The interchange in which a byte lies, or behind which."""
        behind = bisect_right(self.regions, place, key=lambda region: region.byte_start)
        return self.regions[behind - 1]


def _region(start: int, isa: bytes, end: int) -> Region:
    """The interchange that begins with an ISA of these bytes and goes on to `end`."""
    is_damaged = _FIXED.fullmatch(isa) is None
    eleventh = isa.split(isa[3:4])[11] if is_damaged else isa[82:83]
    repetition = eleventh[0] if len(eleventh) == 1 else 0
    delimiters = Delimiters(
        element=isa[3],
        component=isa[-2],
        repetition=0 if chr(repetition).isalnum() else repetition,
        segment=isa[-1],
    )
    return Region(start, end, delimiters, len(isa), is_damaged)


def let_pages_go(data: Content) -> None:
    """Gives up the pages of a mapped file that were looked at: they count as our memory."""
    if isinstance(data, mmap):
        data.madvise(MADV_DONTNEED)


def _interchange_headers(data: Content) -> Iterator[tuple[int, bytes]]:
    """Place and bytes of each ISA. Pages of a mapped file are let go again, window by window."""
    searched = 0
    for window_end in range(_WINDOW_BYTES, len(data) + _WINDOW_BYTES, _WINDOW_BYTES):
        for start, isa in matches(_ISA, data, searched, window_end + _OVERLAP_BYTES):
            yield start, isa
            searched = start + len(isa)
        searched = max(searched, window_end)
        let_pages_go(data)


def locate_interchanges(data: Content) -> Layout:
    """The interchanges of a file in their order; no regions when there is none."""
    starts = list(_interchange_headers(data))
    ends = [*(start for start, _ in starts[1:]), len(data)]
    regions = tuple(
        _region(start, isa, end) for (start, isa), end in zip(starts, ends, strict=False)
    )
    if all(region.is_damaged for region in regions):
        regions = ()
    leading = regions[0].byte_start if regions else 0
    opening = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    return Layout(
        regions=regions,
        leading=leading,
        malformed_isa=not regions and _ISA_OPENING.match(opening) is not None,
    )
