"""`edi834 open-items`: what the book waits for, and what somebody has to look at."""

import pyarrow as pa
from rich.table import Table

from enrollment.open_items import OPEN_ITEMS, open_items
from pipeline import terminal
from pipeline.wiring import House

_KINDS = {
    "waits": "waits",
    "half-a-change": "half of a change in circumstance",
    "covered-twice": "covered twice in one line, with",
    "audit-differs": "an audit says otherwise of",
    "payment": "a payment of the carrier",
    "request": "a request of the carrier",
}


def all_open_items(house: House, partner: str | None) -> pa.Table:
    """The open items of a partner, or of all (OPEN_ITEMS)."""
    partner_ids = [house.partner(partner).id] if partner else house.partner_ids
    with house.engine.connect() as conn:
        found = [open_items(conn, partner_id) for partner_id in partner_ids]
    return pa.concat_tables([OPEN_ITEMS.empty_table(), *found])


def open_items_table(items: pa.Table) -> Table:
    """One row an item: ids, reasons and places only."""
    table = Table(title="Open items of the book", title_justify="left")
    for title in ("partner", "policy", "what", "why", "transaction", "file", "set"):
        table.add_column(title)
    for row in items.to_pylist():
        table.add_row(
            row["partner_id"],
            terminal.visible(row["exchange_policy_id"] or ""),
            _KINDS[row["kind"]],
            terminal.visible(row["reason"] or ""),
            row["transaction"] or "",
            str(row["file_id"] or ""),
            str(row["set_ordinal"] or ""),
        )
    return table
