"""IK3, CTX and IK4 of one transaction set: which segment and element is wrong, and whose it is.

Source: 005010X231A1, loops 2100 and 2110.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from schemas.catalog import Rule, load_rules
from schemas.guide import load_guide

ELEMENT_ERRORS = "8"  # IK304: the segment has element errors, which IK4 names
UNKNOWN_SEGMENT = "ZZZ"  # IK301 for an identifier that is no 2-3 letters or digits
LARGEST_COUNT = 999_999  # IK302 and AK902-04 hold six digits
COMPONENT = "\0"  # stands for the component separator until the whole text is written
BUSINESS_UNIT = "SUBSCRIBER NUMBER REF02"
SITUATIONAL_TRIGGER = "SITUATIONAL TRIGGER"

# A number that the exchange assigned. Nine digits alone may be a social security number, which some
# senders put there; it is left out.
_NUMBER = re.compile(r"(?![0-9]{9}$)[A-Za-z0-9]{1,35}")

Issue = dict[str, Any]
Line = tuple[str, ...]


def set_lines(issues: Iterable[Issue]) -> Iterator[Line]:
    """One IK3 per segment and code, followed by its CTX and by an IK4 per faulty element.

    The issues of the set come by their segments, each with the `subscriber_number` of its member.
    """
    segments: dict[Line, tuple[dict[Line, None], dict[Line, None]]] = {}
    for issue in issues:
        contexts, elements = segments.setdefault(_segment_error(issue), ({}, {}))
        contexts |= dict.fromkeys(_contexts(issue))
        if issue["x12_field"] == "IK403" and issue["element"] is not None:
            elements[_element_error(issue)] = None
    for segment, (contexts, elements) in segments.items():
        yield segment
        yield from contexts
        yield from elements


def _segment_error(issue: Issue) -> Line:
    """IK3. A loop identifier is written as its first four characters, all that IK303 holds."""
    rule = _rule(issue)
    identifier = (rule and rule.dependent_segment) or issue["segment_id"] or ""
    known = 2 <= len(identifier) <= 3 and identifier.isascii() and identifier.isalnum()
    return (
        "IK3",
        identifier if known else UNKNOWN_SEGMENT,
        _position(issue),
        _loop(issue),
        issue["x12_code"] if issue["x12_field"] == "IK304" else ELEMENT_ERRORS,
    )


def _rule(issue: Issue) -> Rule | None:
    return load_rules().get(issue["rule"])


def _position(issue: Issue) -> str:
    return str(min(issue["segment_ordinal"] or 1, LARGEST_COUNT))


def _loop(issue: Issue) -> str:
    loop = (issue["loop"] or "")[:4]
    return loop if loop.isdigit() else ""


def _contexts(issue: Issue) -> Iterator[Line]:
    """CTX: the subscriber number of the member, and what made a segment necessary.

    Both may stand in either order; pyx12 counts them right in this one only.
    """
    number = issue["subscriber_number"]
    is_about_number = issue["segment_id"] == "REF" and issue["loop"] == "2000"
    if number is not None and not is_about_number and _NUMBER.fullmatch(number):
        yield ("CTX", f"{BUSINESS_UNIT}{COMPONENT}{number}")
    rule = _rule(issue)
    if rule is not None and rule.trigger is not None:
        segment, element = rule.trigger[:-2], int(rule.trigger[-2:])
        reference = _data_element(segment, element)
        place = (_position(issue), _loop(issue), str(element), reference)
        yield ("CTX", SITUATIONAL_TRIGGER, segment, *place)


@cache
def _data_element(segment_id: str, position: int) -> str:
    """The data element number of an element, as the guide has it."""
    segment = next(s for s in load_guide().segments if s.segment_id == segment_id)
    return segment.elements[position - 1].data_element or ""


def _element_error(issue: Issue) -> Line:
    """IK4, without IK404. The position holds component and repetition where there are any."""
    position = [str(issue[name] or "") for name in ("element", "component", "repetition")]
    number = issue["data_element"] or ""
    return (
        "IK4",
        COMPONENT.join(position).rstrip(COMPONENT),
        number if number.isdigit() else "",
        issue["x12_code"],
    )
