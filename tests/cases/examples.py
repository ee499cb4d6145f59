"""The examples that stand in the rows of the rules, as the bytes of a file.

`BASES` are the good contents that examples edit; the form of an example is described at
`schemas.catalog.Example`.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from schemas.limits import load_limits
from schemas.partners import load_partner
from tests.cases.enrollment import (
    DEPENDENT,
    HEADER,
    MEMBER,
    Group,
    Interchange,
    Set,
    enrollment,
    everything,
)
from validators.check import Terms

_BODY = (*HEADER, *MEMBER)
BASES = {
    "member": enrollment(),
    "everything": everything(),
    "family": enrollment(MEMBER, DEPENDENT, DEPENDENT),
    "two-sets": Interchange((Group((Set(_BODY), Set(_BODY, number="0902"))),)),
    "two-groups": Interchange((Group((Set(_BODY),)), Group((Set(_BODY),), number="902"))),
}
_TIMES = re.compile(r"(\d+) x (.*)")
_FILE = re.compile(r"\{file(?::([a-z0-9-]+))?\}")


def contents(example):
    """The bad and the good content of an example."""
    base = BASES[example.base]
    return _content(base, example.bad), _content(base, example.good)


def terms(example):
    """Under which terms an example is checked."""
    partner = load_partner(example.partner) if example.partner else None
    return Terms(partner=partner, limits=replace(load_limits(), **example.limits))


def _content(base, recipe):
    return edited(base, recipe) if isinstance(recipe, Mapping) else _whole(base, recipe)


def _whole(base, text):
    """A text with the base in it: every second piece is the encoding of one."""
    pieces = _FILE.split(text)
    parts = [pieces[0].encode("latin-1")]
    for encoding, after in zip(pieces[1::2], pieces[2::2], strict=True):
        parts += [base.text().encode(encoding or "latin-1"), after.encode("latin-1")]
    return b"".join(parts)


def edited(base, edits):
    """A content with segments and texts in the place of others."""
    segments = list(base.segments())
    written = []
    for beginning, new in edits.items():
        if not isinstance(new, str):
            place = next(i for i, s in enumerate(segments) if s.startswith(beginning))
            segments[place : place + 1] = [one for segment in new for one in _times(segment)]
            written += new
    if not any(segment.startswith("SE*") for segment in written):
        segments = _counted(segments)
    text = "".join(f"{segment}~" for segment in segments)
    for old, new in edits.items():
        if isinstance(new, str):
            assert old in text, old
            text = text.replace(old, new)
    return text.encode("latin-1")


def _times(segment):
    counted = _TIMES.fullmatch(segment)
    return [counted[2]] * int(counted[1]) if counted else [segment]


def _counted(segments):
    """The segments with SE01 as many as stand from the last ST to the SE."""
    counted, begin = [], 0
    for place, segment in enumerate(segments):
        if segment.startswith("ST*"):
            begin = place
        if segment.startswith("SE*"):
            segment = f"SE*{place - begin + 1}*{segment.split('*')[2]}"
        counted.append(segment)
    return counted
