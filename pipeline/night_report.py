"""What a night looks like in a terminal: its balance, and what failed."""

from collections.abc import Sequence

import pyarrow as pa
from rich.table import Table

from ledger.carrier_readings import CarrierReading
from ledger.expected_files import ExpectedFile
from pipeline import terminal
from pipeline.gate_report import show_at_gate
from pipeline.night import NightResult
from pipeline.partners_command import expected_sentence, hold_sentence
from schemas.moments import typed


def show_night(
    result: NightResult, open_items: dict[str, int], missing: Sequence[ExpectedFile] = ()
) -> None:
    """The balance of the night, what the gate says, what failed, and the audit trail's end.

    `open_items` are those of the book, counted by kind; `missing` files that have not come.
    """
    if len(result.balance):
        terminal.out.print(balance_table(result.balance))
    else:
        terminal.out.print("No file came in.")
    for one in result.at_gate:
        show_at_gate(one)
    for reading in result.stale:
        terminal.out.print(stale_sentence(reading), soft_wrap=True)
    for held in result.held:
        terminal.out.print(hold_sentence(held), soft_wrap=True)
    for file in missing:
        terminal.out.print(expected_sentence(file), soft_wrap=True)
    show_failures(result)
    if open_items:
        counted = ", ".join(f"{kind} {count:,}" for kind, count in open_items.items())
        terminal.out.print(f"Open items: {counted}. edi834 open-items lists them.", soft_wrap=True)
    terminal.out.print(
        f"Run {result.run.run_id} ({typed(result.run.as_of)}): {result.state.replace('_', ' ')}."
    )
    terminal.out.print(f"The audit trail ends with {result.anchor}", soft_wrap=True)


def stale_sentence(reading: CarrierReading) -> str:
    """Which carrier's records are stale since when, what follows from it, and what to do."""
    what, since = "records", reading.unchanged_since
    follows = "Nobody's coverage ends by them"
    if not reading.is_stale:
        what, since = "payments", reading.payments_since
        follows = "Nobody's coverage ends for want of one"
    return (
        f"Stale: the carrier's {what} of {reading.partner_id} are those of "
        f"{since:%Y-%m-%d %H:%M %Z}. {follows}. Deliver new "
        f"ones, or if they are true: edi834 carrier accept {reading.partner_id} --by NAME "
        "--reason TEXT."
    )


def stale_object(reading: CarrierReading) -> dict[str, str]:
    """The same for programs: since when all of the records, and the payments, are the same."""
    return {
        "partner_id": reading.partner_id,
        "unchanged_since": reading.unchanged_since.isoformat(),
        "payments_unchanged_since": reading.payments_since.isoformat(),
    }


def show_failures(result: NightResult) -> None:
    """One line on standard error for each step that failed."""
    for failure in result.failures:
        terminal.fail(f"{failure.partner_id}, {failure.step}: {failure.sentence}")


def balance_table(balance: pa.Table) -> Table:
    """What came in and where it is, with a mark on each row whose parts make up the whole."""
    table = Table(title="Balance of the night", title_justify="left")
    table.add_column("partner")
    table.add_column("what")
    for name in ("in", "accepted", "rejected", "held", "pending", "balances"):
        table.add_column(name, justify="right")
    for row in balance.to_pylist():
        parts = row["accepted"], row["rejected"], row["held"], row["pending"]
        balances = row["received"] == sum(parts)
        table.add_row(
            row["partner_id"],
            row["level"],
            *(f"{n:,}" for n in (row["received"], *parts)),
            terminal.mark(balances),
        )
    return table
