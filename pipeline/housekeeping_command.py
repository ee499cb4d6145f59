"""`edi834 housekeeping`: the chores that a scheduler does each day."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline import terminal

OK, OPEN_ITEMS = 0, 1


def housekeeping(
    chores: Annotated[
        list[str] | None, typer.Argument(metavar="[CHORE]…", help="Only these; else all.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Machine-readable output, one object a line.")
    ] = False,
) -> None:
    """Verify the audit trail and stored files, tidy up, tell what expires, remove what may go.

    Exit code 0: all is well; 1: a person has to do something.
    """
    from pipeline.housekeeping import CHORES, do_chore
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    now = datetime.now(UTC)
    with open_house(load_settings()) as house, terminal.doing("Housekeeping"):
        found = [do_chore(house, one, now) for one in chores or CHORES]
    for one in found:
        if as_json:
            print(json.dumps(asdict(one)))  # noqa: T201 - the command's output
        elif one.is_well:
            terminal.out.print(f"{one.chore}: {one.sentence}", soft_wrap=True)
        else:
            terminal.fail(f"{one.chore}: {one.sentence}")
    raise typer.Exit(OK if all(one.is_well for one in found) else OPEN_ITEMS)
