"""What a stretch adds to all that came before it, found without placing its segments.

So the cursors of all stretches of a file are known before the first one is parsed, and stretches
can be parsed anywhere, in any order.
"""

from dataclasses import dataclass

import numpy as np

from parsers.loops import ENVELOPE
from parsers.segments import Ints, Segments


@dataclass(frozen=True)
class Tally:
    """How many of each begin in a stretch, and how it leaves the transaction set.

    `set_is_open` is None when the stretch has no envelope segment: then all of it belongs to the
    set that was open before, if one was. `members_before` counts the INS up to the first envelope
    segment, `members` the others that stand in a set. `segments` counts from the last ST, or all.
    """

    interchanges: int
    groups: int
    sets: int
    members_before: int
    members: int
    set_is_open: bool | None
    segments: int
    interchange_control_number: str | None
    group_control_number: str | None
    set_control_number: str | None


@dataclass(frozen=True)
class Cursor:
    """What came before a stretch: how many of each, and whether a transaction set is open."""

    interchanges: int = 0
    groups: int = 0
    sets: int = 0
    members: int = 0
    set_is_open: bool = False
    segments_in_set: int = 0
    interchange_control_number: str | None = None
    group_control_number: str | None = None
    set_control_number: str | None = None

    def behind(self, tally: Tally) -> "Cursor":
        """The cursor behind a stretch with that tally."""
        set_is_open = self.set_is_open if tally.set_is_open is None else tally.set_is_open
        carried = self.segments_in_set if tally.set_is_open is None else 0
        members = self.members + tally.members
        return Cursor(
            interchanges=self.interchanges + tally.interchanges,
            groups=self.groups + tally.groups,
            sets=self.sets + tally.sets,
            members=members + (tally.members_before if self.set_is_open else 0),
            set_is_open=set_is_open,
            segments_in_set=carried + tally.segments if set_is_open else 0,
            interchange_control_number=(
                tally if tally.interchanges else self
            ).interchange_control_number,
            group_control_number=(tally if tally.groups else self).group_control_number,
            set_control_number=(tally if tally.sets else self).set_control_number,
        )


def tally_segments(segments: Segments) -> Tally:
    """The tally of a stretch's segments."""
    names, index = segments.id_index
    in_envelope = np.array([name in ENVELOPE for name in names], dtype=np.bool_)
    borders = np.flatnonzero(in_envelope[index]) if len(names) else np.zeros(0, np.int64)
    opens_set = segments.has_id("ST")
    members = np.flatnonzero(segments.has_id("INS"))
    border_before = np.searchsorted(borders, members) - 1
    inside = border_before >= 0
    inside[inside] = opens_set[borders[border_before[inside]]]
    last = int(borders[-1]) if len(borders) else None
    return Tally(
        interchanges=int(segments.has_id("ISA").sum()),
        groups=int(segments.has_id("GS").sum()),
        sets=int(opens_set.sum()),
        members_before=int((border_before < 0).sum()),
        members=int(inside.sum()),
        set_is_open=None if last is None else bool(opens_set[last]),
        segments=len(segments) - (last or 0),
        interchange_control_number=_last(segments, "ISA", 13),
        group_control_number=_last(segments, "GS", 6),
        set_control_number=_last(segments, "ST", 2),
    )


def _last(segments: Segments, segment_id: str, element: int) -> str | None:
    """Element of the last segment of that id, None when there is none."""
    rows: Ints = np.flatnonzero(segments.has_id(segment_id))[-1:].astype(np.int64, copy=False)
    values: list[str | None] = segments.texts(segments.tokens_at(rows, element)).to_pylist()
    return values[0] if values else None
