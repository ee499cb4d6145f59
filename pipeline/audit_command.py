"""`edi834 audit`: is the trail whole, what does it say, and a copy for an auditor."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS = 0, 1

audit = typer.Typer(no_args_is_help=True, help="The trail of every change of state, in one chain.")

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@audit.command()
def verify(
    anchor: Annotated[
        str | None, typer.Option(help="An end of the chain that a night printed; keep them apart.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk along the chain and name the first entry that was altered, removed or moved.

    Without an anchor nothing tells that entries are missing at the end. The walk is noted beside
    the trail.

    Exit code 0: whole; 1: not whole.
    """
    from ledger import audit as trail
    from pipeline.audit_report import show_end
    from pipeline.chain import verify_chain

    known = trail.Anchor.of(anchor) if anchor else None
    with _house() as house:
        found = verify_chain(house, known)
    if as_json:
        print(json.dumps(asdict(found)))  # noqa: T201 - the command's output
    elif found.fault is None:
        show_end(found.head)
    else:
        terminal.fail(f"the audit trail is not whole: {found.fault.sentence}.")
    raise typer.Exit(OK if found.is_whole else OPEN_ITEMS)


@audit.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The JSON Lines to write.")],
) -> None:
    """Write all entries as JSON Lines; `docs/verify_audit.py` verifies them without edi834."""
    from ledger import audit as trail

    draft = file.with_name(f".{file.name}.draft")
    end = trail.NOTHING_YET
    try:
        with (
            _house() as house,
            house.engine.connect() as conn,
            draft.open("w", encoding="utf-8") as lines,
        ):
            for entry in trail.entries(conn):
                lines.write(entry.as_line)
                end = trail.Anchor(entry.ordinal, entry.hash)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    terminal.out.print(f"{file}: {end.ordinal:,} entries, the last is {end}", soft_wrap=True)


@audit.command("list")
def list_entries(
    of_object: Annotated[
        str | None,
        typer.Option(
            "--object", metavar="KIND:ID", help="run, file, batch, acceptance, period or export."
        ),
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="From this moment on (UTC).")] = None,
    as_json: Json = False,
) -> None:
    """Show what happened, in order; to everything, or to one run, file, batch, period or export.

    Exit code 0: shown; 1: there is nothing.
    """
    from ledger import audit as trail
    from pipeline.audit_report import timeline

    moment = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
    wanted = _object(of_object) if of_object else None
    with _house() as house, house.engine.connect() as conn:
        found = list(trail.entries(conn, wanted, moment))
    if as_json:
        for entry in found:
            print(entry.as_line, end="")  # noqa: T201 - the command's output
    elif found:
        terminal.out.print(timeline(found))
    else:
        terminal.out.print("The audit trail has nothing of that.")
    raise typer.Exit(OK if found else OPEN_ITEMS)


_OBJECTS = ("run", "file", "batch", "acceptance", "period", "export")


def _object(text: str) -> tuple[str, int]:
    kind, _, number = text.partition(":")
    if kind not in _OBJECTS or not number.isdecimal():
        raise Terminal(f"--object names none of {', '.join(_OBJECTS)}. Give it as file:17.")
    return kind, int(number)


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
