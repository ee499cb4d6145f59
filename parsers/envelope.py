"""Interchanges, functional groups and transaction sets, gathered over the stretches of a file.

Each stretch adds what it saw: headers, trailers, counts. The tables are put together at the end,
when every trailer is known. What is wrong with the envelope is for `validators` to say; this
module only tells, for each envelope segment, which one stood before it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.packed import Packed, pack, unpack
from parsers.segments import Flags, Ints
from parsers.stretch import Stretch
from schemas import tables
from schemas.guide import ENROLLMENT

KINDS = ("ISA", "GS", "ST", "SE", "GE", "IEA", "TA1", "other")
_OTHER = KINDS.index("other")
_MANY = 1000  # elements: more are counted as that many

_ISA_COLUMNS = {
    "control_number": 13,
    "authorization_qualifier": 1,
    "security_qualifier": 3,
    "sender_qualifier": 5,
    "sender_id": 6,
    "receiver_qualifier": 7,
    "receiver_id": 8,
    "date": 9,
    "time": 10,
    "repetition_separator": 11,
    "version": 12,
    "acknowledgment_requested": 14,
    "usage_indicator": 15,
    "component_separator": 16,
}
_GS_COLUMNS = {
    "control_number": 6,
    "functional_identifier": 1,
    "sender_code": 2,
    "receiver_code": 3,
    "date": 4,
    "time": 5,
    "responsible_agency": 7,
    "version": 8,
}
_ST_COLUMNS = {"control_number": 2, "identifier": 1, "convention": 3}
_TA1_COLUMNS = {"control_number": 1, "date": 2, "time": 3, "code": 4, "note": 5}

_BY = {
    "ISA": "interchange_ordinal",
    "IEA": "interchange_ordinal",
    "GS": "group_ordinal",
    "GE": "group_ordinal",
    "ST": "set_ordinal",
    "SE": "set_ordinal",
}


@dataclass(frozen=True)
class Envelope:
    """The envelope of a file.

    `control` has one row per envelope segment and per run of segments outside any transaction
    set, in file order: kind (place in KINDS), the three ordinals, byte_start, byte_end, and how
    many elements the segment has, and the first three characters of its id.
    """

    interchanges: pa.Table  # tables.INTERCHANGES
    functional_groups: pa.Table  # tables.FUNCTIONAL_GROUPS
    transaction_sets: pa.Table  # tables.TRANSACTION_SETS
    control: pa.Table
    acknowledgements: pa.Table  # elements, ordinals and bytes of each TA1, outside any group

    def span(self, segment_id: str, ordinal: int) -> tuple[int, int]:
        """Bytes of the first ISA or IEA, GS or GE, ST or SE of the object of that ordinal."""
        ordinals, starts, ends, _ = self._shown(segment_id)
        place = int(np.searchsorted(ordinals, ordinal))
        return int(starts[place]), int(ends[place])

    def spans(self, segment_id: str, ordinals: Ints) -> tuple[Ints, Ints]:
        """The same for several objects at once: byte starts and byte ends."""
        known, starts, ends, _ = self._shown(segment_id)
        places = np.searchsorted(known, ordinals)
        return starts[places], ends[places]

    def element_count(self, segment_id: str, ordinal: int) -> int:
        """How many elements that segment has; 0 when the object has none, such as no IEA."""
        ordinals, _, _, counts = self._shown(segment_id)
        place = int(np.searchsorted(ordinals, ordinal))
        return int(counts[place]) if ordinal in ordinals[place : place + 1] else 0

    def _shown(self, segment_id: str) -> tuple[Ints, ...]:
        """Ordinal, byte start, byte end and element count of all segments of that id.

        Ordinals ascend: a stray segment that belongs to no object (ordinal 0) is left out.
        """
        if segment_id not in self._shown_by_id:
            is_shown = pc.equal(self.control["kind"], KINDS.index(segment_id))
            is_owned = pc.greater(self.control[_BY[segment_id]], 0)
            rows = self.control.filter(pc.and_(is_shown, is_owned))
            wanted = (_BY[segment_id], "byte_start", "byte_end", "element_count")
            self._shown_by_id[segment_id] = tuple(rows[name].to_numpy() for name in wanted)
        return self._shown_by_id[segment_id]

    @cached_property
    def _shown_by_id(self) -> dict[str, tuple[Ints, ...]]:
        return {}


@dataclass(frozen=True)
class EnvelopePart:
    """What one stretch holds of the envelope, packed: it waits for the rest of the file.

    `elements` are by segment id; of trailers only whose they are and what they state. `set_headers`
    are the columns of the sets that begin in it, and `set_totals`, per set seen: ordinal, segments,
    members, end of the last segment.
    """

    elements: dict[str, Packed]
    set_headers: Packed
    control: Packed
    set_totals: Packed


def read_envelope_part(stretch: Stretch, set_headers: pa.Table) -> EnvelopePart:
    """The envelope segments of a stretch, and the totals of the sets in it."""
    elements = {
        name: _elements(stretch, name, columns)
        for name, columns in (
            ("ISA", _ISA_COLUMNS),
            ("GS", _GS_COLUMNS),
            ("ST", _ST_COLUMNS),
            ("TA1", _TA1_COLUMNS),
        )
    }
    for name in ("SE", "GE", "IEA"):
        trailers = _elements(stretch, name, {"count": 1, "number": 2})
        elements[name] = trailers.select([_BY[name], "count", "number"])
    return EnvelopePart(
        {name: pack(table) for name, table in elements.items()},
        pack(set_headers.drop_columns("set_ordinal")),
        pack(_control(stretch)),
        pack(_set_totals(stretch)),
    )


def gather_envelope(gathered: list[EnvelopePart]) -> Envelope:
    """The envelope of a file from the parts of all its stretches, in file order."""
    elements = {
        name: unpack(part.elements[name] for part in gathered) for name in gathered[0].elements
    }
    control = unpack(part.control for part in gathered)
    control = control.filter(pa.array(_begins_run(control["kind"].to_numpy())))
    return Envelope(
        interchanges=_with_trailer(elements, "ISA", "IEA", control),
        functional_groups=_with_trailer(elements, "GS", "GE", control),
        transaction_sets=_transaction_sets(elements, gathered),
        control=control,
        acknowledgements=elements["TA1"],
    )


def _transaction_sets(elements: dict[str, pa.Table], gathered: list[EnvelopePart]) -> pa.Table:
    sets = elements["ST"]
    totals = unpack(part.set_totals for part in gathered)
    ordinals, in_set, with_ins, last_byte = (column.to_numpy() for column in totals)
    segments, members, ends = (np.zeros(len(sets) + 1, np.int64) for _ in range(3))
    np.add.at(segments, ordinals, in_set)
    np.add.at(members, ordinals, with_ins)
    ends[ordinals] = last_byte  # of a set in several stretches the last one holds
    trailer_count, trailer_number = _trailers(sets, elements["SE"], "set_ordinal")
    headers = unpack(part.set_headers for part in gathered)
    columns = {name: sets[name] for name in sets.column_names if name != "byte_end"}
    columns |= dict(zip(headers.column_names, headers.columns, strict=True))
    columns |= {
        "trailer_segment_count": trailer_count,
        "trailer_control_number": trailer_number,
        "segment_count": pa.array(segments[1:]),
        "member_count": pa.array(members[1:]),
        "byte_end": pa.array(ends[1:]),
    }
    return _as(columns, tables.TRANSACTION_SETS)


def _as(columns: dict[str, pa.Array | pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def _elements(stretch: Stretch, segment_id: str, columns: dict[str, int]) -> pa.Table:
    """Elements of the segments of that id, with their ordinals and byte spans."""
    rows = np.flatnonzero(stretch.has_id(segment_id)).astype(np.int64, copy=False)
    segments = stretch.segments
    together = [segments.tokens_at(rows, position) for position in columns.values()]
    found = segments.texts(np.concatenate(together))
    texts = {
        name: found.slice(number * len(rows), len(rows)) for number, name in enumerate(columns)
    }
    if segment_id == "ISA":  # elements of fixed length, filled up with blanks
        texts = {name: pc.utf8_rtrim(text, " ") for name, text in texts.items()}
    return pa.table({**_ordinals(stretch, rows), **texts, **_bytes(stretch, rows)})


def _ordinals(stretch: Stretch, rows: Ints) -> dict[str, Ints]:
    return {
        "interchange_ordinal": stretch.interchange_ordinals[rows],
        "group_ordinal": stretch.group_ordinals[rows],
        "set_ordinal": stretch.last_set_ordinals[rows],
    }


def _bytes(stretch: Stretch, rows: Ints) -> dict[str, Ints]:
    return {
        "byte_start": stretch.segments.byte_starts[rows],
        "byte_end": stretch.segments.byte_ends[rows],
    }


def _control(stretch: Stretch) -> pa.Table:
    """Envelope segments and those outside any set; of a run of others only the first."""
    names, index = stretch.segments.id_index
    kind_of = [KINDS.index(name) if name in KINDS[:_OTHER] else _OTHER for name in names]
    kinds = np.array(kind_of, dtype=np.int8)[index]
    inside_body = stretch.is_in_set & (kinds == _OTHER)
    rows = np.flatnonzero(~inside_body)
    rows = rows[_begins_run(kinds[rows])]
    segments = stretch.segments
    return pa.table(
        {
            "kind": kinds[rows],
            **{name: found.astype(np.int32) for name, found in _ordinals(stretch, rows).items()},
            **_bytes(stretch, rows),
            "element_count": np.minimum(segments.token_count[rows] - 1, _MANY).astype(np.int16),
            "segment_id": pc.utf8_slice_codeunits(segments.texts(segments.first_token[rows]), 0, 3),
        }
    )


def _begins_run(kinds: npt.NDArray[np.int8]) -> Flags:
    """All but the later ones of several segments in a row that are not of the envelope."""
    begins = np.ones(len(kinds), dtype=np.bool_)
    begins[1:] = (kinds[1:] != _OTHER) | (kinds[:-1] != _OTHER)
    return begins


def _set_totals(stretch: Stretch) -> pa.Table:
    """Per transaction set seen: its ordinal, segments, members, and the end of its last segment."""
    ordinals = stretch.set_ordinals
    base = stretch.before.sets
    shifted = np.where(ordinals > 0, ordinals - base + 1, 0)  # 0 outside, 1 the set that goes on
    segments = np.bincount(shifted, minlength=1)
    starts = stretch.is_member_start & (stretch.guide.version == ENROLLMENT)  # INS, and no ENT
    members = np.bincount(shifted[starts], minlength=len(segments))
    last_rows = np.zeros(len(segments), np.int64)
    last_rows[shifted] = np.arange(len(shifted))  # later rows overwrite earlier ones
    seen = np.flatnonzero(segments[1:]) + 1
    return pa.table(
        {
            "set_ordinal": seen + base - 1,
            "segments": segments[seen].astype(np.int32),
            "members": members[seen].astype(np.int32),
            "byte_end": stretch.segments.byte_ends[last_rows[seen]],
        }
    )


def _trailers(headers: pa.Table, trailers: pa.Table, by: str) -> tuple[pa.Array, pa.Array]:
    """Count and control number of each header's first trailer.

    Null where it has none, the empty text where a trailer stands without that element.
    """
    stated = [pc.fill_null(trailers[name].combine_chunks(), "") for name in ("count", "number")]
    if trailers[by].equals(headers[by]):  # so it is in nearly every file
        return stated[0], stated[1]
    found = pc.index_in(headers[by].combine_chunks(), trailers[by].combine_chunks())
    return stated[0].take(found), stated[1].take(found)


def _with_trailer(
    parts: dict[str, pa.Table], header: str, trailer: str, control: pa.Table
) -> pa.Table:
    """Interchanges or functional groups, with what their trailers say and what was counted."""
    table = parts[header]
    is_interchange = header == "ISA"
    by = _BY[header]
    inner = parts["GS"] if is_interchange else parts["ST"]
    count, number = _trailers(table, parts[trailer], by)
    ordinals = table[by].to_numpy()
    columns = {name: table[name] for name in table.column_names}
    columns["byte_end"] = pa.array(_last_bytes(control, by, ordinals))
    columns["trailer_control_number"] = number
    columns["trailer_group_count" if is_interchange else "trailer_set_count"] = count
    counted = np.bincount(inner[by].to_numpy(), minlength=int(ordinals.max(initial=0)) + 1)
    columns["group_count" if is_interchange else "set_count"] = pa.array(counted[ordinals])
    return _as(columns, tables.INTERCHANGES if is_interchange else tables.FUNCTIONAL_GROUPS)


def _last_bytes(control: pa.Table, by: str, ordinals: npt.NDArray[np.int64]) -> Ints:
    """End of the last envelope segment that belongs to each interchange or group."""
    kinds = control["kind"].to_numpy()
    belongs = kinds != _OTHER
    if by == "group_ordinal":
        belongs &= np.isin(kinds, [KINDS.index(name) for name in ("GS", "ST", "SE", "GE")])
    last = np.zeros(int(ordinals.max(initial=0)) + 1, dtype=np.int64)
    last[control[by].to_numpy()[belongs]] = control["byte_end"].to_numpy()[belongs]
    return last[ordinals]
