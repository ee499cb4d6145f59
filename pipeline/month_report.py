"""The month on a screen and as JSON: totals, balance, actions; values masked unless revealed."""

from typing import Any

from rich import box
from rich.table import Table

from ledger.dispute_files import last_dispute_file
from pipeline import terminal
from pipeline.month import WrittenRcni
from pipeline.month_intake import LoadedAnswer
from pipeline.wiring import House
from schemas.monthly_answers import load_actions, load_issues

_MASK = "•••"
_SIDES = ("exchange_premium", "issuer_premium", "exchange_aptc", "issuer_aptc")
_MOST_ISSUES = 10


def rcni_object(written: WrittenRcni) -> dict[str, Any]:
    """A written RCNI as JSON."""
    return {
        "month_file": written.month_file_id,
        "file": str(written.path),
        "sha256": written.sha256,
        "totals": written.totals,
        "unconfirmed": list(written.unconfirmed),
    }


def show_rcni(written: WrittenRcni) -> None:
    """The file's total, and which of its fields nobody has confirmed."""
    totals = written.totals
    terminal.out.print(f"{written.path}: proved", soft_wrap=True)
    terminal.out.print(
        f"  {totals['record_count']} records ({totals['subscriber_count']} of subscribers), "
        f"premium {totals['premium_total']} and APTC {totals['aptc_total']} dollars a month"
    )
    terminal.out.print(
        f"  {len(written.unconfirmed)} of its fields are not confirmed by any source: "
        "schemas/monthly/rcni.toml",
        soft_wrap=True,
    )
    terminal.out.print(
        f"Next: `edi834 month send {written.month_file_id} --by NAME --reason WHY` sends it with "
        "the next night.",
        soft_wrap=True,
    )


_NEXT = {
    "written": "edi834 month send {month_file_id}",
    "released": "edi834 night",
    "sent": "wait for the answer",
    "loaded": "edi834 month actions",
    "refused": "ask the exchange for it again",
    "superseded": "",
    "held": "edi834 month accept {month_file_id}, or refuse",
}


def file_object(one: dict[str, Any]) -> dict[str, Any]:
    """A file of the month as JSON, without where its bytes are stored."""
    return {name: value for name, value in one.items() if name != "storage_key"}


def file_table(known: list[dict[str, Any]]) -> Table:
    """Files of the month as a table, with what is to be done next."""
    table = Table("id", "partner", "year", "file", "of", "records", "state", "next",
                  box=box.SIMPLE_HEAD)  # fmt: skip
    table.columns[5].justify = "right"
    answered = {one["answers_month_file_id"] for one in known if one["state"] != "refused"}
    for one in known:
        following = "" if one["month_file_id"] in answered else _NEXT[one["state"]]
        table.add_row(
            str(one["month_file_id"]), one["partner_id"], str(one["coverage_year"]),
            terminal.visible(one["name"]), f"{one['as_of']:%Y-%m-%d %H:%M}",
            f"{one['records']:,}", one["state"], following.format(**one),
        )  # fmt: skip
    return table


def answer_object(loaded: LoadedAnswer) -> dict[str, Any]:
    """What became of an answer as JSON."""
    balance = loaded.balance
    return {
        "month_file": loaded.month_file_id,
        "new": loaded.is_new,
        "state": loaded.state,
        "records": balance.records if balance else None,
        "rows": balance.rows if balance else None,
        "dollars": {
            fate: dict(zip(_SIDES, map(str, amounts), strict=True))
            for fate, amounts in (balance.dollars if balance else {}).items()
        },
        "actions": loaded.actions,
        "breaks": dict(loaded.breaks),
        "issues": loaded.issues.to_pylist(),
    }


