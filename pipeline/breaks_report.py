"""What breaks look like: tables for people, objects for programs. Values are masked by default."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from rich.table import Table

from pipeline import terminal
from reconciliation.break_queries import Break
from schemas.breaks import load_break_rules
from schemas.comparison import Decider, load_comparison
from schemas.monthly_answers import load_actions
from schemas.pre_audit import load_pre_audit_comparison
from schemas.premium import load_premium_rules

_MASK = "****"
_DOLLARS = ("premium", "aptc", "csr")
_RIGHT = ("since", "seen", "dollars a month")


def as_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with dates and dollars as text."""
    return {name: _plain(value) for name, value in row.items()}


def break_object(one: Break, *, reveal: bool) -> dict[str, Any]:
    """One break with its place, what to do and its events; values only where they are revealed."""
    row = one.row if reveal else {**one.row, **dict.fromkeys(("book_value", "carrier_value"))}
    place = {"file": one.file_name, "byte_start": one.byte_start, "byte_end": one.byte_end}
    decides, action = suggested(one.row)
    return {
        **as_object(row),
        "age_days": one.age_days,
        "decides": decides,
        "action": action,
        "place": place,
        "events": [as_object(event) for event in one.events],
    }


def suggested(row: Mapping[str, Any]) -> tuple[Decider | None, str]:
    """Whose value holds, and what is to be done, by the rows of the source's rules.

    Of the month and of payments the row says what to do, and nobody decides beforehand.
    """
    if row["source"] == "monthly":
        return None, load_actions().says.get(row["rule"], "")
    if row["source"] == "premium":
        told = {one.category: one.action for one in load_premium_rules().differences}
        return None, told.get(row["rule"], "")
    source = load_break_rules().source(row["source"])
    of_kind = {
        "missing_at_carrier": source.action_there,
        "missing_in_book": source.action_here,
        "differs": source.action_differs,
    }
    if of_kind[row["kind"]]:
        return "exchange", str(of_kind[row["kind"]])
    of_file = row["source"] == "pre_audit"
    rules = load_pre_audit_comparison() if of_file else load_comparison()
    if row["kind"] != "differs":
        missing = rules.missing_at_carrier
        if row["kind"] == "missing_in_book":
            missing = rules.missing_in_book
        return missing.decides, missing.action
    found: list[Decider] = [one.decides for one in rules.fields if one.name == row["field"]]
    decides: Decider = found[0] if found else "exchange"
    return decides, rules.decisions[decides].action


def what(row: Mapping[str, Any]) -> str:
    """What a break, or a cause of breaks, is about, in a few words."""
    source = load_break_rules().source(row["source"])
    missing = {
        "missing_at_carrier": source.missing_there,
        "missing_in_book": source.missing_here,
    }.get(row["kind"])
    return ": ".join(one for one in (row["field"], missing) if one) or row["kind"]


def _comparison(row: Mapping[str, Any]) -> str:
    """The comparison, with the month or coverage year that it is about."""
    return " ".join(one for one in (row["source"].replace("_", " "), row["period"]) if one)


def breaks_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a break, without the values. What all have in common is told once, in the title."""
    told = [
        {
            "break": str(row["break_id"]),
            "partner": row["partner_id"],
            "comparison": _comparison(row),
            "policy": terminal.visible(row["exchange_policy_id"] or ""),
            "member": terminal.visible(row["exchange_member_id"] or ""),
            "what": what(row),
            "state": row["state"].replace("_", " "),
            "owner": terminal.visible(row["owner"] or ""),
            "since": f"{row['first_seen']:%Y-%m-%d}",
            "seen": str(row["times_seen"]),
            "dollars a month": _dollars({name: row[f"{name}_difference"] for name in _DOLLARS}),
        }
        for row in rows
    ]
    return terminal.table_of("Breaks", told, in_title=("partner", "comparison"), right=_RIGHT)


def causes_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row a cause, the most frequent first."""
    table = Table(title="Open breaks by cause", title_justify="left")
    for name in ("partner", "comparison", "what", "file"):
        table.add_column(name, overflow="fold")
    for name in ("breaks", "policies", "since", "dollars a month (other side less book)"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["partner_id"],
            _comparison(row),
            what(row),
            str(row["file_id"] or ""),
            f"{row['breaks']:,}",
            f"{row['policies']:,}",
            f"{row['first_seen']:%Y-%m-%d}",
            _dollars({name: row[name] or None for name in _DOLLARS}),
        )
    return table


