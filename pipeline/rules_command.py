"""`edi834 rules`: the rows of the rules as sentences, for a terminal and for `docs/rules.md`."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from schemas.catalog import Edits, Example, Rule

_PLACEHOLDERS = str.maketrans("{}", "<>")  # a rule's sentence is filled in for each issue
_MARKDOWN = re.compile(r"([\\*_<>\[\]|])")
_NO_RULES = {
    6: """An 834 has no type 6. It asks whether a claim has the segments that its product or line of
service needs: ambulance, home health, anaesthesia. An 834 enrolls people and bills no service, so
its guide has no such segments. The line of insurance that it does name (HD03) is judged by the
types 2 and 4. Some vendors call individual, dental and small-group enrollment product types; what
these ask for is written in the companion guides, so here it is type 7."""
}
_SENDERS = {"answered": "answered", "silent": "not answered"}
LEVELS: dict[int | None, str] = {
    None: "Before X12: is it a file that can be read?",
    1: "SNIP type 1: integrity of the syntax",
    2: "SNIP type 2: the implementation guide",
    3: "SNIP type 3: balancing",
    4: "SNIP type 4: situations between segments",
    5: "SNIP type 5: external code sets",
    6: "SNIP type 6: product types and lines of service",
    7: "SNIP type 7: the exchange, the trading partner and the book",
}
_HEAD = """# Rules

Everything that can be said of a received file, as a rule. This page is made from the rows in
`schemas/rules/` by `make rules`; do not edit it. `edi834 rules ID` shows one rule in a terminal,
`edi834 rules --json` all of them.

A rule of severity `reject` fails what it looks at, `error` fails the member in our book, `warning`
and `info` fail nothing. *Answer* is the element of the TA1 or 999 and its code. An example edits a
good file of `tests/cases/examples.py`: the tests read it from the same row, and prove that the bad
one breaks the rule and the good one does not. `make mutate-rules` proves that no rule is there in
vain."""


_KINDS_HEAD = """What a rule of a kind finds in the rows that it looks at. `when` narrows them
down to those in which each column has one of the values. A rule of the kind `function` is a
function of its own, one of the kind `book` is decided when accepted members are applied."""


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """The rules by SNIP type, what comes before X12 first."""
    return sorted(rules, key=lambda rule: rule.snip or 0)


def answer(rule: Rule) -> str:
    """Element and code of the acknowledgement that the rule earns; empty where it earns none."""
    return f"{rule.x12_field} {rule.x12_code}" if rule.x12_field else ""


def sentence(rule: Rule) -> str:
    """What the rule says when it is broken, with <element> and the like to be filled in."""
    return rule.wording.translate(_PLACEHOLDERS)


def facts(rule: Rule) -> Iterator[tuple[str, str]]:
    """The whole row but its sentence, as pairs of a label and a text."""
    yield "What to do", rule.fix
    yield "Severity", rule.severity if rule.snip is None else f"{rule.severity}, SNIP {rule.snip}"
    if rule.x12_field:
        yield "Answer", answer(rule)
    yield "Looks at", rule.looks_at.replace("_", " ")
    yield "Decided by", _decider(rule)
    if rule.dependent_segment or rule.trigger:
        yield "The 999 names", ", ".join(filter(None, (rule.dependent_segment, rule.trigger)))
    if rule.quarantine:
        yield "The file", f"is set apart for a person; its sender is {_SENDERS[rule.quarantine]}"
    if rule.exchanges:
        way = "to " if rule.direction == "issuer_to_exchange" else ""
        yield "Exchanges", way + ", ".join(rule.exchanges)
    if rule.effective_from or rule.effective_to:
        yield "In effect", _days(rule.effective_from, rule.effective_to)
    yield "Source", rule.source
    if rule.example:
        yield "Bad example", _recipe(rule.example, rule.example.bad) + _about(rule.example)
        yield "Good example", _recipe(rule.example, rule.example.good)


def _decider(rule: Rule) -> str:
    if rule.kind == "function":
        return f"the function validators.{rule.arguments['function']}"
    arguments = (
        f"`{name} = {json.dumps(value, default=str)}`" for name, value in rule.arguments.items()
    )
    return ", ".join((f"the kind {rule.kind}", *arguments))


def _days(first: date | None, last: date | None) -> str:
    days = (f"from {first}" if first else "", f"to {last}" if last else "")
    return " ".join(day for day in days if day)


def _recipe(example: Example, recipe: Edits | str) -> str:
    base = _code(example.base)
    if not isinstance(recipe, Mapping):
        where = f", where {{file}} is {base}" if "{file" in recipe else ""
        return f"the file is {_code(recipe)}{where}"
    edits = "; ".join(_edit(old, new) for old, new in recipe.items())
    return f"{base}, where {edits}" if edits else f"{base} as it is"


def _edit(old: str, new: tuple[str, ...] | str) -> str:
    if isinstance(new, str):
        return f"{_code(old)} is {_code(new) if new else 'left out'} everywhere"
    texts = " ".join(_code(segment) for segment in new)
    return f"the segment {_code(old)} is {texts or 'left out'}"


def _about(example: Example) -> str:
    terms = [f"partner {example.partner}"] if example.partner else []
    terms += [f"on {example.day}"] if example.day else []
    terms += [f"{name} = {value}" for name, value in example.limits.items()]
    under = f" (with {', '.join(terms)})" if terms else ""
    then = f"; outcome: {example.outcome}"
    if example.shown is None:
        return under + then
    shown = _code(example.shown) if example.shown else "no bytes"
    return f"{under}; the issue is about {shown}{then}"


def _code(text: str) -> str:
    """The text in backticks, with everything that a page would not show as an escape."""
    shown = text.encode("unicode_escape").decode("ascii").replace("`", "\\x60")
    return f"`{shown}`"


def markdown(rules: Iterable[Rule]) -> str:
    """The page of the documentation with all rules, by SNIP type."""
    rules = list(rules)
    parts = [_HEAD]
    for level, title in LEVELS.items():
        chosen = [rule for rule in rules if rule.snip == level]
        parts.append(f"## {title}")
        parts.append(_NO_RULES[level] if level in _NO_RULES else _table(chosen))
        parts += [_section(rule) for rule in chosen]
    parts += ["## Kinds of rules", _KINDS_HEAD, "\n".join(_kinds())]
    return "\n\n".join(parts) + "\n"


def _table(rules: list[Rule]) -> str:
    lines = ["| rule | severity | answer | source |", "|---|---|---|---|"]
    for rule in rules:
        cells = (f"[{rule.id}](#{rule.id})", rule.severity, answer(rule), _plain(rule.source))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kinds() -> Iterator[str]:
    from validators.business.checks import KINDS

    for kind, function in KINDS.items():
        yield f"- *{kind}:* {_plain(' '.join((function.__doc__ or '').split()))}"


def _section(rule: Rule) -> str:
    lines = [f"- *{label}:* {_plain(text)}" for label, text in facts(rule)]
    return "\n".join((f"### {rule.id}", "", _plain(sentence(rule)), "", *lines))


def _plain(text: str) -> str:
    """The text, so that Markdown shows it as it is; what stands in backticks is shown as such."""
    pieces = text.split("`")
    pieces[::2] = [_MARKDOWN.sub(r"\\\1", piece) for piece in pieces[::2]]
    return "`".join(pieces)
