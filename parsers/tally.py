"""What a stretch adds to all that came before it, found without placing its segments.

So the cursors of all stretches of a file are known before the first one is parsed, and stretches
can be parsed anywhere, in any order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from parsers.delimiters import Delimiters
from parsers.loops import ENVELOPE
from parsers.segments import BLANKS, Rows, Segments, decode, find_heads, split_segments

_OF_834 = "INS"  # what begins a unit of a transaction set there


@dataclass(frozen=True)
class Tally:
    """How many of each begin in a stretch, and how it leaves the transaction set.

    `set_is_open` is None when the stretch has no envelope segment: then all of it belongs to the
    set that was open before, if one was. `members_before` counts units (INS in an 834) up to the
    first envelope segment, `members` the others that stand in a set. `segments` counts from the
    last ST, or all.
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
    """What came before a stretch: how many of each, and whether a transaction set is open.

    `groups_of_others` are those of earlier interchanges: what follows belongs to none of them.
    """

    interchanges: int = 0
    groups_of_others: int = 0
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
            groups_of_others=self.groups_of_others,
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


def tally_segments(segments: Segments, unit_id: str = _OF_834) -> Tally:
    """The tally of a stretch's segments, of which that one begins a unit."""
    counted = (*sorted(ENVELOPE), unit_id)
    rows = {name: np.flatnonzero(segments.has_id(name)) for name in counted}

    def last(segment_id: str, element: int) -> str | None:
        at = rows[segment_id][-1:].astype(np.int64, copy=False)
        values: list[str | None] = segments.texts(segments.tokens_at(at, element)).to_pylist()
        return values[0] if values else None

    return _tally(len(segments), rows, last, unit_id)


def tally_bytes(content: bytes, delimiters: Delimiters, unit_id: str = _OF_834) -> Tally:
    """The same tally, from the bytes of a stretch: only its terminators are looked for."""
    if delimiters.element in BLANKS:  # blanks before an id cannot be told from separators
        return tally_segments(split_segments(content, 0, delimiters), unit_id)
    counted = (*sorted(ENVELOPE), unit_id)
    heads = find_heads(content, delimiters, counted)
    rows = {name: heads.rows_of(name) for name in counted}

    def last(segment_id: str, element: int) -> str | None:
        for row in rows[segment_id][-1:].tolist():
            elements = content[heads.starts[row] : heads.ends[row]].split(
                bytes([delimiters.element])
            )
            return decode(elements[element]) or None if element < len(elements) else None
        return None

    return _tally(len(heads.starts), rows, last, unit_id)


def _tally(
    count: int, rows: dict[str, Rows], last: Callable[[str, int], str | None], unit_id: str
) -> Tally:
    """The tally of `count` segments, of which some are at known rows.

    `last` gives an element of the last segment of an id.
    """
    borders = np.sort(np.concatenate([rows[name] for name in ENVELOPE]))
    opens_set = np.isin(borders, rows["ST"])
    border_before = np.searchsorted(borders, rows[unit_id]) - 1
    inside = border_before >= 0
    inside[inside] = opens_set[border_before[inside]]
    return Tally(
        interchanges=len(rows["ISA"]),
        groups=len(rows["GS"]),
        sets=len(rows["ST"]),
        members_before=int((border_before < 0).sum()),
        members=int(inside.sum()),
        set_is_open=bool(opens_set[-1]) if len(borders) else None,
        segments=count - (int(borders[-1]) if len(borders) else 0),
        interchange_control_number=last("ISA", 13),
        group_control_number=last("GS", 6),
        set_control_number=last("ST", 2),
    )
