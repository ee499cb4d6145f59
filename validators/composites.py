"""SNIP 1 and 2: components and repetitions.

The texts of composites are few (races, Medicare codes), so each distinct one is judged once. In a
plain element a component separator is a fault.
"""

from collections.abc import Iterable
from functools import cache, partial

import numpy as np

from parsers.segments import Ints, Segments
from schemas.guide import Element
from validators.element_table import Values, element_kinds
from validators.issues import Findings


def find_composite_faults(findings: Findings, values: Values) -> None:
    """Components and repetitions that are wrong, too many, or where none may be."""
    composite = element_kinds().is_composite[values.kind]
    holding = values.holding(_separator_places(values.segments))
    _find_in_plain(findings, values, holding[~composite[holding]])
    at = np.flatnonzero(composite).astype(np.int64)
    separators = _separators(values.segments)
    for kind in np.unique(values.kind[at]).tolist():
        same = at[values.kind[at] == kind]
        judge = partial(_judge, kind, separators)
        faulty = values.judge_texts(same, judge)
        for place, text in zip(faulty.tolist(), values.texts(faulty).to_pylist(), strict=True):
            for rule in judge(text):
                values.report(findings, rule, np.array([place]))


def _find_in_plain(findings: Findings, values: Values, at: Ints) -> None:
    elements = element_kinds().elements
    component, repetition = _separators(values.segments)
    for place, text in zip(at.tolist(), values.texts(at).to_pylist(), strict=True):
        element = elements[values.kind[place]]
        if component in text:
            values.report(findings, "components-too-many", np.array([place]))
        elif element is not None and text.count(repetition) >= element.repeat:
            values.report(findings, "repetitions-too-many", np.array([place]))


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


@cache
def _judge(kind: int, separators: tuple[str, str], text: str) -> tuple[str, ...]:
    """Rules that a composite breaks, over all its repetitions."""
    element = element_kinds().elements[kind]
    assert element is not None
    component, repetition = separators
    repetitions = text.split(repetition)
    faults = []
    if len(repetitions) > element.repeat:
        faults.append("repetitions-too-many")
    for value in repetitions:
        parts = value.split(component)
        if len(parts) > len(element.components):
            faults.append("components-too-many")
        for expected, part in zip(element.components, parts, strict=False):
            faults.extend(_judge_component(expected, part))
        faults.extend(
            "element-missing"
            for expected in element.components[len(parts) :]
            if expected.usage == "R" and value
        )
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
        yield "element-code-invalid"
