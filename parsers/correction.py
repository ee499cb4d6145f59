"""One transaction set of a file as a file of its own, with single elements otherwise.

The bytes of the set are those that came, but for the elements that a person sets; the envelope
around it is that of its interchange and group, counted for one set. The original stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import Terminal

_ISA_BYTES = 106
# Their places in ISA.
_ELEMENT_SEPARATOR, _REPETITION_SEPARATOR, _COMPONENT_SEPARATOR, _TERMINATOR = 3, 82, 104, 105


@dataclass(frozen=True)
class Edit:
    """What one element is to be; an empty value takes it out. Ordinals count from 1 (ST).

    With a component or a repetition only that is set; of a component, in the first repetition
    unless another one is named.
    """

    segment_ordinal: int
    element: int
    value: str
    component: int | None = None
    repetition: int | None = None


@dataclass(frozen=True)
class _Separators:
    element: bytes
    component: bytes
    repetition: bytes | None  # None where ISA11 separates nothing
    segment: bytes

    @property
    def all(self) -> tuple[bytes, ...]:
        known = (self.element, self.component, self.repetition, self.segment)
        return tuple(one for one in known if one is not None)


@dataclass(frozen=True)
class SetPlace:
    """Where a set and its envelope stand in a file: bytes, the ends not included."""

    isa_start: int
    gs_start: int
    segments: Mapping[int, tuple[int, int]]  # by segment ordinal


def corrected(content: bytes, place: SetPlace, edits: Sequence[Edit]) -> bytes:
    """The derived file. Raises Terminal when an edit names no segment, or holds a delimiter."""
    isa = content[place.isa_start : place.isa_start + _ISA_BYTES]
    separators = _separators(isa)
    separator, end = separators.element, separators.segment
    gs = content[place.gs_start : content.index(end, place.gs_start)]
    of_segment: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits:
        if edit.segment_ordinal not in place.segments:
            raise Terminal(f"The transaction set has no segment {edit.segment_ordinal}.")
        _require_plain(edit, separators.all)
        of_segment[edit.segment_ordinal].append(edit)
    body = [
        _edited(content[start:stop], of_segment[ordinal], separators)
        for ordinal, (start, stop) in sorted(place.segments.items())
    ]
    group_number = gs.split(separator)[6:7]
    ends = (
        separator.join([b"GE", b"1", *group_number]),
        separator.join([b"IEA", b"1", isa.split(separator)[13]]),
    )
    return end.join([isa[:-1], gs, *body, *ends, b""])


def segments_of(derived: bytes) -> list[bytes]:
    """The segments of the one set of a derived file, from ST to SE."""
    return derived.split(_separators(derived[:_ISA_BYTES]).segment)[2:-3]


def _require_plain(edit: Edit, delimiters: Iterable[bytes]) -> None:
    if any(one.decode("latin-1") in edit.value for one in delimiters):
        raise Terminal(
            f"The new value of element {edit.element} in segment {edit.segment_ordinal} holds a "
            "delimiter of the file. Leave it out."
        )


def _separators(isa: bytes) -> _Separators:
    separator, component, end = (
        isa[at : at + 1] for at in (_ELEMENT_SEPARATOR, _COMPONENT_SEPARATOR, _TERMINATOR)
    )
    repetition = isa[_REPETITION_SEPARATOR : _REPETITION_SEPARATOR + 1]
    separates = not repetition.isalnum() and repetition not in (separator, component, end)
    return _Separators(separator, component, repetition if separates else None, end)


def _edited(segment: bytes, edits: Sequence[Edit], separators: _Separators) -> bytes:
    separator = separators.element
    elements = segment.split(separator)
    for edit in edits:
        elements += [b""] * (edit.element + 1 - len(elements))
        elements[edit.element] = _set(elements[edit.element], edit, separators)
    # Only now, so that each edit finds the repetitions by the numbers that they came with.
    for number in {edit.element for edit in edits}:
        elements[number] = _without_emptied(elements[number], number, edits, separators)
    return separator.join(elements).rstrip(separator) if edits else segment


def _set(old: bytes, edit: Edit, separators: _Separators) -> bytes:
    """The element with what an edit names of it otherwise."""
    value = edit.value.encode("utf-8")
    if edit.component is None and edit.repetition is None:
        return value
    repeated = _repetitions(old, separators)
    place = (edit.repetition or 1) - 1
    if place >= len(repeated):
        raise Terminal(
            f"Element {edit.element} in segment {edit.segment_ordinal} has no repetition "
            f"{edit.repetition}."
        )
    if edit.component is not None:
        value = _in_place(repeated[place], separators.component, edit.component, value)
    repeated[place] = value
    return (separators.repetition or b"").join(repeated)


def _without_emptied(
    element: bytes, number: int, edits: Sequence[Edit], separators: _Separators
) -> bytes:
    """The element without the repetitions that edits have emptied; others may be empty."""
    named = {(edit.repetition or 1) - 1 for edit in edits if edit.element == number}
    repeated = _repetitions(element, separators)
    kept = [one for place, one in enumerate(repeated) if one or place not in named]
    return (separators.repetition or b"").join(kept)


def _repetitions(element: bytes, separators: _Separators) -> list[bytes]:
    return [element] if separators.repetition is None else element.split(separators.repetition)


def _in_place(whole: bytes, separator: bytes, number: int, value: bytes) -> bytes:
    """What is separated with another part of that number; empty parts at its end are left out."""
    parts = whole.split(separator)
    parts += [b""] * (number - len(parts))
    parts[number - 1] = value
    return separator.join(parts).rstrip(separator)
