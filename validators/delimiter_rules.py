"""SNIP 1 for the delimiters that an interchange chose in its ISA. Source: X12.6, delimiters."""

from collections.abc import Iterable

import pyarrow as pa

from parsers.delimiters import ISA_BYTES, Delimiters, Region
from validators.envelope_rules import issue, issue_table


def find_delimiter_faults(regions: tuple[Region, ...]) -> pa.Table:
    """Issues (`tables.ISSUES`) of delimiters that cannot be told from text or from one another."""
    issues = []
    for ordinal, region in enumerate(regions, 1):
        start = region.byte_start
        isa = {
            "interchange_ordinal": ordinal,
            "byte_start": start,
            "byte_end": start + ISA_BYTES - 1,
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
