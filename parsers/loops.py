"""Which segment of the guide each segment of a file is.

The guide is compiled into one transition table: from a segment of the guide, a symbol (a segment
id, with its qualifier where that tells segments apart) leads to the next segment of the guide, or
nowhere. All transaction set headers and members of a stretch then walk the table in step: the
k-th segment of every one of them is placed by one gather. A segment that has no place leaves its
walker where it was, and the next unit (INS in an 834) starts clean, so one error does not hide what
follows.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.segments import Flags, Ints, Segments
from parsers.shapes import Lanes, find_exemplars, rows_of_lanes
from schemas.guide import WRAPPERS, Guide, Loop, Segment

UNEXPECTED = -1  # the guide has no place for it after what came before
OUT_OF_SEQUENCE = -2  # its place in the guide has been passed
ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA", "TA1"})
_QUALIFIER_MASK = 0xFFFFFFFF
_MARK_SHIFT, _ID_SHIFT = 32, 33
_FEW_WALKERS = 24  # below this, plain Python steps are cheaper than NumPy calls

Nodes = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Automaton:
    """The guide as a transition table.

    `table[state * symbol_count + symbol]` is the next segment of the guide, or one of the negative
    numbers above. Symbols are numbered by `symbols`: (segment id, qualifier) with an empty
    qualifier for ids that need none, and `None` for a qualifier that the guide does not know.
    """

    guide: Guide
    symbols: dict[tuple[str, str | None], int]
    discriminating: frozenset[str]
    table: Nodes
    fits: Flags  # [segment of the guide * symbol_count + symbol]: its qualifier is one of these

    @property
    def symbol_count(self) -> int:
        """Number of symbols."""
        return len(self.symbols)

    def symbol(self, segment_id: str, qualifier: str) -> int:
        """The symbol of a segment; 0 for an id that the guide does not have."""
        if segment_id in self.discriminating:
            known = self.symbols.get((segment_id, qualifier))
            return self.symbols[segment_id, None] if known is None else known
        return self.symbols.get((segment_id, ""), 0)


class _Compiler:
    """Answers, for the compilation only, where a symbol leads from a place in the guide."""

    def __init__(self, guide: Guide) -> None:
        self.guide = guide
        self.opener = {s.loop: s for s in guide.segments if s.opens_loop}
        self.candidates = {loop.index: self._candidates(loop) for loop in guide.loops}

    def _candidates(self, loop: Loop) -> list[tuple[int, Segment]]:
        """Segments that may come next inside a loop, with their position in it."""
        inner = [
            (s.position, s)
            for s in self.guide.segments
            if s.loop == loop.index and not s.opens_loop
        ]
        inner += [
            (child.position, self.opener[child.index])
            for child in self.guide.children(loop.index)
            if child.loop_id not in WRAPPERS
        ]
        return sorted(inner, key=lambda row: (row[0], row[1].index))

    def chain(self, state: Segment) -> list[tuple[Loop, int]]:
        """The loops around a segment, innermost first, each with the position reached in it."""
        loop = self.guide.loops[state.loop]
        position = state.position
        around = [(loop, position)]
        while loop.loop_id != "2000" and loop.loop_id not in WRAPPERS:
            position = loop.position
            loop = self.guide.loops[loop.parent]
            around.append((loop, position))
        return around

    def next_state(self, state: Segment, segment_id: str, qualifier: str | None) -> int:
        chain = self.chain(state)
        exact = self._search(chain, segment_id, qualifier, ahead=True)
        if exact is not None:
            return exact.index
        by_id = self._search_id(chain, segment_id)
        if by_id is not None:
            return by_id.index
        passed = self._search(chain, segment_id, qualifier, ahead=False)
        return UNEXPECTED if passed is None else OUT_OF_SEQUENCE

    def _search(
        self, chain: list[tuple[Loop, int]], segment_id: str, qualifier: str | None, *, ahead: bool
    ) -> Segment | None:
        for loop, reached in chain:
            for position, segment in self.candidates[loop.index]:
                if (
                    (position >= reached) == ahead
                    and segment.segment_id == segment_id
                    and _accepts(segment, qualifier)
                ):
                    return segment
        return None

    def _search_id(self, chain: list[tuple[Loop, int]], segment_id: str) -> Segment | None:
        """Where the id alone would fit: the code list of element 1 then reports the qualifier.

        A loop is opened this way only ahead of what was reached: a second NM1 with an unknown
        qualifier is an unexpected segment, not a repeated loop.
        """
        for loop, reached in chain:
            fits = [
                segment
                for position, segment in self.candidates[loop.index]
                if segment.segment_id == segment_id
                and (position > reached if segment.opens_loop else position >= reached)
            ]
            if fits:
                openers = [segment for segment in fits if segment.opens_loop]
                return openers[0] if openers else fits[-1]
        return None


def _accepts(segment: Segment, qualifier: str | None) -> bool:
    """Whether a symbol's qualifier fits; ids that need no qualifier have symbols with none."""
    if segment.qualifiers is None or qualifier == "":
        return True
    return qualifier in segment.qualifiers


