"""SNIP 1 and 2: which elements a segment has.

The pattern of filled elements is one integer, so required, not used and the relational conditions
are judged once per distinct pattern of each segment of the guide.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pyarrow as pa

from parsers.segments import PATTERN_BITS, Ints
from schemas.guide import Guide
from validators.element_table import element_kinds
from validators.issues import Findings


def find_presence_faults(findings: Findings, rows: Ints) -> None:
    """Elements that are missing, surplus, not used, or break a relational condition.

    Args:
        findings: Takes what is found.
        rows: Rows of the headers and members to judge.
    """
    stretch = findings.stretch
    judged = (stretch.placement.nodes[rows] >= 0) & ~stretch.placement.is_envelope[rows]
    rows = rows[judged]
    nodes = stretch.placement.nodes[rows].astype(np.int64)
    counts = np.minimum(stretch.segments.token_count[rows], PATTERN_BITS)
    packed = (stretch.segments.patterns[rows] << 12) | (counts << 7) | nodes
    encoded = pa.array(packed).dictionary_encode()
    guide = stretch.guide
    judged_shapes = [_judge_shape(guide, shape) for shape in encoded.dictionary.to_pylist()]
    if not any(judged_shapes):
        return
    shapes = encoded.indices.to_numpy(zero_copy_only=False)
    with_fault: dict[tuple[str, int], list[int]] = {}
    for number, faults in enumerate(judged_shapes):
        for fault in faults:
            with_fault.setdefault(fault, []).append(number)
    for (rule, element), numbers in with_fault.items():
        is_faulty = np.zeros(len(judged_shapes), dtype=np.bool_)
        is_faulty[numbers] = True
        findings.add(rule, rows[is_faulty[shapes]], element)


def find_surplus_in_envelope(findings: Findings) -> None:
    """ST and SE with more elements than they have; their values are judged with the envelope."""
    stretch = findings.stretch
    rows = np.flatnonzero(stretch.placement.is_envelope & stretch.is_in_set).astype(np.int64)
    known = element_kinds(stretch.guide).count[stretch.placement.nodes[rows]]
    surplus = stretch.segments.token_count[rows] - 1 > known
    findings.add("elements-too-many", rows[surplus], known[surplus] + 1)


@lru_cache(maxsize=65536)
def _judge_shape(guide: Guide, packed: int) -> tuple[tuple[str, int], ...]:
    """Faults (rule, element) of a segment of the guide with that pattern of filled elements."""
    pattern, count = packed >> 12, (packed >> 7) & 31
    segment = guide.segments[packed & 127]
    faults = []
    for element in segment.elements:
        filled = pattern >> element.position & 1
        if element.usage == "R" and not filled:
            faults.append(("element-missing", element.position))
        if element.usage == "N" and filled:
            faults.append(("element-not-used", element.position))
    faults.extend(broken_relations(segment.relations, pattern))
    if not faults and not pattern >> 1:
        faults.append(("segment-without-elements", 0))
    if count - 1 > len(segment.elements):
        faults.append(("elements-too-many", len(segment.elements) + 1))
    return tuple(faults)


def broken_relations(notes: Iterable[str], pattern: int) -> Iterable[tuple[str, int]]:
    """Faults by the syntax notes P, R, E, C and L of a segment or composite. Source: X12.22."""
    for note in notes:
        positions = [int(note[at : at + 2]) for at in range(1, len(note), 2)]
        filled = [p for p in positions if pattern >> p & 1]
        empty = [p for p in positions if p not in filled]
        kind = note[0]
        if kind == "E" and len(filled) > 1:
            yield "element-exclusion-broken", filled[1]
        elif kind == "P" and filled and empty:
            yield "element-condition-broken", empty[0]
        elif kind == "R" and not filled:
            yield "element-condition-broken", positions[0]
        elif kind == "C" and positions[0] in filled and empty:
            yield "element-condition-broken", empty[0]
        elif kind == "L" and filled == positions[:1]:
            yield "element-condition-broken", positions[1]
