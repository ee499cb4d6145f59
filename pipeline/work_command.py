"""What `edi834 breaks` and `edi834 cases` have in common: the words of persons."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS = 0, 1

Noun = Literal["break", "case"]
Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="One or several.")]
By = Annotated[str, typer.Option(help="Who says so.")]
To = Annotated[str, typer.Option(help="Whose they are from now on.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence without anybody's data.")]
Until = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its last day.")]


def add_actions(app: typer.Typer, noun: Noun) -> None:
    """Adds a command for each word that a person may say of breaks or of cases."""
    _add_owners(app, noun)
    _add_moves(app, noun)
    _add_days(app, noun)


def _add_owners(app: typer.Typer, noun: Noun) -> None:
    @app.command(help=f"Give {noun}s to somebody.")
    def assign(
        ids: Ids, to: To, by: By, reason: Annotated[str | None, typer.Option(help="Why.")] = None
    ) -> None:
        _act(noun, ids, "assign", by, reason=reason, owner=to)

    @app.command(help=f"Give {noun}s to somebody who can do more: to the top of the queue.")
    def escalate(ids: Ids, to: To, by: By, reason: Reason) -> None:
        _act(noun, ids, "escalate", by, reason=reason, owner=to)


def _add_moves(app: typer.Typer, noun: Noun) -> None:
    @app.command(help=f"Say that somebody works on {noun}s.")
    def begin(ids: Ids, by: By) -> None:
        _act(noun, ids, "begin", by)

    @app.command(help="Say that it is the exchange's or the carrier's move.")
    def wait(
        ids: Ids,
        side: Annotated[str, typer.Option("--for", help="Whose move it is: exchange or carrier.")],
        by: By,
        reason: Reason,
    ) -> None:
        if side not in ("exchange", "carrier"):
            raise Terminal(f"'{side}' makes no move. Give --for exchange or --for carrier.")
        _act(noun, ids, f"wait-for-{side}", by, reason=reason)

    @app.command(help=f"Say something about {noun}s; their state stays.")
    def note(ids: Ids, by: By, reason: Reason) -> None:
        _act(noun, ids, "note", by, reason=reason)

    @app.command(help="Draft disputes: a person releases them (`edi834 disputes`).")
    def dispute(ids: Ids, by: By, reason: Reason) -> None:
        _dispute(noun, ids, by, reason)

    if noun == "case":

        @app.command(help="Say that a file that nobody will send again is done with.")
        def close(ids: Ids, by: By, reason: Reason) -> None:
            _act(noun, ids, "close", by, reason=reason)


def _add_days(app: typer.Typer, noun: Noun) -> None:
    @app.command(help=f"Let {noun}s stand until a day: after it they open again by themselves.")
    def waive(ids: Ids, until: Until, by: By, reason: Reason) -> None:
        _act(noun, ids, "waive", by, reason=reason, until=_to_come(until))

    @app.command(help=f"Take {noun}s out of the queue until a day; their clock goes on.")
    def snooze(ids: Ids, until: Until, by: By, reason: Reason) -> None:
        _act(noun, ids, "snooze", by, reason=reason, until=_to_come(until))

    @app.command(help="As the second person: let a waiver that somebody has asked for hold.")
    def allow(ids: Ids, by: By, reason: Reason) -> None:
        _act(noun, ids, "allow", by, reason=reason)

    @app.command(help="As the second person: no waiver, somebody goes on with it.")
    def refuse(ids: Ids, by: By, reason: Reason) -> None:
        _act(noun, ids, "refuse", by, reason=reason)

    @app.command(help="End a waiver before its day.")
    def reopen(ids: Ids, by: By, reason: Reason) -> None:
        _act(noun, ids, "reopen", by, reason=reason)


def _to_come(until: datetime) -> Any:
    if until.date() < datetime.now(UTC).date():
        raise Terminal(f"{until:%Y-%m-%d} is past. Give --until a day to come.")
    return until.date()


def _act(noun: Noun, ids: list[int], action: str, by: str, **said: Any) -> None:
    from ledger.words import Said, act, needing_second
    from pipeline.operators import account
    from schemas.breaks import BREAKS
    from schemas.cases import CASES

    desk = BREAKS if noun == "break" else CASES
    with work_house() as house, house.engine.begin() as conn:
        done = act(conn, desk, sorted(set(ids)), Said(action, by, account(), **said))
        asked = needing_second(conn, desk, ids, action) if action == "waive" else []
    terminal.out.print(f"Noted, of {done} {noun}{'s' * (done != 1)}.")
    if asked:
        named = " ".join(map(str, asked))
        terminal.out.print(
            f"Another person must allow it: `edi834 {noun}s allow {named}`.", soft_wrap=True
        )


def _dispute(noun: Noun, ids: list[int], by: str, reason: str) -> None:
    from ledger.corrections import Word
    from pipeline.disputes import draft
    from pipeline.operators import account

    with work_house() as house, house.engine.begin() as conn:
        made = draft(conn, house, noun, sorted(set(ids)), Word(by, account(), reason))
    named = " ".join(map(str, made))
    terminal.out.print(f"Drafted. To release: `edi834 disputes release {named}`.", soft_wrap=True)


def tell_all(  # noqa: PLR0913 - what is told, and how
    rows: Sequence[Mapping[str, Any]],
    as_object: Callable[[Any], Mapping[str, Any]],
    table: Callable[[Any], object],
    nothing: str,
    *,
    as_json: bool,
    key: str = "",
    limit: int = 0,
) -> NoReturn:
    """Prints rows, and ends: exit code 0 without any, 1 with some.

    A page that is full, of `limit` rows, says by their `key` where the next one begins.
    """
    if as_json:
        for row in rows:
            print(json.dumps(as_object(row)))  # noqa: T201 - the command's output
    elif rows:
        terminal.out.print(table(rows))
        if len(rows) == limit:
            terminal.out.print(f"There may be more: --after {rows[-1][key]}.")
    else:
        terminal.out.print(nothing)
    raise typer.Exit(OPEN_ITEMS if rows else OK)


def states_of(state: str | None, *, everything: bool) -> tuple[str, ...]:
    """The states that are asked for: the one that is named, all, or those that are open."""
    from schemas.work import STATES, load_work_rules

    if state is None:
        return () if everything else load_work_rules().open
    wanted = state.replace("-", "_")
    if wanted not in STATES:
        raise Terminal(f"There is no state '{state}'. There are: {', '.join(STATES)}.")
    return (wanted,)


def work_house() -> Any:
    """The house, with silent logs."""
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
