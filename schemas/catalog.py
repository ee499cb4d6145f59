"""The rules as rows: what each one looks at and says, how severe it is, its X12 code, its source.

The checks, the 999, the error report, the terminal and the documentation all read the same row. Its
good and bad example are read by the tests.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas.errors import Terminal

Severity = Literal["reject", "error", "warning", "info"]
Envelope = Literal["file", "interchange", "group", "set"]
Content = Literal["set_header", "segment", "element", "member", "coverage", "reporting_category"]
Whole = Literal["household", "batch", "book"]
Direction = Literal["exchange_to_issuer", "issuer_to_exchange"]
# What becomes of the outermost part of a file that is not accepted as a whole.
Outcome = Literal[
    "unreadable",
    "interchange rejected",
    "group rejected",
    "set rejected",
    "member rejected",
    "partially accepted",
    "accepted with errors",
    "accepted",
]
# Segments that stand in the place of the one that begins so, or text in the place of a text.
Edits = Mapping[str, tuple[str, ...] | str]
# In the folder of the rules, with rows of another form.
OTHER_FILES = ("business_acknowledgements.toml", "pre_audit.toml", "reconciliation.toml")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Example(_Row):
    """A content that breaks the rule, and one that comes near it and does not.

    Both are a good content of `tests/cases/`, edited. An edit names the beginning of a segment and
    the segments that stand in its place (none: it is left out; `"9 x N3*A"`: nine of them;
    `LS...LE`: in the place of all from the first one to the other), or a text and the text that
    stands in its place wherever it is found. Segments are counted again for SE01 unless the edits
    name an SE. Instead of edits, one text may be the whole file, in which {file} is the good
    content and {file:utf-16} the same in another encoding.
    """

    base: str = "member"
    bad: Edits | str
    good: Edits | str
    outcome: Outcome  # of the bad content, were this the only rule
    shown: str | None = None  # the bytes that the issue is about, or how its segment begins
    alone: bool = True  # no other rule is broken by the bad content
    partner: str | None = None  # whose file it is; none: the implementation guide alone holds
    day: date | None = None  # on which it is checked, where that matters
    limits: Mapping[str, int] = {}  # of limits.toml, where others are needed


class Rule(_Row):
    """One rule. `wording` may name {segment}, {element}, {name}, {loop}, {set} and {detail}."""

    id: str
    looks_at: Envelope | Content | Whole
    kind: str  # of checks, "function" for a rule that no kind can say, "book"
    severity: Severity
    wording: str
    fix: str
    source: str
    snip: int | None = None  # WEDI SNIP type; None where the question comes before X12
    x12_field: str | None = None  # TA105 | AK905 | IK502 | IK304 | IK403
    x12_code: str | None = None
    # For IK304 I6 and I9: which segment is missing or surplus, and the element that says so.
    dependent_segment: str | None = None
    trigger: str | None = None
    arguments: Mapping[str, Any] = {}  # of the kind; {function = "module.name"}, in validators
    exchanges: tuple[str, ...] = ()  # to whose files it applies; empty: to all
    # A rule of an exchange is about what it sends, unless it says otherwise. The implementation
    # guide's rules, those without exchanges, are about both.
    direction: Direction = "exchange_to_issuer"
    # Whether a file that breaks it is set apart for a person, and its sender answered.
    quarantine: Literal["answered", "silent"] | None = None
    effective_from: date | None = None
    effective_to: date | None = None  # the last day on which it holds
    example: Example | None = None

    def __hash__(self) -> int:
        return hash(self.id)  # rules of one id are told apart by being compared

    def holds_on(self, day: date) -> bool:
        """Whether the rule is in effect on a day."""
        return (self.effective_from or day) <= day <= (self.effective_to or day)

    def holds_for(self, exchange: str | None, direction: Direction = "exchange_to_issuer") -> bool:
        """Whether the rule applies to files from or to an exchange (None: to any file at all)."""
        return not self.exchanges or (exchange in self.exchanges and direction == self.direction)

    @model_validator(mode="after")
    def _is_shown(self) -> "Rule":
        # What the book decides depends on what it knows already: no file shows it.
        if (self.example is None) != (self.kind == "book"):
            raise ValueError("a rule has an example, unless its kind is book")
        return self

    @model_validator(mode="after")
    def _code_has_a_field(self) -> "Rule":
        if (self.x12_field is None) != (self.x12_code is None):
            raise ValueError("x12_field and x12_code stand together")
        return self


@cache
def load_rules() -> dict[str, Rule]:
    """All rules by id, in the order of their files. Raises Terminal when a row is wrong."""
    return read_rules(Path(str(files("schemas"))) / "rules")


def read_rules(folder: Path) -> dict[str, Rule]:
    """The rules of a folder by id, in the order of their files."""
    rules: dict[str, Rule] = {}
    for path in sorted(folder.glob("*.toml")):
        for rule in _rules_of(path):
            if rule.id in rules:
                raise Terminal(f"{path}: rule {rule.id} stands twice.")
            rules[rule.id] = rule
    return rules


def _rules_of(path: Path) -> Iterator[Rule]:
    if path.name in OTHER_FILES:
        return
    try:
        rows = tomllib.loads(path.read_text("utf-8"))["rules"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise Terminal(f"{path}: {error}. A file of rules is TOML with rows [[rules]].") from error
    for row in rows:
        try:
            yield Rule.model_validate(row)
        except ValidationError as error:
            wrong = error.errors()[0]
            place = ".".join(str(part) for part in wrong["loc"]) or "row"
            raise Terminal(f"{path}: {row.get('id')}: {place}: {wrong['msg']}.") from error
