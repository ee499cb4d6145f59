"""SNIP 1 and 2: components and repetitions.

The texts of composites are few (races, Medicare codes), so each distinct one is judged once. In a
plain element a component separator is a fault.
"""

from collections.abc import Iterable
from functools import lru_cache, partial

import numpy as np

from parsers.segments import Ints, Segments
from schemas.guide import Element
from schemas.x12_codes import codes_of_x12
from validators.element_presence import broken_relations
from validators.element_table import Kinds, Mark, Values
from validators.issues import REPETITION, Findings

_KEPT_CHARACTERS = 200  # of a text whose judgement is kept for the next file


def find_composite_faults(findings: Findings, values: Values) -> None:
    """Components and repetitions that are wrong, too many, or where none may be."""
    at = values.marked(Mark.STRUCTURED)
    faults = _Faults()
    elsewhere = _outside(values.segments, at, _separator_places(values.segments))
    _find_in_plain(faults, values, values.holding(elsewhere))
    separators = _separators(values.segments)
    for kind in np.unique(values.kind[at]).tolist():
        same = at[values.kind[at] == kind]
        judge = partial(_judge, values.kinds, kind, separators)
        faulty = values.judge_texts(same, judge)
        for place, text in zip(
            faulty.tolist(), values.segments.texts(faulty).to_pylist(), strict=True
        ):
            for rule, component in judge(text):
                faults.add(rule, place, component)
    faults.report(findings, values)


class _Faults:
    """Faults by their rules, so that each rule is reported once for all its places."""

    def __init__(self) -> None:
        self.places: dict[str, list[tuple[int, int]]] = {}

    def add(self, rule: str, place: int, component: int = 0) -> None:
        self.places.setdefault(rule, []).append((place, component))

    def report(self, findings: Findings, values: Values) -> None:
        for rule, found in self.places.items():
            places, components = np.array(found, dtype=np.int64).T
            values.report(findings, rule, places, components)


def _find_in_plain(faults: _Faults, values: Values, at: Ints) -> None:
    component, _ = _separators(values.segments)
    for place, text in zip(at.tolist(), values.segments.texts(at).to_pylist(), strict=True):
        rule = "components-too-many" if component in text else "repetitions-too-many"
        faults.add(rule, place)


def _separators(segments: Segments) -> tuple[str, str]:
    """Component and repetition separator; the latter is a NUL where ISA11 names none."""
    return chr(segments.delimiters.component), chr(segments.delimiters.repetition)


def _separator_places(segments: Segments) -> Ints:
    """Places in `data` of component and repetition separators."""
    delimiters = segments.delimiters
    found = segments.data == delimiters.component
    if delimiters.repetition:
        found |= segments.data == delimiters.repetition
    return np.flatnonzero(found).astype(np.int64, copy=False)


def _outside(segments: Segments, tokens: Ints, places: Ints) -> Ints:
    """Those of the places, which are in order, that stand in none of the tokens."""
    begins = np.searchsorted(places, segments.starts[tokens])
    ends = np.searchsorted(places, segments.ends[tokens])
    inside = np.zeros(len(places) + 1, dtype=np.int64)
    np.add.at(inside, begins, 1)
    np.add.at(inside, ends, -1)
    outside: Ints = places[np.cumsum(inside[:-1]) == 0]
    return outside


def _judge(
    kinds: Kinds, kind: int, separators: tuple[str, str], text: str
) -> tuple[tuple[str, int], ...]:
    """Faults (rule, place within) of an element, over all its repetitions that may be there.

    The place is 0 for the whole element; where it is repeated, it tells the repetition too. Those
    above the limit are a fault in themselves, and told no further: there may be a million.
    """
    judge = _judge_kept if len(text) <= _KEPT_CHARACTERS else _judge_kept.__wrapped__
    return judge(kinds, kind, separators, text)


@lru_cache(maxsize=4096)
def _judge_kept(
    kinds: Kinds, kind: int, separators: tuple[str, str], text: str
) -> tuple[tuple[str, int], ...]:
    element = kinds.elements[kind]
    assert element is not None
    component, repetition = separators
    expected = element.components or (element,)
    repetitions = text.split(repetition, element.repeat)  # what is above the limit is the last one
    faults = [("repetitions-too-many", 0)] if len(repetitions) > element.repeat else []
    for count, value in enumerate(repetitions[: element.repeat], 1):
        whole = count * REPETITION if len(repetitions) > 1 else 0
        parts = value.split(component)
        if len(parts) > len(expected):
            faults.append(("components-too-many", whole))
        parts.extend([""] * (len(expected) - len(parts)))
        for number, (one, part) in enumerate(zip(expected, parts, strict=False), 1):
            position = whole + (number if element.components else 0)
            faults.extend((rule, position) for rule in _judge_component(one, part) if value)
        filled = sum(1 << number for number, part in enumerate(parts, 1) if part)
        broken = broken_relations(element.relations, filled)
        faults.extend((rule, whole + number) for rule, number in broken)
    return tuple(dict.fromkeys(faults))


def _judge_component(expected: Element, part: str) -> Iterable[str]:
    if not part:
        if expected.usage == "R":
            yield "element-missing"
    elif expected.usage == "N":
        yield "element-not-used"
    elif len(part) < expected.min_length:
        yield "element-too-short"
    elif len(part) > expected.max_length:
        yield "element-too-long"
    elif expected.codes is not None and part not in expected.codes:
        is_known = part in codes_of_x12(expected.data_element)
        yield "code-not-in-guide" if is_known else "element-code-invalid"
