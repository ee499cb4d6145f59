"""A received file as a stream of stretches, in bounded memory whatever its size.

The file is mapped, not read; a sealed one is decrypted where it is looked at. Stretches of a few
megabytes are cut before an INS or a segment of the envelope, where nothing but the cursor needs to
be carried on. (Smaller ones repeat more work, larger ones take more memory.)
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from parsers.delimiters import (
    Delimiters,
    Layout,
    Region,
    Span,
    let_pages_go,
    locate_interchanges,
)
from parsers.segments import BLANKS
from parsers.stretch import Stretch, parse_stretch
from parsers.tally import Cursor, tally_segments
from schemas.declared_guide import guide_named
from schemas.guide import ENROLLMENT, PREMIUM_PAYMENT, Guide
from schemas.limits import Limits, load_limits
from strongroom.files import Content, first_match, opened
from strongroom.sealing import Sealed

FileKind = Literal["enrollment", "payment", "acknowledgement", "unknown"]

_GROUPS: tuple[tuple[FileKind, bytes], ...] = (("enrollment", b"BE"), ("payment", b"RA"))
_LOOKED_AT_BYTES = 512  # for the first segment behind an ISA
_HASHED_BYTES = 4_000_000
_NOT_BLANK = re.compile(rb"[^ \t\r\n\0]")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"I\0S\0", b"\0I\0S", b"\xc9\xe2\xc1")  # UTF-16, EBCDIC "ISA"


@dataclass(frozen=True)
class ReceivedFile:
    """The bytes of one file, and where its interchanges are."""

    content: Content
    layout: Layout

    @property
    def size_bytes(self) -> int:
        """How many bytes it has."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 in hex. Other threads can go on meanwhile: hashing a window holds no lock."""
        digest = hashlib.sha256()
        content = self.content if isinstance(self.content, Sealed) else memoryview(self.content)
        for start in range(0, len(content), _HASHED_BYTES):
            digest.update(content[start : start + _HASHED_BYTES])
            let_pages_go(self.content)
        if isinstance(content, memoryview):
            content.release()
        return digest.hexdigest()

    @contextmanager
    def hashed_meanwhile(self) -> Iterator[None]:
        """Hashes the file in a thread of its own, while something else is done."""
        thread = threading.Thread(target=lambda: self.sha256)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    @property
    def is_blank(self) -> bool:
        """No bytes, or nothing but blanks and NULs."""
        return first_match(_NOT_BLANK, self.content) is None

    @property
    def is_wide(self) -> bool:
        """UTF-16 or EBCDIC instead of single bytes."""
        return self.content[:4].startswith(_WIDE)

    @property
    def interchange_keys(self) -> list[tuple[str, str]]:
        """Sender id and control number (ISA06, ISA13) of each interchange, by fixed places.

        One whose ISA is damaged has none. NUL, which no database takes, becomes U+FFFD.
        """
        headers = [
            self.content[region.byte_start : region.behind_isa]
            .decode("latin-1")
            .replace("\0", "\ufffd")
            for region in self.layout.regions
            if not region.is_damaged
        ]
        return [(header[35:50].rstrip(), header[90:99]) for header in headers]

    @property
    def kind(self) -> FileKind:
        """What the file holds: enrollments, if any of its groups does, else payments or answers.

        By GS01, never by the file's name.
        """
        for kind, functional_identifier in _GROUPS:
            regions = self.layout.regions
            if any(self._begins_group(region, functional_identifier) for region in regions):
                return kind
        return "acknowledgement" if self.brings_acknowledgements else "unknown"

    @cached_property
    def guide(self) -> Guide:
        """The guide by which all of the file is read: the 834's, unless it holds payments only."""
        return guide_named(PREMIUM_PAYMENT if self.kind == "payment" else ENROLLMENT)

    @property
    def brings_acknowledgements(self) -> bool:
        """Whether an interchange opens with a TA1 or with a group of 999s."""
        return any(self._opens_with_answer(region) for region in self.layout.regions)

    def _opens_with_answer(self, region: Region) -> bool:
        start = region.behind_isa
        following = self.content[start : start + _LOOKED_AT_BYTES].lstrip()
        separator = bytes([region.delimiters.element])
        return following.startswith((b"TA1" + separator, b"GS" + separator + b"FA" + separator))

    def _begins_group(self, region: Region, functional_identifier: bytes) -> bool:
        start = region.behind_isa - 1  # at the terminator of ISA
        wanted = _border(region.delimiters, b"GS", functional_identifier)
        return first_match(wanted, self.content, start, region.byte_end) is not None

    def spans(self, limits: Limits | None = None) -> Iterator[Span]:
        """The spans of all stretches in file order. No result depends on their size."""
        for region in self.layout.regions:
            yield from _cut(self.content, region, limits or load_limits(), self.guide)

    def stretches(self, limits: Limits | None = None) -> Iterator[Stretch]:
        """The stretches of all interchanges in file order."""
        cursor = Cursor()
        for span in self.spans(limits):
            cursor = at_span(cursor, span)
            stretch = parse_stretch(
                bytes(self.content[span.byte_start : span.byte_end]), span, cursor
            )
            yield stretch
            cursor = cursor.behind(tally_segments(stretch.segments, stretch.guide.unit_id))


