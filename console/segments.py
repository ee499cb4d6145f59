"""The segments around a fault, with loops, elements and bytes; what is no code is masked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.show_command import MASK, is_code
from pipeline.wiring import House
from schemas.errors import Terminal
from schemas.guide import Segment as GuideSegment
from schemas.guide import load_guide
from strongroom.files import open_clear, parquet

_AROUND = 12  # segments that are shown before and behind the one at fault
_SEGMENTS_MOST = 60
_ELEMENTS_MOST = 40
_MASKED = MASK * 4  # masks do not tell lengths
# Codes that say something about a person: where, sex, race, health, language, income.
_PRIVATE = ("N4", "DMG", "HLH", "LUI", "EC", "ICM", "DSB", "EB")
_FRAMES = ("ISA_LOOP", "GS_LOOP", "ST_LOOP", "HEADER", "DETAIL", "LS_LOOP")


@dataclass(frozen=True)
class Element:
    """One element: `INS02`, its code or a mask ("" where it is empty), and if it is at fault."""

    name: str
    text: str
    is_faulty: bool


@dataclass(frozen=True)
class Segment:
    """One segment of the file; `path` is `2000 > 2300`, empty outside of the guide's loops."""

    ordinal: int
    segment_id: str
    path: str
    byte_start: int
    byte_end: int
    is_faulty: bool
    elements: list[Element]


@dataclass(frozen=True)
class Place:
    """Where a fault is: the set of a file, the byte, and the element; None where it is not told."""

    file_id: int
    storage_key: str
    set_ordinal: int | None
    byte_start: int | None
    element: int | None


def segments_around(house: House, place: Place) -> list[Segment]:
    """The segments around the one at fault, or the first of the set; none without its tables."""
    if place.set_ordinal is None:
        return []
    rows = _rows(house, place.file_id, pc.field("set_ordinal") == place.set_ordinal)
    at = place.byte_start
    known = [row for row in rows if at is not None and row["byte_start"] <= at <= row["byte_end"]]
    faulty = known[0]["segment_ordinal"] if known else None
    middle = faulty or 1
    rows = [row for row in rows if abs(row["segment_ordinal"] - middle) <= _AROUND]
    return _told(house, place.storage_key, rows, faulty, place.element)


def segments_between(
    house: House, file_id: int, storage_key: str, span: tuple[int, int]
) -> list[Segment]:
    """The segments from one byte of a file to another, of one member; none of them is at fault."""
    start, stop = span
    within = (pc.field("byte_start") >= start) & (pc.field("byte_start") < stop)
    return _told(house, storage_key, _rows(house, file_id, within)[:_SEGMENTS_MOST], None, None)


def _rows(house: House, file_id: int, wanted: pc.Expression) -> list[dict[str, Any]]:
    path = house.settings.tables_folder / str(file_id) / "segments.parquet"
    if not path.is_file():
        return []
    names = ["segment_ordinal", "segment_id", "loop_id", "byte_start", "byte_end"]
    rows: list[dict[str, Any]] = pq.read_table(
        parquet(path), columns=names, filters=wanted
    ).to_pylist()
    return rows


def _told(
    house: House,
    storage_key: str,
    rows: list[dict[str, Any]],
    faulty: int | None,
    element: int | None,
) -> list[Segment]:
    return [
        Segment(
            row["segment_ordinal"], row["segment_id"], loop_path(row["loop_id"]),
            row["byte_start"], row["byte_end"], is_faulty,
            list(_elements(row, raw, element if is_faulty else None)),
        )
        for row, raw in zip(rows, _bytes_of(house, storage_key, rows), strict=True)
        for is_faulty in (row["segment_ordinal"] == faulty,)
    ]  # fmt: skip


def loop_path(loop_id: str | None) -> str:
    """The loop with those around it, `2000 > 2300 > 2320`."""
    loops = load_guide().loops
    at = next((loop.index for loop in loops if loop.loop_id == loop_id), -1)
    named: list[str] = []
    while at >= 0:
        if loops[at].loop_id not in _FRAMES:
            named.insert(0, loops[at].loop_id)
        at = loops[at].parent
    return " > ".join(named)


def _bytes_of(house: House, storage_key: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The text of each segment; "" where the bytes are not kept."""
    try:
        path: Path = house.landing.verified_path(storage_key)
    except Terminal:
        return ["" for _ in rows]
    found = []
    with open_clear(path) as content:
        for row in rows:
            content.seek(row["byte_start"])
            found.append(content.read(row["byte_end"] - row["byte_start"]).decode("latin-1"))
    return found


def _elements(row: Mapping[str, Any], raw: str, faulty: int | None) -> Iterable[Element]:
    """The elements behind the segment's id; one that is missing at the end is shown, too."""
    segment_id = row["segment_id"]
    separator = raw[len(segment_id) : len(segment_id) + 1]
    texts = raw.split(separator)[1 : _ELEMENTS_MOST + 1] if separator else []
    texts += [""] * ((faulty or 0) - len(texts))
    known = _of_guide(row["loop_id"], segment_id, texts)
    for position, text in enumerate(texts, 1):
        name = f"{segment_id}{position:02d}"
        yield Element(name, _shown(known, segment_id, position, text), position == faulty)


def _of_guide(loop_id: str | None, segment_id: str, texts: list[str]) -> GuideSegment | None:
    guide = load_guide()
    if not any(loop.loop_id == loop_id for loop in guide.loops):
        return None
    found = guide.segments_of(str(loop_id), segment_id)
    by_code = [one for one in found if one.qualifiers and texts and texts[0] in one.qualifiers]
    return next(iter([*by_code, *found]), None)


def _shown(known: GuideSegment | None, segment_id: str, position: int, text: str) -> str:
    if not text or segment_id in _PRIVATE or known is None or position > len(known.elements):
        return _MASKED if text else ""
    return text if is_code(known.elements[position - 1], text) else _MASKED
