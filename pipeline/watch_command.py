"""`edi834 metrics` and `edi834 alerts`: the figures that are watched, and who is told of them."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pipeline import terminal

OK, OPEN_ITEMS, FAILED = 0, 1, 2


def metrics() -> None:
    """Print the figures that are watched, as Prometheus reads them.

    For a file that node_exporter's textfile collector reads, where no console is open.
    """
    from pipeline.exposition import exposition
    from pipeline.figures import figures
    from pipeline.work_command import work_house

    with work_house() as house:
        text = exposition(figures(house))
    sys.stdout.write(text.decode())


def alerts(
    as_of: Annotated[datetime | None, typer.Option(help="As if it were this moment (UTC).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Hold the figures against the conditions of schemas/watch.toml; tell of each alert once.

    Meant to run every few minutes. Whom it tells is a setting: a webhook, e-mail, or both.

    Exit code 0: nothing is open; 1: something is; 2: somebody could not be told.
    """
    from pipeline.alerts import evaluate
    from pipeline.work_command import work_house

    now = as_of.replace(tzinfo=UTC) if as_of and as_of.tzinfo is None else as_of
    with work_house() as house:
        found = evaluate(house, now)
    if as_json:
        told = {"open": [vars(one) for one in found.open], "told": found.told}
        print(json.dumps(told | {"failures": found.failures}, default=str))  # noqa: T201
    elif found.open:
        _show(found.open)
    else:
        terminal.out.print("Nothing that is watched is beyond its bound.")
    for sentence in found.failures:
        terminal.fail(sentence)
    raise typer.Exit(FAILED if found.failures else OPEN_ITEMS if found.open else OK)


def _show(found: list[Any]) -> None:
    from schemas.watch import load_watch

    for one in found:
        condition = load_watch().condition(one.rule)
        terminal.out.print(
            f"{condition.severity}: {one.rule} ({one.subject}), since "
            f"{one.opened_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. {condition.question} Yes. "
            f"{condition.do}",
            soft_wrap=True,
        )
