"""What a member looks like on its three sides: a table for people, objects for programs."""

from typing import Any

from rich.table import Table

from pipeline import terminal
from pipeline.three_sides import SIDES, Sides

_MASK = "****"


def sides_objects(sides: Sides, *, reveal: bool) -> list[dict[str, Any]]:
    """A field each: whether the sides differ; values only where they are revealed."""
    return [
        {"field": one.name, "differs": one.differs}
        | ({side: getattr(one, side) for side in SIDES} if reveal else {})
        for one in sides.fields
    ]


def sides_table(sides: Sides, *, reveal: bool) -> Table:
    """One row a field; what differs is marked by a word."""
    table = Table(title="The member on all sides", title_justify="left")
    for name in ("field", "exchange's file", "our book, last accepted", "carrier's records", ""):
        table.add_column(name, overflow="fold")
    for one in sides.fields:
        values = (getattr(one, side) for side in SIDES)
        told = "! differs" if one.differs else "same" if len(one.told) > 1 else ""
        table.add_row(one.name, *(_shown(value, reveal=reveal) for value in values), told)
    return table


def _shown(value: str | None, *, reveal: bool) -> str:
    if value is None:
        return ""
    return terminal.visible(value) if reveal else _MASK
