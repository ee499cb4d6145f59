"""The flat pre-audit file of an exchange, as data: `monthly/pre-audit.toml`; and its comparison."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from schemas import monthly_tables
from schemas.comparison import ComparisonRules, load_comparison
from schemas.monthly_layouts import Kind, LayoutRow, read_layout


class PreAuditField(LayoutRow):
    """A field: what it is read into, or which fact of the partner must stand there."""

    position: int
    name: str
    column: str | None = None  # of monthly_tables.PRE_AUDIT_ROWS
    fact: Literal["tenant_id", "hios_issuer_id"] | None = None
    kind: Kind = "text"
    after: str | None = None  # only what follows this mark
    codes: dict[str, str] | None = None  # theirs, and ours; other values stay as they are
    confirmed: bool = True


class PreAuditLayout(LayoutRow):
    """The file: a line for each member and segment of a coverage year. Positions count from 0."""

    id: str
    version: str
    delimiter: str
    date_format: str
    bad_lines_at_most: float
    alike: dict[str, dict[str, str]]  # by column: a code of ours, and the one it is told as
    fields: tuple[PreAuditField, ...]

    @model_validator(mode="after")
    def _places_are_whole(self) -> Self:
        if [field.position for field in self.fields] != list(range(len(self.fields))):
            raise ValueError("positions must count from 0 without a gap")
        named = [field.column for field in self.read]
        missing = set(monthly_tables.PRE_AUDIT_ROWS.names) - {*named, "line"}
        if missing or len(set(named)) != len(named):
            raise ValueError(f"each column is read from one field; missing: {sorted(missing)}")
        return self

    @property
    def width(self) -> int:
        """How many fields a line has."""
        return len(self.fields)

    @property
    def read(self) -> tuple[PreAuditField, ...]:
        """The fields that are read into columns."""
        return tuple(field for field in self.fields if field.column is not None)


@cache
def load_pre_audit(name: str = "pre-audit") -> PreAuditLayout:
    """The layout of that name. Raises Terminal when its file is wrong."""
    return read_layout(name, PreAuditLayout)


def load_pre_audit_comparison() -> ComparisonRules:
    """What of the file is compared with the book. Raises Terminal when the rows are wrong."""
    return load_comparison(Path(str(files("schemas"))) / "rules" / "pre_audit.toml")
