"""`edi834 files`: what is set apart, one file judged again, and released from the quarantine."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from pipeline import terminal
from pipeline.work_command import By, Reason, work_house

OK, OPEN_ITEMS = 0, 1

files = typer.Typer(no_args_is_help=True, help="Single files: judge one again, or let one in.")

File = Annotated[int, typer.Argument(metavar="ID", help="The file's number in the ledger.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, one object a line.")]


class Rules(StrEnum):
    """By which rules a file is judged again."""

    then = "then"
    today = "today"
    released = "released"


@files.command("list")
def list_files(
    partner: Annotated[str | None, typer.Option(help="Only of this partner.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List the files in quarantine, and who has released which.

    Exit code 0: none waits for a person; 1: one does.
    """
    from ledger.operator_words import in_quarantine

    with work_house() as house, house.engine.connect() as conn:
        known = in_quarantine(conn, [partner] if partner else None)
    waiting = [row for row in known if row["released_by"] is None]
    shown = known if everything else waiting
    if as_json:
        for row in shown:
            print(json.dumps(row, default=str))  # noqa: T201 - the command's output
    elif shown:
        cells = [{name: terminal.visible(str(row[name] or "")) for name in row} for row in shown]
        terminal.out.print(terminal.table_of("Files in quarantine", cells))
    else:
        terminal.out.print("No file waits in quarantine.")
    raise typer.Exit(OPEN_ITEMS if waiting else OK)


@files.command()
def reprocess(
    file: File,
    rules: Annotated[
        Rules, typer.Option(help="Those of the day on which it came, of today, or as released.")
    ] = Rules.today,
    as_json: Json = False,
) -> None:
    """Judge a file again beside the verdict that stands. Nothing is changed by it.

    Exit code 0: the same; 1: something would be otherwise; 2: it cannot be judged again.
    """
    from pipeline.reprocess import reprocess as judge_again
    from pipeline.reprocess_report import again_object, show_again
    from validators.crews import Processes

    with work_house() as house, terminal.doing(f"File {file} is judged again"):
        again = judge_again(house, file, rules.value, crew=Processes(1))
    if as_json:
        print(json.dumps(again_object(again), default=str))  # noqa: T201 - the command's output
    else:
        show_again(again)
    raise typer.Exit(OK if again.is_the_same else OPEN_ITEMS)


@files.command()
def release(file: File, by: By, reason: Reason) -> None:
    """Let the next night take in a file that was set apart, without the rule that did so.

    The original and its verdict stay; what is taken in has the same bytes, and is answered.
    """
    from ledger.corrections import Word
    from pipeline.operators import account
    from pipeline.releases import release as let_in
    from pipeline.reprocess_report import show_again

    with work_house() as house:
        tried: Any = let_in(house, file, Word(by, account(), reason))
    show_again(tried)
    terminal.out.print(f"File {file} is released. The next `edi834 night` takes it in.")