def at_span(cursor: Cursor, span: Span) -> Cursor:
    """The cursor at the beginning of a span: a new interchange closes whatever was open."""
    if span.begins_interchange:
        return replace(
            cursor,
            set_is_open=False,
            segments_in_set=0,
            groups_of_others=cursor.groups,
            group_control_number=None,
            set_control_number=None,
        )
    return cursor


def _cut(content: Content, region: Region, limits: Limits, guide: Guide) -> Iterator[Span]:
    """Spans of about `stretch_bytes`, each beginning at an INS or a segment of the envelope.

    In another guide it is what begins loop 2000 there.

    A header or member that goes on for too long is cut short; the next span begins behind it.
    """
    border = _border(region.delimiters, guide.unit_id.encode() + b"|ST|SE|GS|GE|IEA")
    terminator = bytes([region.delimiters.segment])
    start = region.byte_start
    while start < region.byte_end:
        found = None
        if start + limits.stretch_bytes < region.byte_end:
            behind = start + limits.stretch_bytes
            found = first_match(border, content, behind, region.byte_end)
        following = region.byte_end if found is None else found + 1
        end = min(following, start + limits.stretch_bytes + limits.longest_loop_bytes)
        if end < following:
            end = content.rfind(terminator, start, end) + 1 or end
        let_pages_go(content)
        yield Span(
            byte_start=start,
            byte_end=end,
            delimiters=region.delimiters,
            begins_interchange=start == region.byte_start,
            is_cut_short=end < following,
            version=guide.version,
        )
        start = following


def _border(
    delimiters: Delimiters, segment_ids: bytes, first_element: bytes = b""
) -> re.Pattern[bytes]:
    """The terminator before one of some segments, which may begin with a certain element.

    Blanks may stand there too, as in records of a fixed length. They are not given back, so the
    search is linear; what it finds stays shorter than the overlap of windows in strongroom.files.
    """
    terminator = re.escape(bytes([delimiters.segment]))
    separator = re.escape(bytes([delimiters.element]))
    blanks = bytes(byte for byte in BLANKS if byte != delimiters.segment)
    between = rb"[" + blanks + rb"]{0,400}+"
    element = re.escape(first_element) + separator if first_element else b""
    return re.compile(terminator + between + rb"(?:" + segment_ids + rb")" + separator + element)


@contextmanager
def open_received(path: Path) -> Iterator[ReceivedFile]:
    """The file at `path`, mapped while the context is open."""
    with opened(path) as content:
        yield ReceivedFile(content, locate_interchanges(content))
