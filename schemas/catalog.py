"""The rules as rows: what each one says, how severe it is, which X12 code it earns, and its source.

The 999, the error report, the terminal and the documentation all read the same row.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from schemas.errors import Terminal

Severity = Literal["reject", "error", "warning", "info"]
FILES = ("envelope", "segments", "partner", "book")


@dataclass(frozen=True)
class Rule:
    """One rule. `wording` may name {segment}, {element}, {name}, {loop} and {detail}."""

    id: str
    severity: Severity
    wording: str
    fix: str
    source: str
    snip: int | None = None  # WEDI SNIP type; None where the question comes before X12
    x12_field: str | None = None  # TA105 | AK905 | IK502 | IK304 | IK403
    x12_code: str | None = None


def _rule(row: dict[str, Any], name: str) -> Rule:
    try:
        return Rule(**row)
    except TypeError as error:
        raise Terminal(f"schemas/rules/{name}.toml: {row.get('id')}: {error}.") from error


@cache
def load_rules() -> dict[str, Rule]:
    """All rules by id, in the order of their files. Raises Terminal when a row is wrong."""
    rules: dict[str, Rule] = {}
    for name in FILES:
        content = files("schemas").joinpath("rules", f"{name}.toml").read_text("utf-8")
        for row in tomllib.loads(content)["rules"]:
            rule = _rule(row, name)
            if rule.id in rules:
                raise Terminal(f"schemas/rules/{name}.toml: rule {rule.id} stands twice.")
            rules[rule.id] = rule
    return rules
