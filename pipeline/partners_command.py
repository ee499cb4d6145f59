"""`edi834 partners`: hold and resume one, and the files that its exchange owes us."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pipeline import terminal
from pipeline.work_command import By, Reason, work_house
from schemas.moments import typed

OK, OPEN_ITEMS = 0, 1

partners = typer.Typer(
    no_args_is_help=True, help="Trading partners: who is held, and which files are missing."
)

Partner = Annotated[str, typer.Argument(metavar="PARTNER", help="The trading partner.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, one object a line.")]


def _word(by: str, reason: str) -> Any:
    from ledger.corrections import Word
    from pipeline.operators import account

    return Word(by, account(), reason)


@partners.command("list")
def list_partners(as_json: Json = False) -> None:
    """List the partners that have a mailbox, and who of them is held since when and why.

    Exit code 0: none is held; 1: one is.
    """
    from ledger.operator_words import partner_holds

    with work_house() as house, house.engine.connect() as conn:
        known = house.partner_ids
        held = partner_holds(conn, known)
    if as_json:
        for one in known:
            told = {"partner_id": one, "held": vars(held[one]) if one in held else None}
            print(json.dumps(told, default=str))  # noqa: T201 - the command's output
    else:
        for one in known:
            terminal.out.print(hold_sentence(held[one]) if one in held else f"{one}: at work.")
    raise typer.Exit(OPEN_ITEMS if held else OK)


def hold_sentence(held: Any) -> str:
    """Who has held the partner since when and why, and what ends it."""
    return (
        f"Held: nothing of {held.partner_id} is applied or sent since "
        f"{held.said_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, by {held.person}: {held.reason} "
        f"edi834 partners resume {held.partner_id} --by NAME --reason TEXT ends it."
    )


@partners.command()
def hold(partner: Partner, by: By, reason: Reason) -> None:
    """Apply and send nothing of a partner until it is resumed; its files still come and are kept.

    What is under way in this minute ends; no step begins after it.
    """
    from ledger.operator_words import hold_partner

    with work_house() as house, house.engine.begin() as conn:
        hold_partner(conn, house.partner(partner).id, _word(by, reason))
    terminal.out.print(f"{partner} is held. Its files still come, and wait.")


@partners.command()
def resume(partner: Partner, by: By, reason: Reason) -> None:
    """End a hold: the next night applies and sends what has waited."""
    from ledger.operator_words import is_held, resume_partner

    with work_house() as house, house.engine.begin() as conn:
        # One that is held and has no file any more is resumed, too: else no night would balance.
        partner_id = partner if is_held(conn, partner) else house.partner(partner).id
        resume_partner(conn, partner_id, _word(by, reason))
    terminal.out.print(f"{partner} is resumed. The next `edi834 night` does what has waited.")


@partners.command()
def expected(
    partner: Annotated[str | None, typer.Option(help="Only of this partner.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="What has come, too.")] = False,
    as_json: Json = False,
) -> None:
    """List files that the exchange was expected to drop, and have not come.

    Exit code 0: nothing is missing that nobody has explained; 1: something is.
    """
    from pipeline.expected import expected as all_expected

    with work_house() as house, house.engine.connect() as conn:
        only = [house.partner(partner).id] if partner else None
        known = all_expected(house, conn, only)
    open_ones = [one for one in known if one.is_alarm]
    waited_for = [one for one in known if one.is_alarm or one.state == "expected"]
    shown = known if everything else waited_for
    if as_json:
        for one in shown:
            print(json.dumps(vars(one), default=str))  # noqa: T201 - the command's output
    elif shown:
        for one in shown:
            terminal.out.print(expected_sentence(one), soft_wrap=True)
    else:
        terminal.out.print("Every file that was expected has come, or somebody has said why not.")
    raise typer.Exit(OPEN_ITEMS if open_ones else OK)


def expected_sentence(one: Any) -> str:
    """What has become of a file that was expected."""
    due = one.due_at.astimezone(UTC)
    state = one.state.capitalize()
    told = f"{state}: {one.kind} file of {one.partner_id}, due {due:%Y-%m-%d %H:%M} UTC"
    if one.arrived_at:
        return (
            f"{told}, came {one.arrived_at.astimezone(UTC):%Y-%m-%d %H:%M} as file {one.file_id}."
        )
    if one.explained_by:
        return f"{told}. {one.explained_by}: {one.reason}"
    if one.state == "missing":
        return (
            f"{told}. Ask the exchange; if none comes: edi834 partners explain {one.partner_id} "
            f"{typed(due)} --by NAME --reason TEXT."
        )
    return f"{told}."


@partners.command()
def explain(
    partner: Partner,
    due: Annotated[datetime, typer.Argument(metavar="DUE", help="When it was due (UTC).")],
    by: By,
    reason: Reason,
    kind: Annotated[str, typer.Option(help="Of which kind the file is.")] = "enrollment",
) -> None:
    """Say why a file that was expected does not come: its alarm ends."""
    from pipeline.expected import explain as close_alarm

    due_at = due if due.tzinfo else due.replace(tzinfo=UTC)
    with work_house() as house, house.engine.begin() as conn:
        close_alarm(house, conn, (house.partner(partner).id, kind, due_at), _word(by, reason))
    terminal.out.print("Noted. The alarm is closed.")


@partners.command()
def retry(
    partner: Partner,
    run: Annotated[int, typer.Option(help="The run in which a step has failed.")],
    by: By,
    reason: Reason,
) -> None:
    """Do the first failed step of a partner's night and those that follow it again now.

    At that night's own clock, so only while no later night has worked for the partner: that one
    does what an earlier one has left. Exit code 0: they have gone through; 1: something has failed
    again.
    """
    from ledger.operator_words import ask_again
    from ledger.step_failures import failures
    from pipeline.night import try_again

    with work_house() as house:
        partner_id = house.partner(partner).id
        with house.engine.begin() as conn:
            failed = [one for one in failures(conn, run) if one.partner_id == partner_id]
            for one in failed:
                ask_again(conn, run, partner_id, one.step, _word(by, reason))
        with terminal.doing("The failed steps are done again") as say:
            try_again(house, run, partner_id, say)
        with house.engine.connect() as conn:
            left = [one for one in failures(conn, run) if one.partner_id == partner_id]
    for one in left:
        terminal.fail(f"{partner_id}, {one.step}: {one.sentence}")
    if not left:
        terminal.out.print(f"What had failed of {partner_id} in run {run} has gone through.")
    raise typer.Exit(OPEN_ITEMS if left else OK)
