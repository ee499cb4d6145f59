"""What the exchange answers to a monthly file, as data: layouts, issues, and what follows.

`monthly/rcno.toml`, `monthly/issues.toml` and `monthly/actions.toml`, each read and checked once.
"""

from functools import cache
from typing import Literal, Self

from pydantic import model_validator

from schemas.monthly_layouts import Kind, LayoutRow, read_layout

Action = Literal["correct", "dispute", "ignore", "look", "none"]
Fate = Literal["matched", "differing", "unmatched"]


class Triplet(LayoutRow):
    """A compared field: the exchange's value at `position`, then ours, then the flag."""

    position: int
    name: str
    kind: Kind = "text"
    told_by: Literal["policy", "member", "coverage", "amount"] = "policy"
    amount: str | None = None  # the reporting category that tells it
    dollars: bool = False
    confirmed: bool = True


class Triplets(LayoutRow):
    """All compared fields."""

    fields: tuple[Triplet, ...]


class RcnoLayout(LayoutRow):
    """The exchange's answer to an RCNI. Positions count from 0."""

    id: str
    version: str
    delimiter: str
    date_format: str
    detail: str
    total: str
    width: int
    least_width: int
    header: dict[str, int]
    record_flag: int
    report_month: int
    trace_number: int
    segment_id: int
    totals: dict[str, int]
    record_flags: dict[str, Fate]
    field_flags: dict[str, str]
    triplets: Triplets

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        places = [
            place for one in self.triplets.fields for place in range(one.position, one.position + 3)
        ]
        places += [*self.header.values(), self.record_flag, self.report_month, self.trace_number]
        places += [self.segment_id]
        if len(set(places)) != len(places) or max(places) >= self.width:
            raise ValueError("two fields share a position, or one lies behind the end")
        return self

    def triplet(self, name: str) -> Triplet:
        """The compared field of that name."""
        return next(one for one in self.triplets.fields if one.name == name)


class DiscrepancyColumn(LayoutRow):
    """A column of a discrepancy file: what it may hold, or any text."""

    name: str
    pattern: str | None = None
    free: bool = False
    confirmed: bool = True


class DiscrepancyLayout(LayoutRow):
    """A state's discrepancy file in CSV."""

    id: str
    version: str
    most_lines: int
    columns: tuple[DiscrepancyColumn, ...]
    autofixed: tuple[str, ...]
    reasons: dict[str, str]  # the field of which a reason code speaks

    @property
    def names(self) -> list[str]:
        """The columns in their order."""
        return [column.name for column in self.columns]


class IssueRow(LayoutRow):
    """Something that may be wrong with an answer."""

    id: str
    severity: Literal["reject", "error", "warning"]
    message: str
    fix: str


class Issues(LayoutRow):
    """All of `issues.toml`."""

    issues: tuple[IssueRow, ...]


class ActionRow(LayoutRow):
    """What follows from a flag: of a whole record, or of a field."""

    id: str
    layout: str | None = None  # None: of any
    flags: tuple[str, ...] | None = None  # None: any other
    fields: tuple[str, ...] | None = None
    has_fields: bool = False  # only where a field of the record leads to an action
    action: Action
    says: str


class Actions(LayoutRow):
    """All of `actions.toml`; the first row that fits counts."""

    records: tuple[ActionRow, ...]
    fields: tuple[ActionRow, ...]

    @property
    def says(self) -> dict[str, str]:
        """What each row says, by its id."""
        return {row.id: row.says for row in (*self.records, *self.fields)}


@cache
def load_rcno(name: str = "rcno") -> RcnoLayout:
    """The layout of the RCNO. Raises Terminal when its file is wrong."""
    return read_layout(name, RcnoLayout)


@cache
def load_discrepancy(name: str = "georgia-discrepancy") -> DiscrepancyLayout:
    """The layout of a discrepancy file. Raises Terminal when its file is wrong."""
    return read_layout(name, DiscrepancyLayout)


@cache
def load_issues() -> dict[str, IssueRow]:
    """The issues by id. Raises Terminal when their file is wrong."""
    return {row.id: row for row in read_layout("issues", Issues).issues}


@cache
def load_actions() -> Actions:
    """What follows from flags. Raises Terminal when the file is wrong."""
    return read_layout("actions", Actions)