def show_answer(loaded: LoadedAnswer) -> None:
    """The balance of an answer, what follows from it, and what is wrong with it."""
    again = "" if loaded.is_new else ", and was here before: nothing is changed"
    terminal.out.print(f"The answer is {loaded.state}{again}.")
    if loaded.balance is not None:
        table = Table("", "records", "premium there", "premium here", "APTC there", "APTC here",
                      box=box.SIMPLE_HEAD)  # fmt: skip
        for column in table.columns[1:]:
            column.justify = "right"
        rows = {**loaded.balance.rows, "all": loaded.balance.records}
        dollars = {**loaded.balance.dollars, "all": loaded.balance.totals}
        for fate, count in rows.items():
            table.add_row(fate, f"{count:,}", *(f"{amount:,.2f}" for amount in dollars[fate]))
        terminal.out.print(table)
    if loaded.actions:
        told = ", ".join(f"{count:,} to {kind}" for kind, count in sorted(loaded.actions.items()))
        terminal.out.print(f"What follows: {told}. `edi834 month actions` lists it.")
    known = load_issues()
    for row in loaded.issues.slice(0, _MOST_ISSUES).to_pylist():
        place = f"line {row['line']}: " if row["line"] is not None else ""
        terminal.out.print(
            f"  {row['severity']} {place}{row['message']} {known[row['rule']].fix}", soft_wrap=True
        )
    if loaded.issues.num_rows > _MOST_ISSUES:
        terminal.out.print(f"  and {loaded.issues.num_rows - _MOST_ISSUES:,} more: --json")


def action_object(one: dict[str, Any], *, reveal: bool = False) -> dict[str, Any]:
    """An action as JSON, without the two values unless they are revealed."""
    values = ("exchange_value", "issuer_value")
    told = {name: value for name, value in one.items() if reveal or name not in values}
    return {**told, "says": load_actions().says.get(one["rule"])}


def _state(one: dict[str, Any]) -> str:
    """Its state; of a dispute that was told, with the file in which it was."""
    told = one["dispute_file_id"]
    return str(one["state"]) if told is None else f"{one['state']}, in file {told}"


def nothing_to_dispute(house: House, partner_id: str) -> str:
    """Why there is no file of disputes, and which one was the last."""
    with house.engine.connect() as conn:
        last = last_dispute_file(conn, partner_id)
    told = f"Nothing is new for {partner_id}: no file is written."
    if last is None:
        return told
    return (
        f"{told} The last one is file {last.dispute_file_id} of {last.at:%Y-%m-%d %H:%M}; "
        f"`edi834 month disputes --again {last.dispute_file_id}` writes it once more."
    )


def action_table(known: list[dict[str, Any]]) -> Table:
    """Actions as a table: what differs, what is to be done, until when, and what it is worth."""
    table = Table("id", "partner", "policy", "member", "field", "flag", "action", "state",
                  "$ a month", "until", box=box.SIMPLE_HEAD)  # fmt: skip
    for one in known:
        table.add_row(
            str(one["action_id"]), one["partner_id"],
            terminal.visible(one["exchange_policy_id"] or ""),
            terminal.visible(one["exchange_member_id"] or ""),
            one["field"] or "(whole record)", terminal.visible(one["flag"] or ""),
            one["action"], _state(one), f"{one['dollars']:,.2f}", str(one["due_on"] or ""),
        )  # fmt: skip
    return table


def show_action(one: dict[str, Any], *, reveal: bool = False) -> None:
    """One action, line by line, with its evidence."""
    table = Table.grid(padding=(0, 2))
    values = {
        "at the exchange": one["exchange_value"],
        "here": one["issuer_value"],
    }
    told = {
        "policy": one["exchange_policy_id"],
        "member": one["exchange_member_id"],
        "field": one["field"] or "(whole record)",
        "flag": one["flag"],
        **{name: value if reveal or value is None else _MASK for name, value in values.items()},
        "action": f"{one['action']}, {_state(one)}",
        "break": one["break_id"] and f"{one['break_id']} (edi834 breaks show {one['break_id']})",
        "because": load_actions().says.get(one["rule"]),
        "dollars a month": f"{one['dollars']:,.2f}",
        "until": one["due_on"],
        "the answer": f"{one['answer_name']}, line {one['line']}, bytes "
        f"{one['byte_start']}-{one['byte_end']}",
        "told to us by": one["event_file_name"]
        and f"{one['event_file_name']}, bytes {one['event_byte_start']}-{one['event_byte_end']}",
        "said": one["word"] and f"{one['word']} by {one['decided_by']}: {one['reason']}",
    }
    for label, value in told.items():
        if value is not None:
            table.add_row(label, terminal.visible(str(value)))
    terminal.out.print(table)
