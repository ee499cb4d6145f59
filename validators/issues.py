"""The only way to say that something is wrong: findings, turned into rows of `tables.ISSUES`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.segments import Ints
from parsers.stretch import Stretch
from schemas import tables
from schemas.catalog import Rule, load_rules
from schemas.guide import ENROLLMENT, Element, Guide, Segment
from schemas.limits import Limits

REPETITION = 100  # a component of a repeated element: its repetition times this, plus its place


@dataclass(frozen=True)
class Finding:
    """One rule broken at several rows of a stretch.

    `elements` is 0 for a whole segment, `components` for a whole element, and in an element that is
    repeated it tells the repetition too (`REPETITION`); `nodes` names the segment
    of the guide that the wording speaks of (usually the row's own, another one for a segment that
    is missing).
    """

    rule: str
    rows: Ints
    elements: Ints
    components: Ints
    nodes: npt.NDArray[np.int16]

    def at(self, places: npt.NDArray[np.intp]) -> "Finding":
        """The finding at some of its places."""
        return Finding(
            self.rule,
            self.rows[places],
            self.elements[places],
            self.components[places],
            self.nodes[places],
        )


@dataclass
class Findings:
    """Findings of one stretch, collected check by check, as many as its limits allow."""

    stretch: Stretch
    limits: Limits
    found: list[Finding] = field(default_factory=list)

    def add(
        self,
        rule: str,
        rows: Ints,
        elements: Ints | int = 0,
        *,
        components: Ints | int = 0,
        nodes: npt.NDArray[np.int16] | int | None = None,
    ) -> None:
        """Records a rule as broken at `rows`, at element `elements` (1-based; 0 = the segment).

        Of one header or member at most `issues_of_a_rule` places are kept.
        """
        if not len(rows):
            return
        if nodes is None:
            nodes = self.stretch.placement.nodes[rows]
        at, within = (
            np.broadcast_to(np.asarray(given, dtype=np.int64), rows.shape)
            for given in (elements, components)
        )
        about = np.broadcast_to(np.asarray(nodes, dtype=np.int16), rows.shape)
        finding = Finding(rule, rows, at, within, about)
        is_short = len(rows) <= self.limits.issues_of_a_rule
        self.found.append(finding if is_short else self._shortened(finding))

    def _shortened(self, finding: Finding) -> Finding:
        """The finding with its first places in each header or member, and a word on the others."""
        placement, most = self.stretch.placement, self.limits.issues_of_a_rule
        lanes = placement.lane_of[finding.rows]
        order = np.lexsort((finding.rows, lanes))
        lanes = lanes[order]
        rank = np.arange(len(order)) - np.searchsorted(lanes, lanes)
        shortened = np.unique(lanes[(rank == most) & (lanes >= 0)])
        self.add("issues-left-out", placement.lane_starts[shortened])
        return finding.at(np.sort(order[rank < most]))

    def to_table(self) -> pa.Table:
        """The findings as `tables.ISSUES`, in file order, and not many more than the limit."""
        if not self.found:
            return tables.ISSUES.empty_table()
        parts = pa.concat_tables([_rows(self.stretch, finding) for finding in self._told()])
        return parts.sort_by([("byte_start", "ascending"), ("element", "ascending")])

    def _told(self) -> Iterator[Finding]:
        """The findings as far as they are made into rows: a file with more of them is refused."""
        left = self.limits.issues_of_a_stretch + 1
        for finding in self.found:
            if left:
                yield finding.at(np.arange(min(left, len(finding.rows))))
            left -= min(left, len(finding.rows))


def _rows(stretch: Stretch, finding: Finding) -> pa.Table:
    rule = load_rules()[finding.rule]
    rows = finding.rows
    components, repetitions = finding.components % REPETITION, finding.components // REPETITION
    numbers = (finding.nodes, finding.elements, components)
    guide = stretch.guide
    about = [_about(guide, *three) for three in zip(*(n.tolist() for n in numbers), strict=True)]
    segments = stretch.segments
    # A strange segment id may be anything and of any length: three characters of it tell enough.
    ids = pc.utf8_slice_codeunits(segments.texts(segments.first_token[rows]), 0, 3).to_pylist()
    start, end = _spans(stretch, rows, finding.elements)
    in_set = stretch.is_in_set[rows]
    is_member = guide.version == ENROLLMENT  # a payment is of no member
    members = stretch.member_ordinals[rows] * is_member
    groups = stretch.group_ordinals[rows]
    columns = {
        "rule": pa.repeat(rule.id, len(rows)),
        "severity": pa.repeat(rule.severity, len(rows)),
        "snip": pa.repeat(pa.scalar(rule.snip, pa.int8()), len(rows)),
        "x12_field": pa.repeat(pa.scalar(rule.x12_field, pa.large_string()), len(rows)),
        "x12_code": pa.repeat(pa.scalar(rule.x12_code, pa.large_string()), len(rows)),
        "interchange_ordinal": stretch.interchange_ordinals[rows],
        "group_ordinal": pa.array(groups, mask=groups == 0),
        "set_ordinal": pa.array(stretch.set_ordinals[rows], mask=~in_set),
        "member_ordinal": pa.array(members, mask=members == 0),
        "segment_id": pa.array(
            [a.segment_id or i for a, i in zip(about, ids, strict=True)], pa.large_string()
        ),
        "segment_ordinal": pa.array(stretch.segment_ordinals(rows), mask=~in_set),
        "loop": pa.array([a.loop_id for a in about], pa.large_string()),
        "element": pa.array(finding.elements, tables.ELEMENT, mask=finding.elements == 0),
        "component": pa.array(components, tables.ELEMENT, mask=components == 0),
        "repetition": pa.array(repetitions, tables.ELEMENT, mask=repetitions == 0),
        "data_element": pa.array([a.data_element for a in about], pa.large_string()),
        "byte_start": start,
        "byte_end": end,
        "message": pa.array(
            [_sentence(rule, a, i) for a, i in zip(about, ids, strict=True)], pa.large_string()
        ),
    }
    return pa.table({field.name: columns[field.name] for field in tables.ISSUES}, tables.ISSUES)


def _spans(stretch: Stretch, rows: Ints, elements: Ints) -> tuple[Ints, Ints]:
    """Bytes of the element, or of the segment where there is no such element."""
    segments = stretch.segments
    inside = (elements > 0) & (elements < segments.token_count[rows])
    tokens = np.where(inside, segments.first_token[rows] + elements, 0)
    start = np.where(inside, segments.in_file(segments.starts[tokens]), segments.byte_starts[rows])
    end = np.where(inside, segments.in_file(segments.ends[tokens]), segments.byte_ends[rows])
    return start, end


@dataclass(frozen=True, eq=False)  # each is made once, so being the same one is being equal
class _About:
    """What a finding speaks of, in the words of the guide."""

    guide: Guide
    segment: Segment | None
    element: Element | None
    place: str  # of the element within its segment: 06, or 06-2 for a component

    @property
    def segment_id(self) -> str | None:
        return self.segment.segment_id if self.segment else None

    @property
    def loop_id(self) -> str | None:
        return self.guide.loops[self.segment.loop].loop_id if self.segment else None

    @property
    def data_element(self) -> str | None:
        return self.element.data_element if self.element else None


@lru_cache(maxsize=4096)
def _about(guide: Guide, node: int, position: int, component: int) -> _About:
    segment = guide.segments[node] if node >= 0 else None
    element = _at(segment.elements, position) if segment else None
    if not component or element is None:
        return _About(guide, segment, element, f"{position:02d}")
    return _About(guide, segment, _at(element.components, component), f"{position:02d}-{component}")


def _at(elements: tuple[Element, ...], position: int) -> Element | None:
    return elements[position - 1] if 0 < position <= len(elements) else None


@lru_cache(maxsize=4096)
def _sentence(rule: Rule, about: _About, segment_id: str | None) -> str:
    """The sentence of the rule, about a segment of the guide or else one of that id."""
    name = about.segment_id or segment_id or ""
    return rule.wording.format(
        segment=name,
        element=f"{name}{about.place}",
        name=about.element.name if about.element else "element",
        loop=about.loop_id,
        set=about.guide.set_identifier,
        detail=f"{name} {about.segment.name}" if about.segment else name,
    )
