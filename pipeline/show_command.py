"""`edi834 show`: a file as the guide's tree of loops, with its issues in place.

Values are masked unless they are codes of the guide: names, numbers and dates say who somebody is.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from parsers.reading import open_received
from parsers.stretch import Stretch
from schemas.errors import Terminal
from schemas.guide import Element, Segment
from schemas.verdict import Verdict
from validators.check import Terms, check_file

MASK = "▒"
_WIDTH = 56  # of a segment before its name
# Envelope, counters and coverage types: they hold control numbers, dates of files and plan data.
_ABOUT_NOBODY = frozenset(
    {"ISA", "GS", "ST", "BGN", "QTY", "LX", "LS", "LE", "HD", "SE", "GE", "TA1", "IEA"}
)


@dataclass(frozen=True)
class ShowOptions:
    """What to show: all, one member by any of its ids, or one segment of each set."""

    member: str | None = None
    segment: int | None = None
    reveal: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the tree. `severity` is that of an issue, None for a loop or segment."""

    text: str
    depth: int
    severity: str | None = None


def show_file(path: Path, options: ShowOptions) -> Iterator[Line]:
    """The lines of the tree, made while they are read.

    Raises Terminal when nothing of the file can be read as X12.
    """
    verdict = check_file(path, Terms()).verdict
    if verdict.file_verdict == "unreadable":
        raise Terminal(f"{path}: {verdict.issues['message'][0]}")
    issues = _issues_by_place(verdict)
    with open_received(path) as received:
        for stretch in received.stretches():
            yield from _Tree(stretch, options, issues).lines()


def _issues_by_place(verdict: Verdict) -> dict[int, list[dict[str, Any]]]:
    """Issues by their first byte: that of a segment or of one of its elements."""
    by_place: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in verdict.issues.select(["severity", "message", "rule", "byte_start"]).to_pylist():
        by_place[row["byte_start"]].append(row)
    return by_place


class _Tree:
    """One stretch as lines."""

    def __init__(
        self,
        stretch: Stretch,
        options: ShowOptions,
        issues: dict[int, list[dict[str, Any]]],
    ) -> None:
        self.stretch = stretch
        self.options = options
        self.issues = issues
        self.segments = stretch.segments
        self.guide = stretch.guide
        self.loop = -1

    def lines(self) -> Iterator[Line]:
        wanted = self._wanted_members()
        members = self.stretch.member_ordinals.tolist()
        ordinals = self.stretch.segment_ordinals(np.arange(len(self.stretch.segments))).tolist()
        for row in range(len(self.segments)):
            if wanted is not None and members[row] not in wanted:
                continue
            if self.options.segment is not None and ordinals[row] != self.options.segment:
                continue
            yield from self._segment(row)

    def _wanted_members(self) -> set[int] | None:
        """Ordinals of the members that have the id somewhere in a REF; None for all."""
        if self.options.member is None:
            return None
        rows = self.segments.has_id("REF").nonzero()[0]
        values = self.segments.texts(self.segments.tokens_at(rows, 2))
        same = pc.fill_null(pc.equal(values, self.options.member), fill_value=False)
        return set(self.stretch.member_ordinals[rows[same.to_numpy(zero_copy_only=False)]]) - {0}

    def _segment(self, row: int) -> Iterator[Line]:
        node = int(self.stretch.placement.nodes[row])
        segment = self.guide.segments[node] if node >= 0 else None
        if segment is not None and (segment.opens_loop or segment.loop != self.loop):
            yield self._loop_line(segment, row)
        depth = self.guide.loops[self.loop].depth + 1
        first = int(self.segments.first_token[row])
        count = int(self.segments.token_count[row])
        tokens = self.segments.texts(np.arange(first, first + count)).to_pylist()
        shown = [tokens[0] or ""]
        shown += [self._shown(segment, at, text or "") for at, text in enumerate(tokens[1:], 1)]
        name = segment.name if segment else "no place in the guide"
        text = chr(self.segments.delimiters.element).join(shown)
        yield Line(f"{text:<{_WIDTH}}  {name}", depth)
        yield from self._issue_lines(first, count, depth)

    def _loop_line(self, segment: Segment, row: int) -> Line:
        self.loop = segment.loop
        loop = self.guide.loops[segment.loop]
        member = int(self.stretch.member_ordinals[row])
        count = f" (member {member:,})" if loop.loop_id == "2000" else ""
        return Line(f"{loop.loop_id} {loop.name}{count}", loop.depth)

    def _shown(self, segment: Segment | None, position: int, text: str) -> str:
        if self.options.reveal or (segment and segment.segment_id in _ABOUT_NOBODY):
            return text
        known = segment is not None and position <= len(segment.elements)
        if segment is not None and known and is_code(segment.elements[position - 1], text):
            return text
        return MASK * len(text)

    def _issue_lines(self, first: int, count: int, depth: int) -> Iterator[Line]:
        starts = self.segments.starts[first : first + count] + self.segments.base
        for start in dict.fromkeys(starts.tolist()):
            for row in self.issues.get(start, ()):
                sentence = f"^ {row['severity']}: {row['message']} ({row['rule']})"
                yield Line(sentence, depth, row["severity"])


def is_code(element: Element, text: str) -> bool:
    """Whether the value is one of the guide's codes, or empty: it says nothing of a person."""
    return not text or (element.codes is not None and text in element.codes)
