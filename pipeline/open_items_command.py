"""`edi834 open-items`: what the book waits for, and what somebody has to look at."""

from collections import Counter

import pyarrow as pa
from rich.table import Table

from enrollment.open_items import OPEN_ITEMS, open_items
from pipeline import terminal
from pipeline.wiring import House
from schemas.partners import load_exchange

KINDS = {
    "waits": "waits",
    "half-a-change": "half of a change in circumstance",
    "covered-twice": "covered twice in one line, with",
    "other-begin": "a change names another begin of",
    "later-end": "a change names a later end than before, of",
    "further-coverage": "one coverage of several is in the book, not",
    "payment": "a payment of the carrier",
    "request": "a request of the carrier",
    "member": "a member record of the carrier",
    "rejected": "rejected by the exchange",
    "held": "waits for persons, in",
    "cannot-be-sent": "cannot be sent:",
    "answer": "an answer of the exchange",
    "answer-missing": "no answer yet from the exchange",
    "in-doubt": "nobody knows whether the exchange has",
}


def all_open_items(house: House, partner: str | None) -> pa.Table:
    """The open items of a partner, or of all (OPEN_ITEMS)."""
    partners = [house.partner(name) for name in ([partner] if partner else house.partner_ids)]
    with house.engine.connect() as conn:
        found = [open_items(conn, one.id, load_exchange(one.exchange)) for one in partners]
    return pa.concat_tables([OPEN_ITEMS.empty_table(), *found])


def open_items_by_kind(house: House) -> dict[str, int]:
    """How many open items there are of each kind, at all partners; kinds without any left out."""
    counted = Counter(all_open_items(house, None)["kind"].to_pylist())
    return {kind: counted[kind] for kind in KINDS if counted[kind]}


def open_items_table(items: pa.Table) -> Table:
    """One row an item: ids, reasons and places only."""
    table = Table(title="Open items of the book", title_justify="left")
    for title in ("partner", "policy", "what", "why", "transaction", "file", "set"):
        table.add_column(title)
    for row in items.to_pylist():
        table.add_row(
            row["partner_id"],
            terminal.visible(row["exchange_policy_id"] or ""),
            KINDS[row["kind"]],
            terminal.visible(row["reason"] or ""),
            row["transaction"] or "",
            str(row["file_id"] or ""),
            str(row["set_ordinal"] or ""),
        )
    return table
