"""A stretch of one interchange with everything that its segments need to know of where they are.

A stretch begins at an ISA or, within a transaction set, at an INS. What it needs of the bytes
before it travels in a `Cursor`, so the result does not depend on where a file was cut.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from parsers.delimiters import Span
from parsers.loops import Placement, place_segments
from parsers.segments import Flags, Ints, Segments, split_segments
from parsers.tally import Cursor
from schemas.declared_guide import guide_named
from schemas.guide import Guide


@dataclass(frozen=True)
class Stretch:
    """Segments, their places in the guide, and the ordinals of all that they belong to.

    Ordinals are 0 where there is none yet; `set_ordinal` and `segment_ordinal` are 0 outside a
    transaction set, `member_ordinal` is 0 outside a member.
    """

    segments: Segments
    placement: Placement
    before: Cursor

    @property
    def guide(self) -> Guide:
        """The guide in which the segments have their places."""
        return self.placement.guide

    @cached_property
    def is_in_set(self) -> Flags:
        """Per segment: between ST and SE, both included."""
        inside: Flags = (self.placement.lane_of >= 0) | self._closes_set
        return inside

    @cached_property
    def _closes_set(self) -> Flags:
        """SE segments that close an open transaction set."""
        is_se = self.has_id("SE")
        previous_in_set = np.empty(len(self.segments), dtype=np.bool_)
        previous_in_set[:1] = self.before.set_is_open
        previous_in_set[1:] = self.placement.lane_of[:-1] >= 0
        closes: Flags = is_se & previous_in_set
        return closes

    def has_id(self, segment_id: str) -> Flags:
        """Per segment: whether its id is `segment_id`."""
        return self.segments.has_id(segment_id)

    @cached_property
    def interchange_ordinals(self) -> Ints:
        """Per segment: ordinal of its interchange in the file."""
        return self._count("ISA", self.before.interchanges)

    @cached_property
    def group_ordinals(self) -> Ints:
        """Per segment: ordinal of the last group that began in its interchange, 0 before one."""
        count = self._count("GS", self.before.groups)
        if self.before.groups > self.before.groups_of_others:
            return count
        return np.where(count > self.before.groups_of_others, count, 0)

    @cached_property
    def last_set_ordinals(self) -> Ints:
        """Per segment: ordinal of the last transaction set that began, also behind its SE."""
        return self._count("ST", self.before.sets)

    @cached_property
    def set_ordinals(self) -> Ints:
        """Per segment: ordinal of the transaction set it stands in, 0 outside."""
        return np.where(self.is_in_set, self.last_set_ordinals, 0)

    def _count(self, segment_id: str, before: int) -> Ints:
        count: Ints = np.cumsum(self.has_id(segment_id), dtype=np.int64) + before
        return count

    @cached_property
    def is_member_start(self) -> Flags:
        """Per segment: an INS, or what else begins loop 2000, within a transaction set."""
        starts = self.has_id(self.guide.unit_id)
        starts &= self.placement.lane_of >= 0
        return starts

    @cached_property
    def member_ordinals(self) -> Ints:
        """Per segment: ordinal of its member in the file, 0 in headers, trailers and outside."""
        count = np.cumsum(self.is_member_start, dtype=np.int64) + self.before.members
        lane_is_member = self.is_member_start[self.placement.lane_starts]
        inside = np.append(lane_is_member, False)[self.placement.lane_of]  # outside, it is -1
        return np.where(inside, count, 0)

    def segment_ordinals(self, rows: Ints) -> Ints:
        """Per row: the segment's count within its transaction set (1 = ST), 0 outside."""
        begins = np.append(-1 - self.before.segments_in_set, np.flatnonzero(self.has_id("ST")))
        places = np.searchsorted(begins, rows, side="right") - 1
        count = rows - begins[places] + (places > 0)
        return np.where(self.is_in_set[rows], count, 0)

    @cached_property
    def member_rows(self) -> Ints:
        """Rows of the segments that begin a member, or another unit of the guide."""
        rows: Ints = np.flatnonzero(self.is_member_start).astype(np.int64, copy=False)
        return rows

    def control_numbers(self, segment_id: str, element: int, before: str | None) -> pa.Array:
        """Control numbers by ordinal: entry 0 is the one that was open before this stretch."""
        rows = np.flatnonzero(self.has_id(segment_id)).astype(np.int64, copy=False)
        found = self.segments.texts(self.segments.tokens_at(rows, element))
        return pa.concat_arrays([pa.array([before], pa.large_string()), found])

    def interchange_control_numbers(self, rows: Ints) -> pa.Array:
        """ISA13 of the interchange that each row stands in."""
        numbers = self.control_numbers("ISA", 13, self.before.interchange_control_number)
        ordinals = self.interchange_ordinals[rows] - self.before.interchanges
        return numbers.take(pa.array(ordinals))

    def group_control_numbers(self, rows: Ints) -> pa.Array:
        """GS06 of the last group that began in the interchange before each row."""
        numbers = self.control_numbers("GS", 6, self.before.group_control_number)
        places = np.maximum(self.group_ordinals[rows] - self.before.groups, 0)
        return numbers.take(pa.array(places))

    def set_control_numbers(self, rows: Ints) -> pa.Array:
        """ST02 of the last transaction set that began before each row."""
        numbers = self.control_numbers("ST", 2, self.before.set_control_number)
        return numbers.take(pa.array(self.last_set_ordinals[rows] - self.before.sets))


def parse_stretch(content: bytes, span: Span, before: Cursor) -> Stretch:
    """The segments of a stretch, each in its place.

    Args:
        content: The bytes of the span.
        span: Where they stand in the file, and their delimiters.
        before: What came before them.
    """
    segments = split_segments(content, span.byte_start, span.delimiters)
    placement = place_segments(segments, before.set_is_open, guide_named(span.version))
    return Stretch(segments, placement, before)
