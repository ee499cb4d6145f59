"""What disputes look like: a table for people, objects for programs. Values are left out."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from pipeline import terminal
from pipeline.breaks_report import as_object

_VALUES = ("issuer_value", "exchange_value")


def dispute_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """One dispute without both sides' values, which stand in the file of disputes only."""
    return as_object({name: value for name, value in row.items() if name not in _VALUES})


def _state(row: Mapping[str, Any]) -> str:
    """Its state, and in which file of disputes it went to the exchange."""
    told = row["dispute_file_id"]
    return str(row["state"]) if told is None else f"{row['state']}, in file {told}"


def disputes_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a dispute. What all have in common is told once, in the title."""
    told = [
        {
            "dispute": str(row["dispute_id"]),
            "partner": row["partner_id"],
            "about": f"break {row['break_id']}" if row["break_id"] else f"case {row['case_id']}",
            "policy": terminal.visible(row["exchange_policy_id"] or ""),
            "what": row["field"] or "",
            "state": _state(row),
            "drafted by": terminal.visible(row["drafted_by"]),
            "until": str(row["due_on"]),
            "dollars a month": f"{row['dollars']:,.2f}",
        }
        for row in rows
    ]
    return terminal.table_of("Disputes", told, in_title=("partner",), right=("dollars a month",))