@cache
def load_automaton(guide: Guide) -> Automaton:
    """The automaton of a guide, compiled once (of the 834's: about 75 states, 170 symbols)."""
    inner = tuple(s for s in guide.segments if s.segment_id not in ENVELOPE)
    discriminating = guide.told_apart
    symbols: dict[tuple[str, str | None], int] = {("", ""): 0}
    for segment in inner:
        told_apart = segment.segment_id in discriminating
        qualifiers = [*sorted(segment.qualifiers or ()), None] if told_apart else [""]
        for known in qualifiers:
            symbols.setdefault((segment.segment_id, known), len(symbols))
    compiler = _Compiler(guide)
    table = np.full((len(guide.segments), len(symbols)), UNEXPECTED, dtype=np.int16)
    fits = np.zeros((len(guide.segments), len(symbols)), dtype=np.bool_)
    for state in (*inner, _header_start(guide)):
        for (segment_id, qualifier), symbol in symbols.items():
            if symbol:
                place = compiler.next_state(_as_header_state(guide, state), segment_id, qualifier)
                table[state.index, symbol] = place
            fits[state.index, symbol] = _accepts(state, qualifier)
    return Automaton(guide, symbols, discriminating, table.reshape(-1), fits.reshape(-1))


def _header_start(guide: Guide) -> Segment:
    return next(s for s in guide.segments if s.segment_id == "ST")


def _as_header_state(guide: Guide, state: Segment) -> Segment:
    """ST as a place before everything in HEADER, so that a set's header starts there."""
    if state.segment_id != "ST":
        return state
    header = guide.loop_named("HEADER").index
    return Segment(state.index, "ST", header, "", "R", 0, 1, False, None, (), ())


@dataclass(frozen=True)
class Placement:
    """The place in the guide of each segment of a stretch.

    `nodes` holds the index of a segment of the guide, or UNEXPECTED or OUT_OF_SEQUENCE. Segments
    of the envelope have their own node; `is_envelope` marks them. `lanes` are the headers and
    members; `exemplar_of` gives, for each, the one that stands for its shape.
    """

    guide: Guide
    nodes: Nodes
    is_envelope: Flags
    has_strange_qualifier: Flags  # placed by its id alone: the guide has no such qualifier there
    lanes: Lanes
    exemplar_of: Ints

    @property
    def lane_starts(self) -> Ints:
        """First row of each header or member."""
        return self.lanes.starts

    @property
    def lane_of(self) -> Ints:
        """Per segment: the header or member that it belongs to, -1 outside."""
        return self.lanes.lane_of

    @cached_property
    def is_exemplar(self) -> Flags:
        """Per header or member: whether it stands for its shape."""
        found: Flags = self.exemplar_of == np.arange(len(self.exemplar_of))
        return found

    @cached_property
    def exemplar_rows(self) -> Ints:
        """Rows of the headers and members that stand for their shapes."""
        return rows_of_lanes(self.lanes, self.is_exemplar)


def _envelope_nodes(guide: Guide, segments: Segments) -> tuple[Nodes, Flags]:
    names, index = segments.id_index
    place = {s.segment_id: s.index for s in guide.segments if s.segment_id in ENVELOPE}
    by_name = np.array([place.get(name, UNEXPECTED) for name in names], dtype=np.int16)
    nodes: Nodes = by_name[index] if len(names) else np.zeros(0, np.int16)
    return nodes, nodes >= 0


def _symbols(segments: Segments, automaton: Automaton) -> npt.NDArray[np.int32]:
    """The symbol of each segment; only distinct (id, qualifier) pairs are looked at one by one.

    Segments of the envelope have none: 0.
    """
    names, index = segments.id_index
    told_apart = np.array([name in automaton.discriminating for name in names], dtype=np.bool_)
    asked = np.flatnonzero(told_apart[index] & (segments.token_count > 1))
    qualifiers = segments.token_keys(segments.first_token[asked] + 1)
    # Qualifiers of the guide have at most 4 bytes; a longer one gets a mark and is no known one.
    is_long = (qualifiers > np.uint64(_QUALIFIER_MASK)).astype(np.uint64)
    packed = index.astype(np.uint64) << np.uint64(_ID_SHIFT)
    packed[asked] |= (qualifiers & np.uint64(_QUALIFIER_MASK)) | (is_long << np.uint64(_MARK_SHIFT))
    encoded = pa.array(packed).dictionary_encode()
    numbers = np.array(
        [_symbol_of(value, names, automaton) for value in encoded.dictionary.to_pylist()],
        dtype=np.int32,
    )
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    placed: npt.NDArray[np.int32] = numbers[indices] if len(numbers) else indices
    return placed


