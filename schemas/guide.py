"""Implementation guides as tables: 005010X220A1, compiled once from the maps inside `pyx12`.

A guide is a tree of loops with segments in them. Here it is three flat tuples (loops, segments,
elements) whose rows point at one another by index, so that a column of small integers can stand
for "which segment of the guide is this".
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

ENROLLMENT = "005010X220A1"  # the 834
PREMIUM_PAYMENT = "005010X306"  # the HIX 820
UNBOUNDED = 0  # a repeat or max use without a limit

# Loops of the map that hold the whole transaction set and open with no segment of their own.
WRAPPERS = frozenset({"HEADER", "DETAIL"})


# What LS opens LE closes (X12.6, loop control segments); the map leaves LE situational.
CLOSES_LOOP = frozenset({"LE"})

# Where the map puts a loop elsewhere than its own first segment, in whose order the guide has it:
# the loops of NM1 around a member may stand in any order.
_PLACED_ANEW = {"2100H": 300}


# Syntax notes of composites, which the map has for segments only. Source: X12 005010, data element
# dictionary: a code of a race (C056-03) and its list (C056-02) come together.
_RELATIONS_WITHIN = {"C056": ("P0203",)}


@dataclass(frozen=True)
class Element:
    """One element or component of a segment of the guide."""

    position: int  # 1-based within the segment, or within the composite
    data_element: str  # X12 data element number; C… for a composite
    name: str
    usage: str  # R | S | N
    data_type: str  # AN ID DT TM R N0 … of the data element dictionary; "" for a composite
    min_length: int
    max_length: int
    codes: frozenset[str] | None  # None: any value
    repeat: int
    components: tuple["Element", ...]
    relations: tuple[str, ...] = ()  # of a composite: syntax notes about its components


@dataclass(frozen=True)
class Segment:
    """One segment at one place of the guide."""

    index: int
    segment_id: str
    loop: int
    name: str
    usage: str
    position: int
    max_use: int
    opens_loop: bool
    qualifiers: frozenset[str] | None  # codes of element 1 that tell this segment from others
    elements: tuple[Element, ...]
    relations: tuple[str, ...]  # syntax notes: P0304, C0605, …


@dataclass(frozen=True)
class Loop:
    """One loop of the guide."""

    index: int
    loop_id: str
    name: str
    parent: int  # -1 for the interchange
    usage: str
    position: int
    repeat: int
    depth: int


@dataclass(frozen=True, eq=False)  # each is made once, so being the same one is being equal
class Guide:
    """Loops and segments of one implementation guide, in the order of the guide.

    A transaction set is a header and, behind it, loops 2000: its units (members of an 834).
    """

    version: str
    functional_identifier: str  # GS01
    set_identifier: str  # ST01
    loops: tuple[Loop, ...]
    segments: tuple[Segment, ...]

    @cached_property
    def unit_id(self) -> str:
        """Id of the segment that begins each loop 2000: INS in the 834."""
        unit = self.loop_named("2000").index
        return next(s.segment_id for s in self.segments if s.loop == unit and s.opens_loop)

    @cached_property
    def told_apart(self) -> frozenset[str]:
        """Ids that stand for more than one segment of the guide, told apart by element 1."""
        ids = [s.segment_id for s in self.segments if s.qualifiers is not None]
        return frozenset(name for name in ids if ids.count(name) > 1)

    def loop_named(self, loop_id: str) -> Loop:
        """The loop of that id."""
        return next(loop for loop in self.loops if loop.loop_id == loop_id)

    def segments_of(self, loop_id: str, segment_id: str) -> tuple[Segment, ...]:
        """The segments of that id in that loop, in the order of the guide."""
        loop = self.loop_named(loop_id).index
        return tuple(s for s in self.segments if s.loop == loop and s.segment_id == segment_id)

    def children(self, loop: int) -> Iterator[Loop]:
        """The loops directly inside a loop."""
        return (inner for inner in self.loops if inner.parent == loop)


def _map(name: str) -> ET.Element:
    return ET.fromstring(files("pyx12").joinpath("map", name).read_bytes())  # noqa: S314, our own package


@cache
def data_elements() -> dict[str, tuple[str, int, int]]:
    """Type, shortest and longest length of each X12 data element."""
    return {
        row.attrib["ele_num"]: (
            row.attrib["data_type"],
            int(row.attrib["min_len"]),
            int(row.attrib["max_len"]),
        )
        for row in _map("dataele.xml").iter("data_ele")
    }


@cache
def external_codes(name: str) -> frozenset[str]:
    """The codes of an external code set that the map names (states, country)."""
    for codeset in _map("codes.xml").iter("codeset"):
        if codeset.findtext("id") == name:
            return frozenset(code.text or "" for code in codeset.iter("code"))
    return frozenset()


def _text(node: ET.Element, tag: str) -> str:
    return (node.findtext(tag) or "").strip()


def _limit(text: str) -> int:
    return UNBOUNDED if text.startswith(">") else int(text or "1")


def _element(node: ET.Element) -> Element:
    number = _text(node, "data_ele")
    data_type, shortest, longest = data_elements().get(number, ("", 0, 0))
    valid = node.find("valid_codes")
    codes: frozenset[str] | None = None
    if valid is not None:
        listed = frozenset(code.text or "" for code in valid.iter("code"))
        external = valid.get("external")
        codes = (listed | external_codes(external)) if external else (listed or None)
    return Element(
        position=int(_text(node, "seq")),
        data_element=number,
        name=_text(node, "name"),
        usage=_text(node, "usage"),
        data_type=data_type,
        min_length=shortest,
        max_length=longest,
        codes=codes,
        repeat=_limit(_text(node, "repeat")),
        components=tuple(_element(part) for part in node.findall("element")),
        relations=_RELATIONS_WITHIN.get(number, ()),
    )


def qualifiers_of(elements: tuple[Element, ...]) -> frozenset[str] | None:
    """The codes of element 1 by which a segment is told from others of its id."""
    first = elements[0]
    is_code = first.data_type == "ID" and first.usage == "R"
    return first.codes if is_code else None


class _Compiler:
    """Walks a map once and collects its rows."""

    def __init__(self) -> None:
        self.loops: list[Loop] = []
        self.segments: list[Segment] = []

    def loop(self, node: ET.Element, parent: int, depth: int) -> None:
        index = len(self.loops)
        self.loops.append(
            Loop(
                index=index,
                loop_id=node.attrib["xid"],
                name=_text(node, "name"),
                parent=parent,
                usage=_text(node, "usage"),
                position=_PLACED_ANEW.get(node.attrib["xid"], int(_text(node, "pos"))),
                repeat=_limit(_text(node, "repeat")),
                depth=depth,
            )
        )
        first = node.attrib["xid"] not in WRAPPERS
        for child in node:
            if child.tag == "segment":
                self.segment(child, index, opens_loop=first)
                first = False
            elif child.tag == "loop":
                self.loop(child, index, depth + 1)

    def segment(self, node: ET.Element, loop: int, *, opens_loop: bool) -> None:
        segment_id = node.attrib["xid"]
        elements = tuple(_element(part) for part in node if part.tag in ("element", "composite"))
        self.segments.append(
            Segment(
                index=len(self.segments),
                segment_id=segment_id,
                loop=loop,
                name=_text(node, "name"),
                usage="R" if segment_id in CLOSES_LOOP else _text(node, "usage"),
                position=int(_text(node, "pos")),
                max_use=_limit(_text(node, "max_use")),
                opens_loop=opens_loop,
                qualifiers=qualifiers_of(elements),
                elements=elements,
                relations=tuple((note.text or "").strip() for note in node.findall("syntax")),
            )
        )


@cache
def load_guide() -> Guide:
    """The guide 005010X220A1: 26 loops, 81 segments. Source: pyx12, 834.5010.X220.A1.xml."""
    compiler = _Compiler()
    compiler.loop(_map("834.5010.X220.A1.xml").findall("loop")[0], parent=-1, depth=0)
    return Guide(ENROLLMENT, "BE", "834", tuple(compiler.loops), tuple(compiler.segments))


@cache
def known_segment_ids() -> frozenset[str]:
    """Every segment id that the maps know, of any guide: tells IK304 code 6 from code 1."""
    folder = files("pyx12").joinpath("map")
    names = [path.name for path in folder.iterdir() if path.name[:3].isdigit()]
    found = {
        segment.attrib["xid"]
        for name in names
        if name.endswith(".xml")
        for segment in _map(name).iter("segment")
        if "xid" in segment.attrib
    }
    return frozenset(found)
