"""One transaction set of a file as a file of its own, with single elements otherwise.

The bytes of the set are those that came, but for the elements that a person sets; the envelope
around it is that of its interchange and group, counted for one set. The original stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import Terminal

_ISA_BYTES = 106
_ELEMENT_SEPARATOR, _COMPONENT_SEPARATOR, _TERMINATOR = 3, 104, 105  # their places in ISA


@dataclass(frozen=True)
class Edit:
    """What one element is to be; an empty value takes it out. Ordinals count from 1 (ST)."""

    segment_ordinal: int
    element: int
    value: str
    component: int | None = None


@dataclass(frozen=True)
class SetPlace:
    """Where a set and its envelope stand in a file: bytes, the ends not included."""

    isa_start: int
    gs_start: int
    segments: Mapping[int, tuple[int, int]]  # by segment ordinal


def corrected(content: bytes, place: SetPlace, edits: Sequence[Edit]) -> bytes:
    """The derived file. Raises Terminal when an edit names no segment, or holds a delimiter."""
    isa = content[place.isa_start : place.isa_start + _ISA_BYTES]
    separator, component, end = (
        isa[at : at + 1] for at in (_ELEMENT_SEPARATOR, _COMPONENT_SEPARATOR, _TERMINATOR)
    )
    gs = content[place.gs_start : content.index(end, place.gs_start)]
    of_segment: dict[int, list[Edit]] = defaultdict(list)
    for edit in edits:
        if edit.segment_ordinal not in place.segments:
            raise Terminal(f"The transaction set has no segment {edit.segment_ordinal}.")
        _require_plain(edit, (separator, component, end))
        of_segment[edit.segment_ordinal].append(edit)
    body = [
        _edited(content[start:stop], of_segment[ordinal], separator, component)
        for ordinal, (start, stop) in sorted(place.segments.items())
    ]
    group_number = gs.split(separator)[6:7]
    ends = (
        separator.join([b"GE", b"1", *group_number]),
        separator.join([b"IEA", b"1", isa.split(separator)[13]]),
    )
    return end.join([isa[:-1], gs, *body, *ends, b""])


def _require_plain(edit: Edit, delimiters: Iterable[bytes]) -> None:
    if any(one.decode("latin-1") in edit.value for one in delimiters):
        raise Terminal(
            f"The new value of element {edit.element} in segment {edit.segment_ordinal} holds a "
            "delimiter of the file. Leave it out."
        )


def _edited(segment: bytes, edits: Iterable[Edit], separator: bytes, component: bytes) -> bytes:
    elements = segment.split(separator)
    is_changed = False
    for edit in edits:
        is_changed = True
        elements += [b""] * (edit.element + 1 - len(elements))
        value = edit.value.encode("utf-8")
        if edit.component is not None:
            parts = elements[edit.element].split(component)
            parts += [b""] * (edit.component - len(parts))
            parts[edit.component - 1] = value
            value = component.join(parts).rstrip(component)
        elements[edit.element] = value
    return separator.join(elements).rstrip(separator) if is_changed else segment
