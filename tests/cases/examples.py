"""The examples that stand in the rows of the rules, as the bytes of a file.

`BASES` are the good contents that examples edit; the form of an example is described at
`schemas.catalog.Example`.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from schemas.limits import load_limits
from schemas.partners import load_partner, load_partners
from schemas.rule_sets import load_rulebook
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
from tests.cases.ffe import FFE, STATES
from tests.cases.ours import OURS
from tests.cases.payments import payments
from validators.check import Terms

_ONE = Set((*HEADER, *MEMBER))
_OTHER = replace(_ONE, number="0902")
BASES = {
    name: tuple(segment for interchange in interchanges for segment in interchange.segments())
    for name, interchanges in {
        "member": (enrollment(),),
        "everything": (everything(),),
        "family": (enrollment(MEMBER, DEPENDENT, DEPENDENT),),
        "two-sets": (Interchange((Group((_ONE, _OTHER)),)),),
        "two-groups": (Interchange((Group((_ONE,)), Group((_ONE,), number="902"))),),
        "two-interchanges": (
            enrollment(),
            Interchange((Group((_ONE,), number="902"),)).with_isa(13, "000000902"),
        ),
        "payments": (payments(),),
        **FFE,
        **STATES,
        **OURS,
    }.items()
}
PARTNER_OF = {  # whose file a base is, by how its name begins
    "ffe": "harbor-light-nc",
    "our": "harbor-light-nc",
    "georgia": "peachtree-ga",
    "dc": "potomac-dc",
}
_TIMES = re.compile(r"(\d+) x (.*)")
_FILE = re.compile(r"\{file(?::([a-z0-9-]+))?\}")


def contents(example):
    """The bad and the good content of an example."""
    base = BASES[example.base]
    return _content(base, example.bad), _content(base, example.good)


def terms(rule, rulebook=None):
    """Under which terms the example of a rule is checked, by the program's rulebook or another."""
    example = rule.example
    partner = load_partner(example.partner) if example.partner else None
    others = {known.trading_partner_id for known in load_partners().values() if known != partner}
    return Terms(
        partner=partner,
        day=example.day,
        direction=rule.direction,
        other_receivers=frozenset(others),
        limits=replace(load_limits(), **example.limits),
        rulebook=rulebook or load_rulebook(),
    )


def complaints(reader, rule, rulebook=None):
    """What does not hold of the examples of a rule, as sentences; the reader checks contents."""
    bad, good = contents(rule.example)
    if bad == good:
        return ["the good example is the bad one"]
    under = terms(rule, rulebook)
    verdict = reader.verdict(bad, under)
    by_itself = verdict if rule.example.alone else reader.verdict(bad, _only(rule, under))
    return [
        *_about_bad(rule, bad, verdict),
        *_about_outcome(rule, by_itself),
        *_about_good(rule, reader.rules(good, under)),
    ]


def _only(rule, under):
    """The terms with a rulebook that has one rule, if it has it."""
    rules = {name: row for name, row in under.rulebook.rules.items() if name == rule.id}
    return replace(under, rulebook=replace(under.rulebook, rules=rules))


def _about_bad(rule, content, verdict):
    example = rule.example
    issues = verdict.issues.to_pylist()
    broken = [issue for issue in issues if issue["rule"] == rule.id]
    if not broken:
        yield "the bad example does not break the rule"
        return
    if example.alone and len(issues) > 1:
        yield f"the bad example breaks {[issue['rule'] for issue in issues]}"
    shown = content[broken[0]["byte_start"] : broken[0]["byte_end"]].decode("latin-1")
    if example.shown not in (None, shown) and not shown.startswith(f"{example.shown}*"):
        yield f"the issue is about {shown!r}"


def _about_outcome(rule, verdict):
    if rule.example.outcome != outcome(verdict):
        yield f'its row must say outcome = "{outcome(verdict)}"'


def _about_good(rule, broken):
    if rule.id in broken or (rule.example.alone and broken):
        yield f"the good example breaks {broken}"


def outcome(verdict):
    """What becomes of the outermost part of a file that is not accepted as a whole."""
    if verdict.file_verdict == "unreadable":
        return "unreadable"
    if "R" in verdict.interchange_verdicts["ta1_code"].to_pylist():
        return "interchange rejected"
    groups = verdict.group_verdicts.select(["ack", "codes"]).to_pylist()
    if any(group["ack"] == "R" and group["codes"] for group in groups):
        return "group rejected"
    if "R" in verdict.set_verdicts["ack"].to_pylist():
        return "set rejected"
    if "rejected" in verdict.dispositions["state"].to_pylist():
        return "member rejected"
    return verdict.file_verdict.replace("_", " ")


def _content(base, recipe):
    return edited(base, recipe) if isinstance(recipe, Mapping) else whole(base, recipe)


def whole(base, text):
    """The bytes of a text in which {file} is the base, {file:utf-16} the same in that encoding."""
    pieces = _FILE.split(text)  # every second one is an encoding
    parts = [pieces[0].encode("latin-1")]
    for encoding, after in zip(pieces[1::2], pieces[2::2], strict=True):
        parts += [written(base).encode(encoding or "latin-1"), after.encode("latin-1")]
    return b"".join(parts)


def written(segments):
    """Segments as a text with the usual terminator."""
    return "".join(f"{segment}~" for segment in segments)


def edited(base, edits):
    """The bytes of some segments, with segments and texts in the place of others."""
    segments = list(base)
    for beginning, new in edits.items():
        if not isinstance(new, str):
            segments[_span(segments, beginning)] = [one for part in new for one in _times(part)]
    if not any(beginning.startswith("SE") for beginning in edits):
        segments = list(_counted(segments))
    text = written(segments)
    for old, new in edits.items():
        if isinstance(new, str):
            assert old in text, old
            text = text.replace(old, new)
    return text.encode("latin-1")


def _span(segments, beginning):
    """The place of the first segment that begins so; `A...B`: from the first A to the next B."""
    first, _, last = beginning.partition("...")
    begin = next(i for i, segment in enumerate(segments) if segment.startswith(first))
    behind = enumerate(segments[begin:], begin + 1)
    return slice(begin, next(i for i, segment in behind if segment.startswith(last or first)))


def _times(segment):
    counted = _TIMES.fullmatch(segment)
    return [counted[2]] * int(counted[1]) if counted else [segment]


def _counted(segments):
    """The segments, in each SE the count from its ST on."""
    begin = 0
    for place, segment in enumerate(segments):
        if segment.startswith("ST*"):
            begin = place
        is_end = segment.startswith("SE*")
        yield f"SE*{place - begin + 1}*{segment.split('*')[2]}" if is_end else segment
