"""The gate's expectations as rows: `gate.toml`, read once; and what was found by them.

Bounds, severity, wording and fix are data. How a kind is judged is `validators/gate.py`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from schemas.errors import Terminal

Kind = Literal["rows", "share", "mean", "mix", "sum"]
Outcome = Literal["within", "outside", "not_judged"]

_FORMS = {"rows": "{:,.0f}", "share": "{:.1%}", "mean": "{:.1f}", "mix": "{:.2f}", "sum": "{:,.2f}"}


def figure(kind: Kind, number: float) -> str:
    """A figure of that kind for people."""
    return _FORMS[kind].format(number)


@dataclass(frozen=True)
class Expectation:
    """One expectation. `wording` may name {observed}, {minimum}, {maximum} and {rows}."""

    id: str
    of: str
    kind: Kind
    severity: Literal["hold", "warn"]
    wording: str
    fix: str
    source: str
    minimum_rows: int
    column: str | None = None  # None: the rows themselves are counted
    at_least: float | None = None
    at_most: float | None = None
    minimum_nights: int = 0  # 0: the bounds do not depend on earlier nights


@dataclass(frozen=True)
class Finding:
    """What great-expectations found for one expectation, and what follows.

    `observed` is in the unit of the kind, and null where there was nothing to observe. `sentence`
    says it in words when it is out of bounds. `evidence` is the part of great-expectations' own
    result that holds figures only.
    """

    expectation: str
    severity: str
    rows: int
    observed: float | None
    minimum: float | None
    maximum: float | None
    outcome: Outcome
    sentence: str | None
    evidence: Mapping[str, Any]

    @property
    def holds(self) -> bool:
        """Whether the batch must wait for a person because of it."""
        return self.outcome == "outside" and self.severity == "hold"


History = Sequence[Mapping[str, Finding]]  # the findings of each earlier night, by expectation


@dataclass(frozen=True)
class Gate:
    """All expectations, in the order of their file."""

    history_nights: int
    unseen_share: float
    plan_of_policies: int
    expectations: tuple[Expectation, ...]

    @property
    def by_id(self) -> dict[str, Expectation]:
        """The expectations by id."""
        return {row.id: row for row in self.expectations}


@cache
def load_gate() -> Gate:
    """The gate. Raises Terminal when a row of it is wrong."""
    content = tomllib.loads(files("schemas").joinpath("gate.toml").read_text("utf-8"))
    try:
        rows = tuple(Expectation(**row) for row in content.pop("expectations"))
        gate = Gate(expectations=rows, **content)
    except (KeyError, TypeError) as error:
        raise Terminal(f"schemas/gate.toml: {error}. Correct the file.") from error
    if len(gate.by_id) < len(rows):
        raise Terminal("schemas/gate.toml: two expectations have the same id. Rename one.")
    return gate
