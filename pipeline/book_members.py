"""The policies of one person as a table: who is in three plans is seen at once."""

from itertools import pairwise
from typing import Any

from rich import box
from rich.table import Table

from pipeline.book_words import span
from pipeline.terminal import visible


def policy_table(member: str, rows: list[dict[str, Any]]) -> Table:
    """One row a policy, by begin; the last column says which others cover the same days."""
    table = Table(title=visible(f"Policies of {member}"), title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("policy", "partner", "as", "plan", "status", "coverage", "also covered in"):
        table.add_column(name, overflow="fold")
    for row in rows:
        others = [
            each["exchange_policy_id"]
            for each in rows
            if each is not row and each["insurance_line"] == row["insurance_line"]
            if _overlap(each, row)
        ]
        role = "subscriber" if row["is_subscriber"] else "dependent"
        days = "none" if row["status"] == "cancelled" else span(*_days(row))
        cells = (row["exchange_policy_id"], row["partner_id"], role, row["plan_id"], row["status"])
        table.add_row(*(visible(str(cell)) for cell in (*cells, days, ", ".join(others))))
    return table


def _days(row: dict[str, Any]) -> tuple[Any, Any]:
    return row["benefit_begin"], row["benefit_end"]


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two policies of one line cover a day both."""
    if "cancelled" in (one["status"], other["status"]):
        return False
    ordered = sorted((one, other), key=lambda row: row["benefit_begin"])
    return all(
        first["benefit_end"] is None or first["benefit_end"] >= second["benefit_begin"]
        for first, second in pairwise(ordered)
    )
