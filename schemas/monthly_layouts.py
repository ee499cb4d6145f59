"""Layouts of the files of the monthly reconciliation, as data: `monthly/*.toml`, read once.

A position counts from 0, as the source of the layouts does. What no source confirms is marked in
the rows, and is read tolerantly.
"""

from functools import cache
from typing import Literal, Self, TypeVar

from pydantic import model_validator

from schemas import monthly_tables, rows

Kind = Literal["text", "date", "amount", "yes_no"]


class LayoutRow(rows.Row):
    """A row of a layout file."""


Row = TypeVar("Row", bound=LayoutRow)


class WrittenField(LayoutRow):
    """A field that we write: where it stands, and what its value comes from."""

    position: int
    name: str
    column: str | None = None  # of monthly_tables.RCNI_ROWS
    header: str | None = None  # a fact of the whole file
    fixed: str | None = None
    kind: Kind = "text"
    first: int | None = None  # only so many characters
    codes: dict[str, str] | None = None  # ours, and theirs; other values are left out
    confirmed: bool = True


class RcniLayout(LayoutRow):
    """The monthly file to the exchange."""

    id: str
    version: str
    delimiter: str
    line_end: str
    date_format: str
    time_format: str
    key: tuple[str, ...]  # by which the exchange finds its own record
    fields: tuple[WrittenField, ...]
    total: tuple[WrittenField, ...]

    @model_validator(mode="after")
    def _places_are_whole(self) -> Self:
        for fields in (self.fields, self.total):
            if [field.position for field in fields] != list(range(len(fields))):
                raise ValueError("positions must count from 0 without a gap")
        for field in self.fields:
            if field.column is not None and field.column not in monthly_tables.RCNI_ROWS.names:
                raise ValueError(f"{field.column} is not a column of RCNI_ROWS")
        return self

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """Names of the fields that no source confirms."""
        return tuple(field.name for field in self.fields if not field.confirmed)


def read_layout(name: str, kind: type[Row]) -> Row:
    """The layout in `schemas/monthly/<name>.toml`. Raises Terminal when it is missing or wrong."""
    return rows.read_rows(kind, "monthly", f"{name}.toml")


@cache
def load_rcni(name: str = "rcni") -> RcniLayout:
    """The layout of the RCNI. Raises Terminal when its file is wrong."""
    return read_layout(name, RcniLayout)
