"""The plan of a functional group: GS03 names it, and every coverage in the group must be of it.

A stretch does not know the header of a group that began before it, so it hands on which plans it
saw in which group, and where first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from parsers.envelope import Envelope
from parsers.segments import Ints
from parsers.stretch import Stretch
from validators.business.stretch_facts import StretchFacts
from validators.envelope_rules import issue

RULE = "plan-of-another-group"
_COMPONENT = 14  # characters of a plan id without its variant


@dataclass(frozen=True)
class PlanSeen:
    """A plan in a functional group, and the first HD there that is of it."""

    group_ordinal: int
    component: str
    place: dict[str, Any]


def plans_seen(facts: StretchFacts) -> tuple[PlanSeen, ...]:
    """Which plans the coverages of a stretch are of, by functional group."""
    coded = facts.column("coverage", "plan_id").coded
    rows = np.flatnonzero(coded.index[:-1] >= 0)
    if not len(rows):
        return ()
    stretch = facts.stretch
    members = facts.owners("coverage")[rows]
    groups = stretch.group_ordinals[stretch.member_rows[members]]
    plans = coded.index[rows].astype(np.int64)
    pairs = pa.array(groups * len(coded.distinct) + plans).dictionary_encode()
    first = np.zeros(len(pairs.dictionary), dtype=np.int64)
    first[pairs.indices.to_numpy()[::-1]] = np.arange(len(rows))[::-1]
    begins = facts.tables["coverage"]["byte_start"].to_numpy()[rows[first]]
    segments = np.searchsorted(stretch.segments.byte_starts, begins)
    return tuple(
        PlanSeen(
            int(groups[row]),
            coded.values[plans[row]][:_COMPONENT],
            _place(facts, int(rows[row]), segment),
        )
        for row, segment in zip(first.tolist(), segments.tolist(), strict=True)
    )


def _count(stretch: Stretch, segment_id: str, rows: Ints) -> Ints:
    """How many segments of that id stand before each row."""
    found: Ints = np.searchsorted(np.flatnonzero(stretch.has_id(segment_id)), rows, "right")
    return found


def _place(facts: StretchFacts, coverage: int, row: int) -> dict[str, Any]:
    """Where the HD of a coverage stands, as issues tell it."""
    stretch, at = facts.stretch, np.array([row])
    begun = np.flatnonzero(stretch.has_id("ST")[: row + 1])
    in_set = row - begun[-1] if len(begun) else row + stretch.before.segments_in_set
    member = facts.owners("coverage")[coverage]
    return {
        "interchange_ordinal": int(_count(stretch, "ISA", at)[0]) + stretch.before.interchanges,
        "group_ordinal": int(stretch.group_ordinals[row]),
        "set_ordinal": facts.tables["member"]["set_ordinal"][member].as_py(),
        "member_ordinal": int(facts.ordinals[member]),
        "segment_ordinal": int(in_set) + 1,
        "byte_start": int(stretch.segments.byte_starts[row]),
        "byte_end": int(stretch.segments.byte_ends[row]),
        "loop": "2300",
    }


def find_plans_of_other_groups(
    envelope: Envelope, seen: Iterable[PlanSeen]
) -> Iterator[dict[str, object]]:
    """Issue rows for plans that are not their group's: one a group and plan, at its first place."""
    groups = envelope.functional_groups
    agreed = dict(
        zip(groups["group_ordinal"].to_pylist(), groups["receiver_code"].to_pylist(), strict=True)
    )
    told: set[tuple[int, str]] = set()
    for plan in seen:
        key = (plan.group_ordinal, plan.component)
        if key in told or agreed.get(plan.group_ordinal) == plan.component:
            continue
        told.add(key)
        yield issue(RULE, "HD", plan.place) | plan.place
