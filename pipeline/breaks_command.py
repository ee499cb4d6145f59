"""`edi834 breaks`: what both sides disagree about, since when, and whose move it is."""

import json
from typing import Annotated

import typer

from pipeline.work_command import add_actions, states_of, tell_all, work_house
from schemas.errors import Terminal

breaks = typer.Typer(no_args_is_help=True, help="Disagreements that live until they are gone.")

Partner = Annotated[str | None, typer.Option(help="Only this partner's.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, one object a line.")]


@breaks.command("list")
def list_all(  # noqa: PLR0913 - one option for each way to look
    partner: Partner = None,
    state: Annotated[str | None, typer.Option(help="Only in this state.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Only of this comparison: carrier, monthly, premium.")
    ] = None,
    field: Annotated[str | None, typer.Option(help="Only about this field.")] = None,
    file_id: Annotated[int | None, typer.Option("--file", help="Only behind this file.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this person's.")] = None,
    policy: Annotated[str | None, typer.Option(help="Only this exchange policy id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved and waived too.")] = False,
    after: Annotated[int, typer.Option(help="Only behind this break: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List breaks; without --all or --state those that somebody has to do something about.

    Exit code 0: there is none; 1: there is one.
    """
    from pipeline.breaks_report import as_object, breaks_table
    from reconciliation.break_queries import Wanted, list_breaks

    states = states_of(state, everything=everything)
    wanted = Wanted(
        states, partner, source=_source(source), field=field, file_id=file_id, owner=owner,
        policy=policy, after=after, limit=limit,
    )  # fmt: skip
    with work_house() as house, house.engine.connect() as conn:
        found = list_breaks(conn, wanted)
    tell_all(
        found,
        as_object,
        breaks_table,
        "There is no such break.",
        as_json=as_json,
        key="break_id",
        limit=limit,
    )


def _source(source: str | None) -> str | None:
    from schemas.breaks import load_break_rules

    known = [one.name for one in load_break_rules().sources]
    if source is not None and source.replace("-", "_") not in known:
        raise Terminal(f"There is no comparison '{source}'. There are: {', '.join(known)}.")
    return source and source.replace("-", "_")


@breaks.command()
def causes(partner: Partner = None, as_json: Json = False) -> None:
    """Show open breaks by what they have in common: comparison, field, and file of the exchange.

    Exit code 0: there is none; 1: there is one.
    """
    from pipeline.breaks_report import as_object, causes_table
    from reconciliation.break_queries import causes as causes_of

    with work_house() as house, house.engine.connect() as conn:
        found = causes_of(conn, partner)
    tell_all(found, as_object, causes_table, "Nothing is open.", as_json=as_json)


@breaks.command()
def show(
    break_id: Annotated[int, typer.Argument(metavar="ID", help="The break.")],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Unmask both values; the audit trail notes it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one break: what differs, what to do, where the exchange said it, and what was done."""
    from ledger import audit
    from pipeline.breaks_report import break_object, show_break
    from pipeline.operators import account
    from reconciliation.break_queries import read_break

    with work_house() as house, house.engine.begin() as conn:
        found = read_break(conn, break_id)
        if found is None:
            raise Terminal(f"There is no break {break_id}. `edi834 breaks list --all` names them.")
        if reveal:
            audit.note(conn, "revealed", "break", break_id, account=account())
    if as_json:
        shown = break_object(found, reveal=reveal)
        print(json.dumps(shown))  # noqa: T201 - the command's output
    else:
        show_break(found, reveal=reveal)


add_actions(breaks, "break")
