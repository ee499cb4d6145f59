"""`edi834 matches`: which of the carrier's records is which member, where no id says so."""

import json
from typing import Annotated, Any

import typer

from pipeline import terminal
from pipeline.work_command import tell_all
from schemas.errors import Terminal

matches = typer.Typer(
    no_args_is_help=True, help="Members and records of the carrier that share no id."
)

Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="One pair or several.")]
By = Annotated[str, typer.Option(help="Who says so.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence without anybody's data.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, one object a line.")]


@matches.command("list")
def list_all(  # noqa: PLR0913 - one option for each way to look
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="In any state.")] = False,
    after: Annotated[int, typer.Option(help="Only behind this pair: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List pairs; without --all or --state those that wait for a person.

    Exit code 0: there is none; 1: there is one.
    """
    from pipeline.matches_report import as_object, matches_table
    from reconciliation.matches import list_matches

    with _house() as house, house.engine.connect() as conn:
        states = () if everything else _states(state)
        found = list_matches(conn, states, partner, after, limit)
    tell_all(
        found,
        as_object,
        matches_table,
        "There is no such pair.",
        as_json=as_json,
        key="match_id",
        limit=limit,
    )


def _states(state: str | None) -> tuple[str, ...]:
    from schemas.matches import STATES

    if state is not None and state not in STATES:
        raise Terminal(f"There is no state '{state}'. There are: {', '.join(STATES)}.")
    return (state or "proposed",)


@matches.command()
def show(
    match_id: Annotated[int, typer.Argument(metavar="ID", help="The pair.")],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show both records; the audit trail notes it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one pair: how alike both records are, why, and what was said of it."""
    from ledger import audit
    from pipeline.matches_report import both_records, match_object, show_match
    from pipeline.operators import account
    from reconciliation.matches import read_match

    with _house() as house, house.engine.begin() as conn:
        found = read_match(conn, match_id)
        if found is None:
            raise Terminal(f"There is no pair {match_id}. `edi834 matches list --all` names them.")
        sides = None
        if reveal:
            sides = both_records(house.settings.reports_folder, found[0])
            audit.note(conn, "revealed", "match", match_id, account=account())
    if as_json:
        shown = match_object(*found, sides)
        print(json.dumps(shown))  # noqa: T201 - the command's output
    else:
        show_match(*found, sides)


@matches.command()
def accept(ids: Ids, by: By, reason: Reason) -> None:
    """Say that both records of a pair are one member's: the next reconciliation compares them."""
    _say("accept", ids, by, reason)


@matches.command()
def refuse(ids: Ids, by: By, reason: Reason) -> None:
    """Say that the records of a pair are two members': no reconciliation pairs them again."""
    _say("refuse", ids, by, reason)


def _say(word: str, ids: list[int], by: str, reason: str) -> None:
    from pipeline.operators import account
    from reconciliation.matches import MatchWord, say

    with _house() as house, house.engine.begin() as conn:
        done = say(conn, sorted(set(ids)), MatchWord(word, by, account(), reason))
    more = len(set(ids)) - done
    if done:
        terminal.out.print(f"Noted, of {done} pair{'s' * (done != 1)}. The next night goes by it.")
    if more:
        terminal.out.print(
            f"{more} pair{'s' * (more != 1)} need{'s' * (more == 1)} another person."
        )


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
