"""`edi834 cases`: what of the exchange's files somebody must do something about."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline import terminal
from pipeline.work_command import (
    OK,
    OPEN_ITEMS,
    By,
    Reason,
    add_actions,
    states_of,
    tell_all,
    work_house,
)
from schemas.errors import Terminal

cases = typer.Typer(
    no_args_is_help=True, help="What was rejected, waits or is set apart, until it is mended."
)

Partner = Annotated[str | None, typer.Option(help="Only this partner's.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, one object a line.")]


@cases.command("list")
def list_all(  # noqa: PLR0913 - one option for each way to look
    partner: Partner = None,
    state: Annotated[str | None, typer.Option(help="Only in this state.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only of this kind: rejected, unnamed, waits, file.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only by this rule.")] = None,
    file_id: Annotated[int | None, typer.Option("--file", help="Only of this file.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    policy: Annotated[str | None, typer.Option(help="Only this exchange policy id.")] = None,
    snoozed: Annotated[bool, typer.Option("--snoozed", help="Snoozed ones too.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Resolved and waived too.")] = False,
    after: Annotated[int, typer.Option(help="Only behind this case: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List cases; without --all or --state those that somebody has to do something about.

    Exit code 0: there is none; 1: there is one.
    """
    from ledger.case_queries import WantedCases, list_cases
    from pipeline.breaks_report import as_object
    from pipeline.cases_report import cases_table

    today = None if snoozed or everything else datetime.now(UTC).date()
    wanted = WantedCases(
        states_of(state, everything=everything), partner, kind=kind, rule=rule, file_id=file_id,
        owner=owner, policy=policy, awake_on=today, after=after, limit=limit,
    )  # fmt: skip
    with work_house() as house, house.engine.connect() as conn:
        found = list_cases(conn, wanted)
    tell_all(
        found,
        as_object,
        cases_table,
        "There is no such case.",
        as_json=as_json,
        key="case_id",
        limit=limit,
    )


@cases.command()
def causes(partner: Partner = None, as_json: Json = False) -> None:
    """Show open cases by what they have in common: partner, kind, rule and element.

    Exit code 0: there is none; 1: there is one.
    """
    from ledger.case_queries import case_causes
    from pipeline.breaks_report import as_object
    from pipeline.cases_report import case_causes_table

    with work_house() as house, house.engine.connect() as conn:
        found = case_causes(conn, partner)
    tell_all(found, as_object, case_causes_table, "Nothing is open.", as_json=as_json)


@cases.command()
def show(
    case_id: Annotated[int, typer.Argument(metavar="ID", help="The case.")],
    reveal: Annotated[
        bool,
        typer.Option("--reveal", help="Unmask the member, and what a draft sets; it is noted."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one case: what is wrong, where, the member on all sides, what to do, what was done."""
    from ledger import audit
    from ledger.case_queries import read_case
    from ledger.corrections import corrections_of
    from pipeline.cases_report import (
        case_object,
        corrections_objects,
        show_case,
        show_corrections,
    )
    from pipeline.corrections import changed_segments
    from pipeline.operators import account
    from pipeline.sides_report import sides_objects, sides_table
    from pipeline.three_sides import of_work, three_sides

    with work_house() as house, house.engine.begin() as conn:
        found = read_case(conn, case_id)
        if found is None:
            raise Terminal(f"There is no case {case_id}. `edi834 cases list --all` names them.")
        sides = three_sides(house, conn, of_work("case", found.row))
        drafted = corrections_of(conn, case_id)
        newest = [row for row in drafted if reveal and row["state"] in ("draft", "released")]
        changed = {
            row["correction_id"]: changed_segments(house, row["correction_id"]) for row in newest
        }
        if reveal:
            audit.note(conn, "revealed", "case", case_id, account=account())
    if as_json:
        told = case_object(found) | {
            "sides": sides_objects(sides, reveal=reveal),
            "corrections": corrections_objects(drafted, changed),
        }
        print(json.dumps(told))  # noqa: T201 - the command's output
        return
    show_case(found)
    show_corrections(drafted, changed)
    if sides.fields:
        terminal.out.print(sides_table(sides, reveal=reveal))


@cases.command()
def correct(
    case_id: Annotated[int, typer.Argument(metavar="ID", help="The case.")],
    edits: Annotated[
        list[str],
        typer.Option("--set", help="An element and its new value: NM1*03=NEW, or #11*03=NEW."),
    ],
    by: By,
    reason: Reason,
    file_id: Annotated[
        int | None, typer.Option("--file", help="Only while the case is about this file.")
    ] = None,
) -> None:
    """Draft a correction of the rejected set, and say what our check says of it.

    The original stays as it came. Exit code 0: it could be resubmitted; 1: it would be rejected.
    """
    from ledger.corrections import FIT, Word
    from pipeline.cases_report import show_tried
    from pipeline.corrections import draft_correction
    from pipeline.operators import account

    with work_house() as house:
        word = Word(by, account(), reason)
        number, tried = draft_correction(house, case_id, edits, word, (file_id, None))
    show_tried(case_id, number, tried)
    raise typer.Exit(OK if tried.verdict.file_verdict in FIT else OPEN_ITEMS)


@cases.command()
def resubmit(
    case_id: Annotated[int, typer.Argument(metavar="ID", help="The case.")],
    by: By,
    reason: Reason,
    correction: Annotated[
        int | None, typer.Option(help="The draft that you have looked at: no other one goes.")
    ] = None,
) -> None:
    """Let the next night take in the case's draft, as if the exchange had sent it.

    Without --correction nothing goes, and it is said which draft is there. Where the draft moves
    coverage, ids or dollars, another person than has drafted it must.
    """
    from ledger.corrections import Word
    from pipeline.corrections import resubmit as release
    from pipeline.operators import account

    with work_house() as house:
        number = release(house, case_id, Word(by, account(), reason), correction)
    terminal.out.print(f"Correction {number} goes into the next night. The exchange hears nothing.")


add_actions(cases, "case")
