"""`edi834 premium`: what the exchange paid and charged, beside what the book says is due."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import terminal

OK, DIFFERS, UNREADABLE = 0, 1, 2
AGREED = frozenset({"agreed", "program"})
_COLUMNS = ("category", "policy", "month", "amount", "due", "paid", "difference")

premium = typer.Typer(no_args_is_help=True, help="HIX 820s: payments and charges of the exchange.")

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
PartnerId = Annotated[str | None, typer.Option("--partner", help="Only this partner.")]


@premium.command("check")
def check_file_of_payments(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A HIX 820.")], as_json: Json = False
) -> None:
    """Add up a file of payments by payment type, without any database.

    Exit code 0: it is accepted and balances; 1: it is not; 2: it holds no payments.
    """
    from pipeline.premium_totals import totals_of

    terminal.silence_logs()
    totals = totals_of(path)
    if totals is None:
        terminal.fail(f"{path}: no file of payments (GS01 RA). Check it with edi834 check.")
        raise typer.Exit(UNREADABLE)
    if as_json:
        print(json.dumps(totals, default=str))  # noqa: T201 - the command's output
    else:
        terminal.out.print(f"{path}: {totals['verdict']}")
        for name, told in totals["types"].items():
            terminal.out.print(f"  {name:10} {told['payments']:>8,} {told['amount']:>16}")
        terminal.out.print(f"  itemised {totals['itemised']}, stated (BPR02) {totals['stated']}")
    raise typer.Exit(OK if totals["is_good"] else DIFFERS)


@premium.command("months")
def show_months(
    file_id: Annotated[int | None, typer.Option("--file", help="Only this file.")] = None,
    partner: PartnerId = None,
    everything: Annotated[bool, typer.Option("--all", help="What agrees too.")] = False,
    as_json: Json = False,
) -> None:
    """List where the money of posted files went: policy, month, amount, and what was due.

    Exit code 0: all of it agrees; 1: something does not.
    """
    from ledger.premium import months_of, posted_files

    with _house() as house, house.engine.connect() as conn:
        files = [row.file_id for row in posted_files(conn, partner)]
        chosen = [one for one in files if file_id in (None, one)]
        rows = [
            row | {"file_id": one} for one in chosen for row in months_of(conn, one).to_pylist()
        ]
    open_ones = [row for row in rows if row["category"] not in AGREED]
    _show(rows if everything else open_ones, as_json=as_json)
    raise typer.Exit(DIFFERS if open_ones else OK)


@premium.command("policy")
def show_policy(
    policy: Annotated[str, typer.Argument(help="The exchange's policy id.")],
    partner: PartnerId = None,
    as_json: Json = False,
) -> None:
    """Show all that was paid, charged or due of one policy, month by month.

    Exit code 0: all of it agrees; 1: something does not.
    """
    from ledger.premium import months_of_policy

    with _house() as house, house.engine.connect() as conn:
        rows = [dict(row._mapping) for row in months_of_policy(conn, policy, partner)]  # noqa: SLF001
    _show(rows, as_json=as_json)
    raise typer.Exit(DIFFERS if any(row["category"] not in AGREED for row in rows) else OK)


def _show(rows: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            print(json.dumps(row, default=str))  # noqa: T201 - the command's output
        return
    told = [
        {name: terminal.visible(cell) for name, cell in zip(_COLUMNS, _cells(row), strict=True)}
        for row in rows
    ]
    terminal.out.print(terminal.table_of("Premium months", told, right=_COLUMNS[-3:]))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of PREMIUM_MONTHS for people: what is due beside all that was paid."""
    paid = row["paid_before"] + row["payments"] + row["charges"]
    month = row["month"].strftime("%Y-%m") if row["month"] else ""
    due = "" if row["expected"] is None else str(row["expected"])
    policy = row["exchange_policy_id"] or ""
    amount = row["amount_type"] or ""
    category = row["category"].replace("_", " ")
    return (category, policy, month, amount, due, str(paid), str(row["difference"]))


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
