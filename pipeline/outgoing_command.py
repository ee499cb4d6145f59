"""`edi834 outgoing`: what is decided and not sent, what waits for persons, and their word."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS = 0, 1

outgoing = typer.Typer(
    no_args_is_help=True, help="Transactions for the exchange: preview, hold and release."
)

Hold = Annotated[int, typer.Argument(metavar="ID", help="The hold.")]
SentFiles = Annotated[
    list[int], typer.Argument(metavar="FILE...", help="Files of ours, by their numbers.")
]
By = Annotated[str, typer.Option(help="Who says so; each person once.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence without anybody's data.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@outgoing.command("list")
def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Decided holds too.")] = False,
    as_json: Json = False,
) -> None:
    """List what ends coverage and waits for persons.

    Exit code 0: there is nothing; 1: there is something.
    """
    from enrollment.holds import holds
    from pipeline.outgoing_report import hold_object, hold_table

    with _house() as house, house.engine.connect() as conn:
        known = holds(conn)
    open_ones = [one for one in known if one.is_open]
    shown = known if everything else open_ones
    if as_json:
        for one in shown:
            print(json.dumps(hold_object(one), default=str))  # noqa: T201 - the command's output
    elif shown:
        terminal.out.print(hold_table(shown))
    else:
        terminal.out.print("Nothing waits for a person before it is sent.")
    raise typer.Exit(OPEN_ITEMS if open_ones else OK)


@outgoing.command()
def show(hold: Hold, as_json: Json = False) -> None:
    """Show what a hold would end: each policy as it is and as it would be, with dollars."""
    from enrollment.holds import holds
    from enrollment.previews import preview
    from pipeline.outgoing_report import hold_object, preview_object, show_hold, show_preview

    with _house() as house, house.engine.connect() as conn:
        found = [one for one in holds(conn) if one.hold_id == hold]
        if not found:
            raise Terminal(f"There is no hold {hold}. `edi834 outgoing list --all` names them.")
        rows = preview(conn, found[0].partner_id, hold_id=hold)
    if as_json:
        shown = {**hold_object(found[0]), "decisions": preview_object(rows)}
        print(json.dumps(shown, default=str))  # noqa: T201 - the command's output
        return
    show_hold(found[0])
    show_preview(rows)


@outgoing.command("preview")
def preview_night(
    partner: Annotated[str, typer.Option(help="The trading partner.")],
    as_of: Annotated[
        datetime | None, typer.Option(help="As if the night were this moment (UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the next night would send to an exchange as things stand, and change nothing."""
    from pipeline.outgoing_report import preview_object, show_preview
    from pipeline.previewing import preview_of_night

    with _house() as house:
        rows = preview_of_night(house, partner, as_of)
    if as_json:
        print(json.dumps(preview_object(rows), default=str))  # noqa: T201 - the command's output
        return
    show_preview(rows)


@outgoing.command()
def release(hold: Hold, by: By, reason: Reason) -> None:
    """Release a hold: with the last person's word its transactions go out with the next night."""
    held = _speak(hold, "released", by, reason)
    if held.state == "released":
        terminal.out.print(f"Hold {hold} is released. The next `edi834 night` sends it.")
    else:
        missing = held.persons - len(held.released_by)
        people = "1 more person" if missing == 1 else f"{missing} more persons"
        terminal.out.print(f"Noted. Hold {hold} waits for {people}.")


@outgoing.command()
def refuse(hold: Hold, by: By, reason: Reason) -> None:
    """Keep back what is held: none of it is sent."""
    _speak(hold, "refused", by, reason)
    terminal.out.print(f"Hold {hold} is refused: none of it is sent.")


@outgoing.command()
def again(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="The exchange's policy id.")],
    partner: Annotated[str, typer.Option(help="The trading partner.")],
    by: By,
    reason: Reason,
) -> None:
    """Let what was rejected, or refused by persons, of a policy be decided by the next night."""
    from pipeline.again import let_again

    if not by.strip() or not reason.strip():
        raise Terminal("This needs a person and a reason. Give --by and --reason.")
    with _house() as house, house.engine.begin() as conn:
        let_again(conn, house.partner(partner).id, policy, by.strip(), reason.strip())
    terminal.out.print(
        f"Noted. The next `edi834 night` decides it again if it still follows: edi834 outgoing "
        f"preview --partner {partner}."
    )


@outgoing.command()
def arrived(files: SentFiles, by: By, reason: Reason) -> None:
    """Say that the exchange has files of ours that are in doubt: they are not sent again."""
    named = _decide(files, "delivery arrived", by, reason)
    terminal.out.print(f"Noted. The next `edi834 night` has {named} as delivered.")


@outgoing.command()
def lost(files: SentFiles, by: By, reason: Reason) -> None:
    """Say that the exchange has not got files of ours that are in doubt: they are sent again."""
    named = _decide(files, "delivery lost", by, reason)
    terminal.out.print(f"Noted. The next `edi834 night` sends {named} again, unchanged.")


def _decide(
    file_ids: list[int], decided: Literal["delivery arrived", "delivery lost"], by: str, reason: str
) -> str:
    """Decides about all of them, or none; what they are called in a sentence."""
    from ledger.corrections import Word
    from ledger.sent import decide_delivery
    from pipeline.operators import account

    with _house() as house, house.engine.begin() as conn:
        for file_id in sorted(set(file_ids)):
            decide_delivery(conn, file_id, decided, Word(by, account(), reason))
    return " and ".join(f"file {file_id}" for file_id in sorted(set(file_ids)))


def _speak(hold: int, word: Literal["released", "refused"], by: str, reason: str) -> Any:
    from enrollment.holds import Spoken, speak
    from pipeline.operators import account

    with _house() as house, house.engine.begin() as conn:
        return speak(conn, hold, Spoken(word, by.strip(), account(), reason.strip()))


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
