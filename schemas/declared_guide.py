"""Implementation guides that we declare ourselves, in `schemas/guides/`, and all guides by name.

pyx12 has no map of 005010X306. What public sources show of it is rows of loops, segments and
elements, each with its source; types and lengths are those of X12's data elements. The envelope is
that of the 834's guide.
"""

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.guide import (
    ENROLLMENT,
    PREMIUM_PAYMENT,
    Element,
    Guide,
    Loop,
    Segment,
    data_elements,
    load_guide,
    qualifiers_of,
)

_AROUND = ("ISA_LOOP", "GS_LOOP", "ST_LOOP", "HEADER", "DETAIL")  # as in the 834's guide

Rows = dict[str, Any]


@cache
def guide_named(version: str) -> Guide:
    """The guide of that version (GS08); KeyError for one that we do not read."""
    return {ENROLLMENT: load_guide, PREMIUM_PAYMENT: load_premium_guide}[version]()


def guides() -> tuple[Guide, ...]:
    """All guides that we read, the 834's first."""
    return (guide_named(ENROLLMENT), guide_named(PREMIUM_PAYMENT))


@cache
def load_premium_guide() -> Guide:
    """The guide 005010X306 of the HIX 820, as far as it is known: see schemas/guides/."""
    text = files("schemas").joinpath("guides", f"{PREMIUM_PAYMENT}.toml").read_text("utf-8")
    return compile_guide(tomllib.loads(text))


def compile_guide(rows: Rows) -> Guide:
    """The guide of which these are the rows, inside the envelope of the 834's guide."""
    loops = _loops(rows)
    by_id = {loop.loop_id: loop for loop in loops}
    enclosing = load_guide()
    trailers = ("SE", "GE", "TA1", "IEA")
    outer = [s for s in enclosing.segments if enclosing.loops[s.loop].loop_id in _AROUND[:3]]
    before = [_outer(s, by_id, enclosing, rows) for s in outer if s.segment_id not in trailers]
    behind = [_outer(s, by_id, enclosing, rows) for s in outer if s.segment_id in trailers]
    inner = [_segment(row, by_id, opens=_opens(row, rows)) for row in rows["segments"]]
    segments = [
        replace(segment, index=index) for index, segment in enumerate((*before, *inner, *behind))
    ]
    return Guide(
        rows["version"],
        rows["functional_identifier"],
        rows["set_identifier"],
        tuple(loops),
        tuple(segments),
    )


def _loops(rows: Rows) -> list[Loop]:
    enclosing = load_guide()
    loops: list[Loop] = []
    for name in _AROUND:
        known = enclosing.loop_named(name)
        parent = enclosing.loops[known.parent].loop_id if known.parent >= 0 else None
        index = next((loop.index for loop in loops if loop.loop_id == parent), -1)
        loops.append(replace(known, index=len(loops), parent=index))
    for row in rows["loops"]:
        outer = next(loop for loop in loops if loop.loop_id == row["within"])
        loops.append(
            Loop(
                index=len(loops),
                loop_id=row["id"],
                name=row["name"],
                parent=outer.index,
                usage=row["usage"],
                position=row["position"],
                repeat=row["repeat"],
                depth=outer.depth + 1,
            )
        )
    return loops


def _opens(row: Rows, rows: Rows) -> bool:
    """Whether it is the first segment of its loop; the header begins with ST."""
    same = [other["id"] for other in rows["segments"] if other["loop"] == row["loop"]]
    is_first: bool = row["loop"] != "HEADER" and same[0] == row["id"]
    return is_first


def _outer(segment: Segment, loops: dict[str, Loop], enclosing: Guide, rows: Rows) -> Segment:
    """A segment of the envelope, with the type of group and set that this guide is for."""
    loop = loops[enclosing.loops[segment.loop].loop_id]
    codes = {
        ("GS", 1): rows["functional_identifier"],
        ("GS", 8): rows["version"],
        ("ST", 1): rows["set_identifier"],
        ("ST", 3): rows["version"],
    }
    elements = tuple(
        replace(element, codes=frozenset({codes[segment.segment_id, element.position]}))
        if (segment.segment_id, element.position) in codes
        else element
        for element in segment.elements
    )
    return replace(segment, loop=loop.index, elements=elements, qualifiers=qualifiers_of(elements))


def _segment(row: Rows, loops: dict[str, Loop], *, opens: bool) -> Segment:
    elements = tuple(_element(position, one) for position, one in enumerate(row["elements"], 1))
    return Segment(
        index=0,
        segment_id=row["id"],
        loop=loops[row["loop"]].index,
        name=row["name"],
        usage=row["usage"],
        position=row["position"],
        max_use=row["max_use"],
        opens_loop=opens,
        qualifiers=qualifiers_of(elements),
        elements=elements,
        relations=tuple(row.get("relations", ())),
    )


def _element(position: int, row: Rows) -> Element:
    data_type, shortest, longest = data_elements().get(row["number"], ("", 0, 0))
    codes = row.get("codes")
    return Element(
        position=position,
        data_element=row["number"],
        name=row["name"],
        usage=row["usage"],
        data_type=data_type,
        min_length=shortest,
        max_length=longest,
        codes=frozenset(codes) if codes is not None else None,
        repeat=1,
        components=(),
    )
