"""`edi834 backup` and `edi834 restore`: a copy that is proved by restoring it."""

import json
from datetime import UTC, datetime
from logging import CRITICAL
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import terminal

OK, OPEN_ITEMS = 0, 1

backup = typer.Typer(no_args_is_help=True, help="Copies of the home, and whether they can be used.")


@backup.command()
def take(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder for the backup.")],
) -> None:
    """Back up database, landing zone, tables and reports, encrypted by the home's keys.

    Keys and configuration are not in it: keep those apart.
    """
    from pipeline.backup import back_up

    terminal.silence_logs()
    with _house() as house, terminal.doing("Backing up") as say:
        made = back_up(house, folder, datetime.now(UTC).replace(microsecond=0), say)
    terminal.out.print(f"{folder}: {len(made.files):,} files, up to {made.head}.", soft_wrap=True)


@backup.command()
def drill(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A backup; without, one is taken now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Restore a backup into a scratch home, verify it, and work its history again.

    Exit code 0: the same state; 1: something differs, and no rules or program since explain it;
    2: the backup cannot be restored.
    """
    from pipeline.drill import drill as try_out

    terminal.silence_logs(CRITICAL)
    with _house() as house, terminal.doing("The restore is tried") as say:
        found = try_out(house, folder, datetime.now(UTC).replace(microsecond=0), say)
    differences = _differences(found.replayed)
    if as_json:
        told = {
            "taken_at": found.taken_at, "holds": found.holds, "files": found.files,
            "entries": found.entries, "removed": found.removed, "differences": differences,
            "other_rules": found.other_rules,
        }  # fmt: skip
        print(json.dumps(told))  # noqa: T201 - the command's output
    else:
        terminal.out.print(
            f"Backup of {found.taken_at}: {found.files:,} files as they were written, "
            f"{found.entries:,} entries of the audit trail in one chain.",
            soft_wrap=True,
        )
        if found.removed:
            terminal.out.print(
                f"{found.removed:,} files are older than they have to be kept, and gone: their "
                "history is not worked again.",
                soft_wrap=True,
            )
        for sentence in differences:
            _say(sentence)
        for sentence in found.other_rules:
            _say(f"Rules or program were others then: {sentence}")
        how = ", by hashes and audit trail" if found.is_by_hashes else ""
        terminal.out.print(f"the same state{how}" if found.holds else "differs")
    raise typer.Exit(OK if found.holds else OPEN_ITEMS)


def _differences(replayed: Any) -> list[str]:
    """What the replay of the restored history has found, in sentences."""
    if replayed is None:
        return []
    more = [f"and {replayed.untold:,} more differences"] if replayed.untold else []
    return [*replayed.differences, *more, *([replayed.stopped] if replayed.stopped else [])]


def _say(sentence: str) -> None:
    terminal.out.print(f"  {terminal.visible(sentence)}", soft_wrap=True, markup=False)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A backup.")],
    home: Annotated[Path, typer.Option(help="An empty folder that becomes the home.")],
) -> None:
    """Make a home of a backup; its partners are held until a person resumes each.

    Control numbers go on behind a gap, so that none is used twice.
    """
    from pipeline.restore import GAPS
    from pipeline.restore import restore as put_back
    from pipeline.settings import load_settings

    with terminal.doing("Restoring") as say:
        found = put_back(folder, load_settings(home=home), say)
    terminal.out.print(
        f"{home} is as of {found.manifest.taken_at}. Control numbers go on {GAPS['interchange']:,} "
        f"further on, those of transaction sets {GAPS['transaction_set']:,}.",
        soft_wrap=True,
    )
    if found.in_doubt:
        terminal.out.print(
            f"{len(found.in_doubt):,} files of ours were not delivered yet when the backup was "
            "taken, and the exchange may have them since: `edi834 open-items` names them. Ask, "
            "then `edi834 outgoing arrived` or `edi834 outgoing lost`.",
            soft_wrap=True,
        )
    for partner_id in found.held:
        terminal.out.print(
            f"{partner_id} is held: see what the exchange has received since, then "
            f"`edi834 partners resume {partner_id}`.",
            soft_wrap=True,
        )


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    return open_house(load_settings())
