"""Samples and signed periods in tables for people, and as objects for programs."""

from typing import Any

from rich.table import Table

from ledger.sign_offs import SignedPeriod
from pipeline.signing import Changed
from pipeline.terminal import visible
from reconciliation.samples import Draw, Sample


def sample_table(draw: Draw, drawn: Sample) -> Table:
    """One row each, in the order drawn, with the place in the file that it comes from."""
    told = f"{drawn.rows.num_rows:,} of {drawn.population:,} {draw.population}, seed {draw.seed}"
    table = Table(title=visible(told), title_justify="left")
    for name in ("place", "key", "partner", "policy", "member", "state", "file", "bytes"):
        table.add_column(name, overflow="fold")
    for row in drawn.rows.to_pylist():
        span = "" if row["byte_start"] is None else f"{row['byte_start']:,} to {row['byte_end']:,}"
        cells = [row["key"], row["partner_id"], row["exchange_policy_id"]]
        cells += [row["exchange_member_id"], row["state"], row["file"]]
        table.add_row(str(row["place"]), *(visible(str(cell or "")) for cell in cells), span)
    return table


def periods_table(found: list[SignedPeriod]) -> Table:
    """One row a period, the newest first."""
    table = Table(title="Periods (UTC)", title_justify="left")
    for name in ("period", "partner", "days", "state", "prepared by", "reviewed by", "sha256"):
        table.add_column(name, overflow="fold")
    for one in found:
        reviewed = (
            f"{one.reviewed_by} {one.reviewed_at:%Y-%m-%d %H:%M}" if one.reviewed_by else "nobody"
        )
        table.add_row(
            str(one.signed_period_id),
            one.partner_id,
            f"{one.first_day} to {one.last_day}",
            one.state,
            visible(f"{one.prepared_by} {one.prepared_at:%Y-%m-%d %H:%M}"),
            visible(reviewed),
            f"{one.sha256[:12]}…",
        )
    return table


def changed_table(changed: list[Changed]) -> Table:
    """How many rows of each table are other ones than what was signed."""
    table = Table(title="The figures differ from what was signed", title_justify="left")
    table.add_column("table")
    for name in ("signed, and gone", "new since"):
        table.add_column(name, justify="right")
    for one in changed:
        table.add_row(one.table, f"{one.gone:,}", f"{one.new:,}")
    return table


def period_object(one: SignedPeriod, changed: list[Changed] | None) -> dict[str, Any]:
    """A period for programs; with `changed` where it was compared with what it would be now."""
    told = {**vars(one), "state": one.state}
    for name in ("first_day", "last_day", "prepared_at", "reviewed_at"):
        told[name] = told[name] and told[name].isoformat()
    if changed is None:
        return told
    return told | {"changed": [{**vars(each), "rows": list(each.rows)} for each in changed]}
