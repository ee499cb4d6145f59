"""`edi834 gate`: what is held, with the figures, and the second person's decision about it."""

import json
from typing import Annotated, Any, Literal

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS = 0, 1

gate = typer.Typer(no_args_is_help=True, help="Batches that wait for a person before the book.")

Batch = Annotated[int, typer.Argument(metavar="ID", help="The batch.")]
By = Annotated[str, typer.Option(help="Who decides; not who ran the night.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence without anybody's data.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@gate.command("list")
def list_batches(
    everything: Annotated[bool, typer.Option("--all", help="Settled batches too.")] = False,
    as_json: Json = False,
) -> None:
    """List the batches that the gate keeps from the book.

    Exit code 0: there is none; 1: there are some.
    """
    from pipeline.gate import batches_at_gate
    from pipeline.gate_report import batch_table, gate_object

    with _house() as house:
        known = batches_at_gate(house)
    open_ones = [one for one in known if one.batch.is_kept_out]
    shown = known if everything else open_ones
    if as_json:
        for one in shown:
            print(json.dumps(gate_object(one), default=str))  # noqa: T201 - the command's output
    elif shown:
        terminal.out.print(batch_table(shown))
    else:
        terminal.out.print("The gate keeps nothing from the book.")
    raise typer.Exit(OPEN_ITEMS if open_ones else OK)


@gate.command()
def show(batch: Batch, as_json: Json = False) -> None:
    """Show what was found about a batch, with the bounds, and what was decided."""
    from pipeline.gate import batches_at_gate
    from pipeline.gate_report import finding_table, gate_object, show_at_gate

    with _house() as house:
        found = [one for one in batches_at_gate(house) if one.batch.batch_id == batch]
    if not found:
        raise Terminal(f"There is no batch {batch}. `edi834 gate list --all` names them.")
    (one,) = found
    if as_json:
        print(json.dumps(gate_object(one), default=str))  # noqa: T201 - the command's output
        return
    show_at_gate(one)
    if one.batch.decided_by:
        by, why = one.batch.decided_by, one.batch.reason
        moment = f"{one.batch.decided_at:%Y-%m-%d %H:%M %Z}"
        terminal.out.print(f"{one.batch.state} by {by}, {moment}: {why}", soft_wrap=True)
    terminal.out.print(finding_table(one.findings))


@gate.command()
def release(batch: Batch, by: By, reason: Reason) -> None:
    """Let a held batch into the book: the next night applies it."""
    _decide(batch, "released", by, reason)
    terminal.out.print(f"Batch {batch} is released. The next `edi834 night` applies it.")


@gate.command()
def refuse(batch: Batch, by: By, reason: Reason) -> None:
    """Keep a held batch out of the book for good."""
    _decide(batch, "refused", by, reason)
    terminal.out.print(f"Batch {batch} is refused. The next `edi834 night` reports its members.")


def _decide(
    batch: int, decision: Literal["released", "refused"], decided_by: str, reason: str
) -> None:
    from ledger.gates import Decision, decide
    from pipeline.operators import account

    with _house() as house, house.engine.begin() as conn:
        decide(conn, batch, Decision(decision, decided_by.strip(), account(), reason.strip()))


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
