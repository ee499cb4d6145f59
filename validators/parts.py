"""One stretch of a file, parsed and judged: a function of its bytes and of what came before.

It knows nothing of the rest of the file, so stretches can be judged in any process of any machine.
What needs the whole file (counts, control numbers, the verdict) is put together afterwards.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from parsers.delimiters import Span
from parsers.envelope import EnvelopePart, read_envelope_part
from parsers.members import read_segments_table
from parsers.packed import Packed
from parsers.stretch import Stretch, parse_stretch
from parsers.tally import Cursor, Tally, tally_segments
from schemas.guide import ENROLLMENT, PREMIUM_PAYMENT
from schemas.rule_sets import RuleSet
from validators.business.judge import HandedOn
from validators.composites import find_composite_faults
from validators.contents import Contents, read_enrollments
from validators.element_presence import find_surplus_in_envelope
from validators.element_table import Values
from validators.element_values import find_value_faults
from validators.envelope_rules import issue, issue_table
from validators.issues import Findings
from validators.members import Members
from validators.payments import read_payments
from validators.shape_faults import find_shape_faults

# How an interchange is written is told once, at the first place.
ONCE_AN_INTERCHANGE = ("blanks-between-segments", "separators-at-segment-end", "empty-segments")


class _Reader(Protocol):
    def __call__(self, stretch: Stretch, rules: RuleSet, *, wants_tables: bool) -> Contents: ...


_READERS: Mapping[str, _Reader] = {ENROLLMENT: read_enrollments, PREMIUM_PAYMENT: read_payments}


@dataclass(frozen=True)
class Part:
    """What one stretch yields. `tables` is empty when nobody asked for them."""

    tables: dict[str, pa.Table]
    issues: pa.Table  # tables.ISSUES
    envelope: EnvelopePart
    members: Members
    business_units: pa.Table  # tables.BUSINESS_UNITS of the members with errors of the 999
    counts: dict[str, int]
    tally: Tally  # what it adds to the cursor of the next stretch
    byte_end: int
    handed_on: HandedOn  # what its rules need of the rest of the file
    paid: Packed | None = None  # of a HIX 820: what its sets say and pay here, for their balance


def check_part(  # noqa: PLR0913 - what one stretch needs, and nothing beside it
    content: bytes,
    span: Span,
    before: Cursor,
    rules: RuleSet,
    *,
    wants_tables: bool,
    tally: Tally | None = None,
) -> Part:
    """The tables and issues of one stretch, by the rules that hold for its file.

    Its `tally` is taken here, where nobody has taken it before.
    """
    stretch = parse_stretch(content, span, before)
    structure = _judge(stretch, span, rules)
    read = _READERS[stretch.guide.version]
    contents = read(stretch, rules, wants_tables=wants_tables)
    counts = contents.counts | {"segments": len(stretch.segments)}
    issues = pa.concat_tables([structure, contents.issues])
    if wants_tables:
        contents.tables["segments"] = read_segments_table(stretch)
    return Part(
        tables=contents.tables if wants_tables else {},
        issues=pa.concat_tables([issues, issue_table(list(_normalised(stretch, span)))]),
        envelope=read_envelope_part(stretch, contents.set_headers),
        members=contents.members,
        business_units=contents.units_with(issues),
        counts=counts,
        tally=tally or tally_segments(stretch.segments, stretch.guide.unit_id),
        byte_end=span.byte_end,
        handed_on=contents.handed_on,
        paid=contents.paid,
    )


def _judge(stretch: Stretch, span: Span, rules: RuleSet) -> pa.Table:
    findings = Findings(stretch, rules.limits)
    if span.is_cut_short:
        open_lane = stretch.placement.lane_of[-1:]
        findings.add("loop-too-long", stretch.placement.lane_starts[open_lane[open_lane >= 0]])
    find_shape_faults(findings)
    find_surplus_in_envelope(findings)
    values = Values(stretch)
    find_value_faults(findings, values)
    find_composite_faults(findings, values)
    return findings.to_table()


def _normalised(stretch: Stretch, span: Span) -> Iterator[dict[str, object]]:
    """What was passed over or completed while reading: recorded, never silent."""
    segments = stretch.segments
    if not len(segments):
        return
    ends_empty = segments.lengths(segments.first_token + segments.token_count - 1) == 0
    for rule, rows in (
        ("blanks-between-segments", np.flatnonzero(segments.blanks_removed)),
        ("separators-at-segment-end", np.flatnonzero(ends_empty)),
        ("empty-segments", np.flatnonzero(segments.empties_behind)),
    ):
        _, first = np.unique(stretch.interchange_ordinals[rows], return_index=True)
        for row in rows[first].tolist():
            yield _issue(rule, stretch, row)
    if not segments.is_terminated and not span.is_cut_short:
        yield _issue("terminator-missing-at-end", stretch, len(segments) - 1)


def _issue(rule: str, stretch: Stretch, row: int) -> dict[str, object]:
    segments = stretch.segments
    place = {
        "interchange_ordinal": int(stretch.interchange_ordinals[row]),
        "byte_start": int(segments.byte_starts[row]),
        "byte_end": int(segments.byte_ends[row]),
    }
    segment_id = segments.texts(segments.first_token[row : row + 1])[0].as_py() or ""
    return issue(rule, segment_id[:3], place)
