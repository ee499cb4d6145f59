"""What the audit trail looks like in a terminal."""

import json
from typing import Any

from rich.table import Table

from ledger.audit import Anchor, Entry
from pipeline import terminal
from schemas.audit import GENESIS


def show_end(end: Anchor) -> None:
    """How long the trail is that was found whole, and its end."""
    terminal.out.print(f"The audit trail is whole: {end.ordinal:,} entries.")
    terminal.out.print(f"It ends with {end}", soft_wrap=True)


def timeline(found: list[Entry]) -> Table:
    """The entries as a table."""
    table = Table(title="Audit trail (UTC)", title_justify="left")
    for name in ("entry", "at", "who", "what", "object", "details"):
        table.add_column(name, overflow="fold")
    for entry in found:
        table.add_row(
            str(entry.ordinal),
            entry.at[:19].replace("T", " "),
            entry.actor,
            entry.action,
            f"{entry.object_kind}:{entry.object_id}",
            ", ".join(f"{k}: {_short(v)}" for k, v in json.loads(entry.details).items()),
        )
    return table


def _short(value: Any) -> str:
    """A detail as people read it: a hash by its beginning, counts beside what they count."""
    if isinstance(value, dict):
        return " ".join(f"{count:,} {state}" for state, count in value.items())
    text = str(value)
    return f"{text[:8]}…" if len(text) == len(GENESIS) else text
