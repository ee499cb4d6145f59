"""`edi834 month`: what we tell the exchange each month, its answer, and what persons make of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS, FAILED = 0, 1, 2

month = typer.Typer(
    no_args_is_help=True, help="The monthly reconciliation with the exchange: RCNI and RCNO."
)

PartnerId = Annotated[str, typer.Option(help="The trading partner.")]
Year = Annotated[int, typer.Option(min=2014, max=2099, help="The coverage year.")]
Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="Actions, by their ids.")]
Held = Annotated[int, typer.Argument(metavar="ID", help="The held pre-audit file.")]
By = Annotated[str, typer.Option(help="Who says so.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence without anybody's data.")]
AsOf = Annotated[datetime | None, typer.Option(help="As known at this moment (UTC).")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@month.command()
def rcni(
    partner: PartnerId,
    year: Year,
    out: Annotated[Path, typer.Option(help="Folder for the file.")],
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Write what the book says of a coverage year, read back and proved."""
    from pipeline.month import build_rcni
    from pipeline.month_report import rcni_object, show_rcni

    with _house() as house:
        written = build_rcni(house, partner, year, _moment(as_of), out)
    if as_json:
        print(json.dumps(rcni_object(written)))  # noqa: T201 - the command's output
    else:
        show_rcni(written)


@month.command()
def files(
    partner: Annotated[str | None, typer.Option(help="Only this partner.")] = None,
    as_json: Json = False,
) -> None:
    """List what was written, sent and answered, with what is to be done next."""
    from pipeline.month_report import file_object, file_table
    from reconciliation.months import month_files

    with _house() as house, house.engine.connect() as conn:
        if partner:
            house.partner(partner)
        known = month_files(conn, partner)
    if as_json:
        for one in known:
            print(json.dumps(file_object(one), default=str))  # noqa: T201 - the command's output
    elif known:
        terminal.out.print(file_table(known))
    else:
        terminal.out.print("There is none. `edi834 month rcni` writes the first one.")


@month.command()
def send(
    file: Annotated[int, typer.Argument(metavar="ID", help="The written RCNI.")],
    by: By,
    reason: Reason,
) -> None:
    """Release a written RCNI: the partner's next night delivers it to the exchange."""
    from pipeline.operators import account
    from reconciliation.months import release as release_file

    with _house() as house, house.engine.begin() as conn:
        name = release_file(conn, file, by, account(), reason)
    terminal.out.print(f"{name} goes out with the next `edi834 night`.", soft_wrap=True)


@month.command()
def accept(file: Held, by: By, reason: Reason) -> None:
    """Let a held pre-audit file be compared, though it leaves out many: a second person's word."""
    _decide_held(file, "loaded", by, reason)
    terminal.out.print(f"Monthly file {file} is compared from the next `edi834 night` on.")


@month.command()
def refuse(file: Held, by: By, reason: Reason) -> None:
    """Keep a held pre-audit file from being compared: the one before it goes on to hold."""
    _decide_held(file, "refused", by, reason)
    terminal.out.print(f"Monthly file {file} is refused. Ask the exchange for a whole one.")


def _decide_held(file: int, state: Literal["loaded", "refused"], by: str, reason: str) -> None:
    from pipeline.operators import account
    from pipeline.pre_audit import decide_held_file
    from reconciliation.months import Said

    with _house() as house:
        decide_held_file(house, file, state, Said(by, account(), reason))


