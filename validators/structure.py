"""SNIP 1 and 2 for whole segments: unknown, misplaced, repeated too often, missing."""

from functools import cache

import numpy as np
import numpy.typing as npt

from parsers.loops import ENVELOPE, OUT_OF_SEQUENCE, UNEXPECTED
from parsers.segments import Flags, Ints
from parsers.stretch import Stretch
from schemas.guide import WRAPPERS, Guide, Loop, Segment, known_segment_ids
from validators.issues import Findings


def find_structure_faults(findings: Findings, rows: Ints) -> None:
    """Segments without a place in the guide, surplus ones, and required ones that are missing.

    Args:
        findings: Takes what is found.
        rows: All rows of the headers and members to judge.
    """
    _find_misplaced(findings, rows)
    nesting = _Nesting(findings.stretch, rows)
    _find_surplus(findings, nesting)
    _find_missing(findings, nesting)


def _find_misplaced(findings: Findings, rows: Ints) -> None:
    segments = findings.stretch.segments
    nodes = findings.stretch.placement.nodes[rows]
    if not (nodes < 0).any():
        return
    findings.add("segment-out-of-sequence", rows[nodes == OUT_OF_SEQUENCE])
    nowhere = rows[nodes == UNEXPECTED]
    guide = findings.stretch.guide
    in_guide = segments.has_id(*(s.segment_id for s in guide.segments))[nowhere]
    in_x12 = segments.has_id(*known_segment_ids())[nowhere]
    findings.add("segment-unexpected", nowhere[in_guide])
    findings.add("segment-not-in-set", nowhere[~in_guide & in_x12])
    findings.add("segment-unknown", nowhere[~in_guide & ~in_x12])


@cache
def _levels(
    guide: Guide,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Per segment of the guide: nesting level of its loop, whether it opens it, its max use.

    HEADER and 2000 are level 0: their instances are the headers and members of the stretch, though
    2000 lies one loop deeper. For an opener the max use is that of its loop.
    """
    levels, openers, limits = [], [], []
    for segment in guide.segments:
        loop = guide.loops[segment.loop]
        levels.append(_level(guide, loop))
        openers.append(segment.opens_loop)
        limits.append(loop.repeat if segment.opens_loop else segment.max_use)
    return np.array(levels, np.int8), np.array(openers), np.array(limits, np.int64)


def _level(guide: Guide, loop: Loop) -> int:
    if loop.loop_id in WRAPPERS or loop.loop_id == "2000" or loop.parent < 0:
        return 0
    return _level(guide, guide.loops[loop.parent]) + 1


class _Nesting:
    """For each placed segment: the row that began the loop instance it belongs to."""

    def __init__(self, stretch: Stretch, rows: Ints) -> None:
        self.guide = stretch.guide
        levels, openers, self.limits = _levels(self.guide)
        placed = rows[stretch.placement.nodes[rows] >= 0]
        nodes = stretch.placement.nodes[placed]
        level = levels[nodes]
        opens = openers[nodes]
        lane_start = stretch.placement.lane_starts[stretch.placement.lane_of[placed]]
        owner_level = level - opens
        owners = lane_start
        for depth in range(1, int(owner_level.max(initial=0)) + 1):
            begun = np.maximum.accumulate(np.where(opens & (level == depth), placed, -1))
            np.copyto(owners, begun, where=owner_level == depth)
        order = np.argsort(nodes, kind="stable")
        self.rows = placed[order]
        self.nodes = nodes[order]
        self.owners = owners[order]
        self.bounds = np.searchsorted(self.nodes, np.arange(len(levels) + 1))

    def of(self, node: int) -> tuple[Ints, Ints]:
        """Rows of a segment of the guide, and the rows that began their loop instances."""
        span = slice(self.bounds[node], self.bounds[node + 1])
        return self.rows[span], self.owners[span]


def _find_surplus(findings: Findings, nesting: _Nesting) -> None:
    """Rows whose predecessor at distance max use has the same segment of the guide and owner."""
    limit = nesting.limits[nesting.nodes]
    places = np.arange(len(nesting.nodes))
    earlier = np.maximum(places - limit, 0)
    surplus = (
        (limit > 0)
        & (places >= limit)
        & (nesting.nodes[earlier] == nesting.nodes)
        & (nesting.owners[earlier] == nesting.owners)
    )
    surplus &= ~_is_lane_start(nesting)
    opens = _levels(nesting.guide)[1][nesting.nodes]
    findings.add("segment-repeated-too-often", nesting.rows[surplus & ~opens])
    findings.add("loop-repeated-too-often", nesting.rows[surplus & opens])


def _is_lane_start(nesting: _Nesting) -> Flags:
    guide = nesting.guide
    starts = [s.index for s in guide.segments if s.segment_id in (guide.unit_id, "ST")]
    found: Flags = np.isin(nesting.nodes, starts)
    return found


def _find_missing(findings: Findings, nesting: _Nesting) -> None:
    """Loop instances without one of their required segments or loops, at their first row."""
    for opener, required in _required(nesting.guide):
        begun, _ = nesting.of(opener.index)
        if not len(begun):
            continue
        for segment in required:
            _, owners = nesting.of(segment.index)
            distinct = owners[np.append(True, owners[1:] != owners[:-1])] if len(owners) else owners
            if len(distinct) == len(begun):
                continue
            without = np.setdiff1d(begun, distinct, assume_unique=True)
            findings.add("segment-missing", without, nodes=segment.index)


@cache
def _required(guide: Guide) -> tuple[tuple[Segment, tuple[Segment, ...]], ...]:
    """For each segment that begins a loop: the segments that must stand in every instance."""
    header = guide.loop_named("HEADER").index
    begins = {s.loop: s for s in guide.segments if s.opens_loop and s.segment_id not in ENVELOPE}
    begins[header] = next(s for s in guide.segments if s.segment_id == "ST")
    required = []
    for loop_index, opener in begins.items():
        direct = [
            s
            for s in guide.segments
            if s.loop == loop_index and s.usage == "R" and not s.opens_loop
        ]
        inner = [begins[child.index] for child in guide.children(loop_index) if child.usage == "R"]
        required.append((opener, (*direct, *inner)))
    return tuple(required)
