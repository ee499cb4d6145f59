"""Holds and previews in tables for people, and as objects for programs."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table

from enrollment.holds import Hold
from pipeline import terminal

_SHOWN = 50  # policies of each kind; --json has all


def hold_table(holds: list[Hold]) -> Table:
    """One row a hold, oldest first."""
    table = Table(title="What ends coverage and waits", title_justify="left")
    for name in ("hold", "partner", "night (UTC)", "decisions", "state", "why", "released by"):
        table.add_column(name, overflow="fold")
    for one in holds:
        table.add_row(
            str(one.hold_id),
            one.partner_id,
            f"{one.as_of:%Y-%m-%d %H:%M}",
            _counted(one),
            one.state,
            " ".join(one.reasons),
            ", ".join(one.released_by)
            or (f"refused by {one.refused_by}" if one.refused_by else ""),
        )
    return table


def _by(one: Hold) -> str:
    return f"refused by {one.refused_by}" if one.refused_by else ", ".join(one.released_by)


def _counted(one: Hold) -> str:
    gone = one.decisions - one.waiting
    withdrawn = f", {gone:,} withdrawn" if gone and one.state == "held" else ""
    return f"{one.waiting if one.state == 'held' else one.decisions:,}{withdrawn}"


def show_hold(one: Hold) -> None:
    """Where a hold stands, why, and who does what next."""
    terminal.out.print(_standing(one), soft_wrap=True)
    for reason in one.reasons:
        terminal.out.print(f"  {reason}", soft_wrap=True)


def _standing(one: Hold) -> str:
    name = f"hold {one.hold_id} of {one.partner_id} (decisions: {_counted(one)})"
    if one.state != "held":
        by = ", ".join(one.released_by) if one.state == "released" else one.refused_by
        return f"{one.state.capitalize()} by {by}: {name}."
    if not one.waiting:
        return f"Withdrawn: {name}: nothing of it follows any more."
    missing = one.persons - len(one.released_by)
    people = "One more person decides" if missing == 1 else f"{missing} persons decide"
    return (
        f"Held: {name}. {people}: edi834 outgoing release {one.hold_id} --by NAME --reason TEXT, "
        "or refuse."
    )


def show_preview(rows: pa.Table) -> None:
    """What would be sent: counts and dollars by kind and rule, then each policy, now and then."""
    if not rows.num_rows:
        terminal.out.print("Nothing would be sent.")
        return
    terminal.out.print(_summary(rows))
    for kind in pc.unique(rows["kind"]).to_pylist():
        terminal.out.print(_policies(kind, rows.filter(pc.equal(rows["kind"], kind))))


def _summary(rows: pa.Table) -> Table:
    table = Table(title="In all", title_justify="left")
    for name in ("kind", "reason", "rule"):
        table.add_column(name)
    for name in ("policies", "members", "premium a month", "APTC a month"):
        table.add_column(name, justify="right")
    keys = ["kind", "additional_maintenance_reason", "rule"]
    counted = rows.group_by(keys, use_threads=False).aggregate(
        [("decision_id", "count"), ("members", "sum"), ("premium_total", "sum"), ("aptc", "sum")]
    )
    for row in counted.sort_by([(key, "ascending") for key in keys]).to_pylist():
        table.add_row(
            *(row[key] for key in keys),
            f"{row['decision_id_count']:,}",
            f"{row['members_sum'] or 0:,}",
            _dollars(row["premium_total_sum"]),
            _dollars(row["aptc_sum"]),
        )
    return table


def _policies(kind: str, rows: pa.Table) -> Table:
    more = rows.num_rows - _SHOWN
    title = f"{kind}: {rows.num_rows:,}" + (f", the first {_SHOWN} (--json: all)" * (more > 0))
    table = Table(title=title, title_justify="left")
    for name in ("policy", "now", "then", "coverage now", "coverage then"):
        table.add_column(name, overflow="fold")
    for name in ("members", "premium"):
        table.add_column(name, justify="right")
    for row in rows.slice(0, _SHOWN).to_pylist():
        table.add_row(
            row["exchange_policy_id"],
            row["status"],
            row["next_status"],
            _span(row["benefit_begin"], row["benefit_end"]),
            _span(row["benefit_begin"], row["next_benefit_end"]),
            str(row["members"]),
            _dollars(row["premium_total"]),
        )
    return table


def _span(begin: Any, end: Any) -> str:
    if end == begin:
        return "none"
    return f"{begin} to {end}" if end else f"from {begin}"


def _dollars(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:,.2f}"


def hold_object(one: Hold) -> dict[str, Any]:
    """A hold for programs."""
    return {**vars(one), "is_open": one.is_open}


def preview_object(rows: pa.Table) -> list[dict[str, Any]]:
    """The policies of a preview for programs."""
    return rows.to_pylist()  # type: ignore[no-any-return]