@month.command()
def rcno(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The exchange's answer.")],
    partner: PartnerId,
    year: Year,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Take in an answer that did not come by the mailbox: an RCNO, or a discrepancy file.

    What comes by the mailbox the night takes in by itself.

    Exit code 0: all agree; 1: something follows; 2: refused, and nothing is changed.
    """
    from pipeline.month_by_hand import load_answer
    from pipeline.month_report import answer_object, show_answer

    if not file.is_file():
        raise Terminal(f"{file} is no file. Correct the path.")
    with _house() as house:
        loaded = load_answer(house, partner, year, file, _moment(as_of))
    if as_json:
        print(json.dumps(answer_object(loaded)))  # noqa: T201 - the command's output
    else:
        show_answer(loaded)
    if loaded.state == "refused":
        raise typer.Exit(FAILED)
    differs = loaded.balance is not None and loaded.balance.rows["matched"] < loaded.balance.records
    raise typer.Exit(OPEN_ITEMS if differs else OK)


@month.command()
def actions(
    partner: Annotated[str | None, typer.Option(help="Only this partner.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List what follows from the answers and waits for a person.

    Exit code 0: nothing waits; 1: something does.
    """
    from pipeline.month_report import action_object, action_table
    from reconciliation.months import list_actions

    with _house() as house, house.engine.connect() as conn:
        if partner:
            house.partner(partner)
        known = list_actions(conn, partner, everything=everything)
    if as_json:
        for one in known:
            print(json.dumps(action_object(one), default=str))  # noqa: T201 - the command's output
    elif known:
        terminal.out.print(action_table(known))
    else:
        terminal.out.print("Nothing waits for a person.")
    waits = any(one["state"] in ("open", "draft") for one in known)
    raise typer.Exit(OPEN_ITEMS if waits else OK)


@month.command()
def show(
    action: Annotated[int, typer.Argument(metavar="ID", help="The action.")],
    reveal: Annotated[bool, typer.Option(help="Show both values; it is noted.")] = False,
    as_json: Json = False,
) -> None:
    """Show one action with its evidence: the bytes of the answer, and of what told us our value."""
    from ledger import audit
    from pipeline.month_report import action_object, show_action
    from pipeline.operators import account
    from reconciliation.months import list_actions

    with _house() as house, house.engine.begin() as conn:
        found = list_actions(conn, everything=True, action_id=action)
        if not found:
            raise Terminal(f"There is no action {action}. `edi834 month actions --all` lists them.")
        if reveal:
            audit.note(conn, "revealed", "month action", action, account=account())
    if as_json:
        told = action_object(found[0], reveal=reveal)
        print(json.dumps(told, default=str))  # noqa: T201 - the command's output
    else:
        show_action(found[0], reveal=reveal)


@month.command()
def release(ids: Ids, by: By, reason: Reason) -> None:
    """Release drafts of disputes: `edi834 month disputes` writes them."""
    _speak("released", ids, by, reason)


@month.command()
def drop(ids: Ids, by: By, reason: Reason) -> None:
    """Let actions go: nothing is disputed or corrected."""
    _speak("dropped", ids, by, reason)


@month.command()
def done(ids: Ids, by: By, reason: Reason) -> None:
    """Say that our records were corrected, or that somebody has looked."""
    _speak("done", ids, by, reason)


@month.command()
def disputes(
    out: Annotated[Path, typer.Option(help="The file to write.")],
    partner: Annotated[str | None, typer.Option(help="The trading partner.")] = None,
    again: Annotated[
        int | None, typer.Option(metavar="N", help="File N once more, byte for byte.")
    ] = None,
) -> None:
    """Write the partner's released disputes that were in no file yet, a line each with evidence.

    Exit code 0: written; 1: nothing is new, and no file is written; 2: not possible.
    """
    from ledger.sign_offs import Signer
    from pipeline.month_disputes import write_again, write_disputes
    from pipeline.month_report import nothing_to_dispute
    from pipeline.operators import account, name_of_operator

    with _house() as house:
        taken_by = Signer(name_of_operator(house.settings), account())
        partner_id = house.partner(partner).id if partner else None
        if again is not None:
            file = write_again(house, again, out, taken_by, partner_id)
        elif partner_id is None:
            raise Terminal("Whose disputes are to be written? Give --partner, or --again.")
        else:
            written = write_disputes(house, partner_id, out, taken_by)
            if written is None:
                terminal.out.print(nothing_to_dispute(house, partner_id), soft_wrap=True)
                raise typer.Exit(OPEN_ITEMS)
            file = written
    terminal.out.print(
        f"{out}: file {file.dispute_file_id} of disputes, {file.disputes:,} of them, "
        f"{file.dollars:,.2f} dollars a month",
        soft_wrap=True,
    )


def _speak(word: Any, ids: list[int], by: str, reason: str) -> None:
    from pipeline.operators import account
    from reconciliation.months import Spoken, speak

    with _house() as house, house.engine.begin() as conn:
        dollars = speak(conn, ids, Spoken(word, by.strip(), account(), reason.strip()))
    many = "1 action is" if len(set(ids)) == 1 else f"{len(set(ids)):,} actions are"
    terminal.out.print(f"{many} {word}: {dollars:,.2f} dollars a month.")


def _moment(as_of: datetime | None) -> datetime:
    if as_of is None:
        return datetime.now(UTC).replace(microsecond=0)
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
