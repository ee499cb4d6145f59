"""What a TA1 or 999 file of the exchange says about what we sent: one row per answer.

Source: X12.5 (TA1), 999 005010X231A1 (AK1, AK2, IK5, AK9).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.delimiters import Region
from parsers.reading import ReceivedFile, open_received
from parsers.segments import Ints, Segments, split_segments
from parsers.unread import holds_segments, is_headless
from schemas.tables import ANSWERS, TEXT


@dataclass(frozen=True)
class Acknowledgements:
    """Answers by our own control numbers.

    `interchanges` has control_number (TA101), code (TA104) and note (TA105). `groups` has
    group_control_number (AK102) and ack (AK901). `sets` has group_control_number, control_number
    (AK202) and ack (IK501). An answer that is cut off has a null ack: it is none. `parties` has
    sender_id and receiver_id of each interchange that they came in (ISA06, ISA08). `unread` names
    the rules that say why some of the file is not read: an interchange with a damaged header tells
    no answers, and one without IEA perhaps not all of its own.
    """

    interchanges: pa.Table
    groups: pa.Table
    sets: pa.Table
    parties: pa.Table
    unread: tuple[str, ...] = ()

    @property
    def answers(self) -> pa.Table:
        """All of them as tables.ANSWERS: interchanges, then groups, then sets."""
        return pa.concat_tables(
            [
                _as_answers("interchange", self.interchanges, _INTERCHANGE),
                _as_answers("group", self.groups, _GROUP),
                _as_answers("set", self.sets, _SET),
            ]
        )


def read_acknowledgements(path: Path) -> Acknowledgements:
    """All TA1 and 999 answers in a file; empty tables when it holds none."""
    parts, unread = [], set()
    with open_received(path) as received:
        if is_headless(received):
            unread.add(_WITHOUT_HEADER)
        for region in received.layout.regions:
            if region.is_damaged:
                unread.add("interchange-header-malformed")
                continue
            segments = _split(received, region)
            parts.append(_read(segments))
            if not len(_rows(segments, "IEA")):
                unread.add("interchange-trailer-missing")
            if holds_segments(received, _behind_trailer(segments, region), region.byte_end):
                unread.add(_WITHOUT_HEADER)
    parts.append(Acknowledgements(*(_empty(names) for names in _COLUMNS)))
    return Acknowledgements(
        pa.concat_tables([part.interchanges for part in parts]),
        pa.concat_tables([part.groups for part in parts]),
        pa.concat_tables([part.sets for part in parts]),
        pa.concat_tables([part.parties for part in parts]),
        tuple(sorted(unread)),
    )


def _behind_trailer(segments: Segments, region: Region) -> int:
    """Where the first IEA of an interchange ends; its end when it has none."""
    trailers = _rows(segments, "IEA")
    return int(segments.byte_ends[trailers[0]]) if len(trailers) else region.byte_end


_WITHOUT_HEADER = "interchange-without-header"
_INTERCHANGE = {"control_number": "interchange_number", "code": "code", "note": "note"}
_GROUP = {"group_control_number": "group_number", "ack": "code"}
_SET = {"group_control_number": "group_number", "control_number": "set_number", "ack": "code"}


def _as_answers(level: str, said: pa.Table, names: dict[str, str]) -> pa.Table:
    columns = {name: pa.nulls(said.num_rows, TEXT) for name in ANSWERS.names}
    columns |= {ours: said[theirs] for theirs, ours in names.items()}
    columns["level"] = pa.repeat(pa.scalar(level, TEXT), said.num_rows)
    return pa.table(columns, schema=ANSWERS)


_COLUMNS = (
    ("control_number", "code", "note"),
    ("group_control_number", "ack"),
    ("group_control_number", "control_number", "ack"),
    ("sender_id", "receiver_id"),
)


def _empty(names: tuple[str, ...]) -> pa.Table:
    return pa.schema([(name, TEXT) for name in names]).empty_table()


def _split(received: ReceivedFile, region: Region) -> Segments:
    content = bytes(received.content[region.byte_start : region.byte_end])
    return split_segments(content, region.byte_start, region.delimiters)


def _rows(segments: Segments, segment_id: str) -> Ints:
    found = np.flatnonzero(segments.has_id(segment_id))
    return found.astype(np.int64, copy=False)


def _element(segments: Segments, rows: Ints, position: int) -> pa.Array:
    return segments.texts(segments.tokens_at(rows, position))


def _closing(segments: Segments, openings: Ints, closings: Ints, position: int) -> pa.Array:
    """Element of the first closing segment behind each opening one, before the next opening."""
    behind = np.append(closings, len(segments))[np.searchsorted(closings, openings)]
    is_closed = behind < np.append(openings[1:], len(segments))
    rows = np.where(is_closed, behind, 0)
    return segments.texts(np.where(is_closed, segments.tokens_at(rows, position), -1))


def _read(segments: Segments) -> Acknowledgements:
    ta1, ak1, ak2 = (_rows(segments, name) for name in ("TA1", "AK1", "AK2"))
    group_numbers = _element(segments, ak1, 2)
    group_of_set = np.searchsorted(ak1, ak2) - 1
    of_group = pa.array(np.maximum(group_of_set, 0), mask=group_of_set < 0)
    return Acknowledgements(
        interchanges=pa.table(
            {
                "control_number": _element(segments, ta1, 1),
                "code": _element(segments, ta1, 4),
                "note": _element(segments, ta1, 5),
            }
        ),
        groups=pa.table(
            {
                "group_control_number": group_numbers,
                "ack": _closing(segments, ak1, _rows(segments, "AK9"), 1),
            }
        ),
        sets=pa.table(
            {
                "group_control_number": group_numbers.take(of_group),
                "control_number": _element(segments, ak2, 2),
                "ack": _closing(segments, ak2, _rows(segments, "IK5"), 1),
            }
        ),
        parties=pa.table({name: _party(segments, place) for name, place in _PARTIES.items()}),
    )


_PARTIES = {"sender_id": 6, "receiver_id": 8}


def _party(segments: Segments, place: int) -> pa.Array:
    return pc.utf8_rtrim_whitespace(_element(segments, _rows(segments, "ISA"), place))