def show_break(one: Break, *, reveal: bool) -> None:
    """The break for people: in a sentence, with what to do, where it was said, what was done."""
    row = one.row
    other = load_break_rules().source(row["source"]).other_side
    about = what(row) if row["kind"] != "differs" else f"{row['field']} differs"
    member = row["exchange_member_id"]
    terminal.out.print(
        f"Break {row['break_id']} of {row['partner_id']} ({_comparison(row)}): policy "
        f"{terminal.visible(row['exchange_policy_id'] or 'unknown')}"
        + (f", member {terminal.visible(member)}" if member else "")
        + f": {about}.",
        soft_wrap=True,
    )
    decides, action = suggested(row)
    days, times = one.age_days, row["times_seen"]
    terminal.out.print(
        f"State: {row['state'].replace('_', ' ')}"
        + (f" until {row['waived_until']}" if row["waived_until"] else "")
        + (f", of {terminal.visible(row['owner'])}" if row["owner"] else "")
        + f"; found {row['first_seen']:%Y-%m-%d}, {days} day{'s' * (days != 1)} old, seen "
        f"{times} time{'s' * (times != 1)}, last on {row['last_seen']:%Y-%m-%d}."
    )
    if row["field"]:
        for side, value in (("book", row["book_value"]), (other, row["carrier_value"])):
            terminal.out.print(f"{side:>8}: {_shown(value, reveal=reveal)}")
    dollars = _dollars({name: row[f"{name}_difference"] for name in _DOLLARS})
    if dollars:
        terminal.out.print(f"Dollars a month, {other} less book: {dollars}.")
    terminal.out.print(f"The {decides} decides. {action}" if decides else action, soft_wrap=True)
    if one.file_name is not None:
        terminal.out.print(f"Said in {_place(one)}.", soft_wrap=True)
    if row["state"] == "resolved":
        proof = row["resolved_file_id"]
        by = f"file {proof}" if proof else f"the {other}'s records"
        terminal.out.print(f"Gone since {row['resolved_at']:%Y-%m-%d}, proved by {by}.")
    terminal.out.print(events_table(one.events))


def _place(one: Break) -> str:
    where = f"file {one.row['file_id']} ({terminal.visible(one.file_name or '')})"
    if one.byte_start is None:
        return where
    return f"{where}, bytes {one.byte_start:,} to {one.byte_end:,}"


def events_table(events: Iterable[Mapping[str, Any]]) -> Table:
    """What happened to a break or a case, oldest first."""
    table = Table(title="What happened to it", title_justify="left")
    for name in ("when (UTC)", "what", "then", "by", "why"):
        table.add_column(name, overflow="fold")
    for event in events:
        table.add_row(
            f"{event['at']:%Y-%m-%d %H:%M}",
            event["action"].replace("-", " "),
            event["state"].replace("_", " "),
            terminal.visible(event["person"] or f"run {event['run_id']}"),
            terminal.visible(event["reason"] or ""),
        )
    return table


def _shown(value: str | None, *, reveal: bool) -> str:
    if value is None:
        return "nothing"
    return terminal.visible(value) if reveal else _MASK


def _dollars(found: Mapping[str, Decimal | None]) -> str:
    return ", ".join(f"{name} {value:+,.2f}" for name, value in found.items() if value is not None)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
