"""`edi834 housekeeping`: the chores that a scheduler does each day."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import terminal

if TYPE_CHECKING:
    from pipeline.housekeeping import Found

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

    A chore that cannot be done is told, and the others go on. Exit code 0: all is well; 1: a person
    has to do something.
    """
    from pipeline.housekeeping import CHORES, do_chore_or_tell, require_chores
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    now = datetime.now(UTC)
    wanted = chores or list(CHORES)
    require_chores(wanted)
    is_well = True
    with open_house(load_settings()) as house, terminal.doing("Housekeeping"):
        for chore in wanted:
            found = do_chore_or_tell(house, chore, now)
            is_well &= found.is_well
            _tell(found, as_json=as_json)
    raise typer.Exit(OK if is_well else OPEN_ITEMS)


def _tell(found: "Found", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(found)), flush=True)  # noqa: T201 - the command's output
    elif found.is_well:
        terminal.out.print(f"{found.chore}: {found.sentence}", soft_wrap=True)
    else:
        terminal.fail(f"{found.chore}: {found.sentence}")