def _symbol_of(packed: int, names: list[str], automaton: Automaton) -> int:
    name = names[packed >> _ID_SHIFT]
    if packed >> _MARK_SHIFT & 1:
        return automaton.symbol(name, "\0")
    qualifier = (packed & _QUALIFIER_MASK).to_bytes(4, "little").rstrip(b"\0").decode("latin-1")
    return automaton.symbol(name, qualifier)


def place_segments(segments: Segments, open_lane: bool, guide: Guide) -> Placement:
    """The place in the guide of every segment.

    `open_lane` tells that the stretch continues a transaction set: its first segment is an INS, or
    what begins a loop 2000 in that guide.
    """
    automaton = load_automaton(guide)
    nodes, is_envelope = _envelope_nodes(automaton.guide, segments)
    is_unit = segments.has_id(guide.unit_id)
    is_st = segments.has_id("ST")
    in_set = _inside_sets(is_envelope, is_st, open_lane)
    opens = is_st | (is_unit & in_set)
    lane_of = np.where(in_set, np.cumsum(opens) - 1, -1)
    lanes = Lanes(np.flatnonzero(opens).astype(np.int64, copy=False), lane_of)
    symbols = _symbols(segments, automaton)
    unit_node = guide.segments_of("2000", guide.unit_id)[0].index
    nodes[np.flatnonzero(is_unit & in_set)] = unit_node
    exemplar_of = find_exemplars(segments, symbols, lanes, guide)
    none_yet = np.zeros(len(segments), np.bool_)
    placement = Placement(guide, nodes, is_envelope, none_yet, lanes, exemplar_of)
    if len(lanes.starts):
        _place_exemplars(placement, symbols, automaton)
        _place_others(placement)
    return placement


def _place_exemplars(
    placement: Placement, symbols: npt.NDArray[np.int32], automaton: Automaton
) -> None:
    """Places the segments of one lane of each shape."""
    lanes, nodes = placement.lanes, placement.nodes
    chosen = placement.is_exemplar
    _walk(nodes, symbols, lanes.starts[chosen], lanes.lengths[chosen], automaton)
    rows = placement.exemplar_rows
    rows = rows[(nodes[rows] >= 0) & ~placement.is_envelope[rows]]
    fits = automaton.fits[nodes[rows].astype(np.int64) * automaton.symbol_count + symbols[rows]]
    placement.has_strange_qualifier[rows] = ~fits


def _place_others(placement: Placement) -> None:
    """Gives each segment the place that it has in the exemplar of its lane."""
    lanes = placement.lanes
    rows = lanes.rows
    distance = lanes.starts[placement.exemplar_of] - lanes.starts
    alike = rows + distance[lanes.lane_of[rows]]
    placement.nodes[rows] = placement.nodes[alike]
    placement.has_strange_qualifier[rows] = placement.has_strange_qualifier[alike]


def _inside_sets(is_envelope: Flags, is_st: Flags, open_lane: bool) -> Flags:
    """Whether each segment stands between ST (included) and the next segment of the envelope."""
    last = np.where(is_envelope, np.arange(1, len(is_st) + 1), 0)
    last = np.maximum.accumulate(last)
    inside: Flags = np.where(last > 0, is_st[np.maximum(last - 1, 0)], open_lane)
    return inside


def _walk(
    nodes: Nodes,
    symbols: npt.NDArray[np.int32],
    lane_starts: Ints,
    lengths: Ints,
    automaton: Automaton,
) -> None:
    """Places the segments of all lanes, in step; the longest lanes stand first."""
    order = np.argsort(-lengths, kind="stable")
    starts = lane_starts[order]
    lengths = lengths[order]
    states = nodes[starts].astype(np.int64)
    table, width = automaton.table, automaton.symbol_count
    step = 1
    while True:
        walkers = int(np.searchsorted(-lengths, -step, side="left"))
        if walkers < _FEW_WALKERS:
            break
        rows = starts[:walkers] + step
        reached = table[states[:walkers] * width + symbols[rows]]
        nodes[rows] = reached
        states[:walkers] = np.where(reached >= 0, reached, states[:walkers])
        step += 1
    for lane in range(walkers):
        begin = int(starts[lane])
        _walk_one(
            nodes, symbols, (begin + step, begin + int(lengths[lane])), int(states[lane]), automaton
        )


def _walk_one(
    nodes: Nodes,
    symbols: npt.NDArray[np.int32],
    span: tuple[int, int],
    state: int,
    automaton: Automaton,
) -> None:
    table, width = automaton.table, automaton.symbol_count
    reached = []
    for symbol in symbols[slice(*span)].tolist():
        node = int(table[state * width + symbol])
        reached.append(node)
        if node >= 0:
            state = node
    nodes[slice(*span)] = reached
