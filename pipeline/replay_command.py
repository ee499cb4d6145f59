"""`edi834 replay`: the same run again, and what is not the same."""

import json
from logging import CRITICAL
from typing import Annotated, Any

import typer

from pipeline import terminal

OK, OPEN_ITEMS = 0, 1

Run = Annotated[int | None, typer.Argument(metavar="[RUN]", help="The run; without, all runs.")]
Keep = Annotated[bool, typer.Option(help="Leave database and folder of the replay.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def replay(run: Run = None, *, keep: Keep = False, as_json: Json = False) -> None:
    """Work the history up to a run again, from the raw bytes, and compare all that came of it.

    Exit code 0: identical; 1: something differs; 2: it cannot be replayed.
    """
    from pipeline.replay import replay as play
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs(CRITICAL)  # what was worth an alert then was told then
    with (
        open_house(load_settings()) as house,
        terminal.doing("History is worked again") as say,
    ):
        found = play(house, run, keep=keep, tell=say)
    if as_json:
        print(json.dumps(_object(found)))  # noqa: T201 - the command's output
    else:
        _show(found)
    raise typer.Exit(OK if found.is_identical else OPEN_ITEMS)


def _object(found: Any) -> dict[str, Any]:
    from schemas.replay import load_uncompared

    return {
        "run": found.run_id,
        "as_of": found.moment.isoformat(),
        "runs": found.runs,
        "identical": found.is_identical,
        "compared": dict(found.compared),
        "differences": found.differences,
        "untold": found.untold,
        "stopped": found.stopped,
        "other_rules": found.other_rules,
        "has_later": found.has_later,
        "kept": found.kept,
        "left_out": load_uncompared().sentences,
    }


def _show(found: Any) -> None:
    """What was compared; then every difference, and what it may come from; at last the word."""
    runs = "1 run" if found.runs == 1 else f"{found.runs:,} runs"
    terminal.out.print(
        f"Run {found.run_id} ({found.moment:%Y-%m-%d %H:%M %Z}), {runs} worked again"
    )
    for what, count in found.compared.items():
        terminal.out.print(f"{count:>12,} {what}")
    for sentence in found.differences:
        _say(sentence)
    if found.untold:
        _say(f"and {found.untold:,} more differences in the tables named above")
    if found.stopped:
        _say(found.stopped)
    _show_causes(found)
    if found.kept:
        _say(f"Kept: database {found.kept[0]}, folder {found.kept[1]}")
    terminal.out.print("identical" if found.is_identical else "differs")


def _show_causes(found: Any) -> None:
    if found.has_later:
        _say(
            "What later runs have changed since is compared as the audit trail tells it, and not "
            "as rows."
        )
    for sentence in found.other_rules:
        _say(f"Rules or program were others then: {sentence}")
    if not found.is_identical and not found.other_rules:
        _say(
            "Rules and program are those of then: what differs was altered since, or a library or "
            "PostgreSQL is of another version."
        )


def _say(sentence: str) -> None:
    terminal.out.print(f"  {terminal.visible(sentence)}", soft_wrap=True, markup=False)
