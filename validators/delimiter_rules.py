"""SNIP 1 for the delimiters that an interchange chose in its ISA. Source: X12.6, delimiters."""

from collections.abc import Iterable

import pyarrow as pa

from parsers.delimiters import Delimiters, Region
from parsers.envelope import Envelope
from validators.envelope_rules import issue, issue_table


def find_delimiter_faults(envelope: Envelope, regions: tuple[Region, ...]) -> pa.Table:
    """Issues (`tables.ISSUES`) of delimiters that cannot be told from text or from one another."""
    interchanges = envelope.interchanges.select(["byte_start", "interchange_ordinal"])
    ordinals = dict(zip(*(column.to_pylist() for column in interchanges.columns), strict=True))
    issues = []
    for region in regions:
        isa = {
            "interchange_ordinal": ordinals.get(region.byte_start),
            "byte_start": region.byte_start,
            "byte_end": region.behind_isa - 1,
        }
        issues += [issue(rule, "ISA", isa) for rule in _faults(region.delimiters)]
    return issue_table(issues)


def _faults(delimiters: Delimiters) -> Iterable[str]:
    element, component, repetition, segment = (
        delimiters.element,
        delimiters.component,
        delimiters.repetition,
        delimiters.segment,
    )
    if _is_text(element):
        yield "element-separator-invalid"
    if _is_text(segment) or segment == element:
        yield "segment-terminator-invalid"
    if _is_text(component) or component in (element, segment):
        yield "component-separator-invalid"
    # A letter in ISA11 separates nothing: it is the standards identifier of older versions.
    if repetition and (repetition == 0x20 or repetition in (element, segment, component)):
        yield "repetition-separator-invalid"


def _is_text(byte: int) -> bool:
    """Letters, digits and the blank, which stand in nearly every element."""
    return chr(byte).isalnum() or byte == 0x20
