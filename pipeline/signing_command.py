"""`edi834 audit sample`, `sign`, `review` and `signed`: an auditor's own work."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from pipeline import terminal
from schemas.errors import Terminal

OK, OPEN_ITEMS = 0, 1
_DAY = ["%Y-%m-%d"]

Since = Annotated[datetime, typer.Option("--from", formats=_DAY, help="The first day (UTC).")]
Until = Annotated[datetime, typer.Option("--to", formats=_DAY, help="The last day.")]
Partner = Annotated[str | None, typer.Option(help="Only this partner's.")]
By = Annotated[str, typer.Option(help="Who signs.")]
Note = Annotated[str, typer.Option(help="What was looked at, without anybody's data.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output, one object a line.")]


def sample(  # noqa: PLR0913 - one option for each filter
    population: Annotated[str, typer.Argument(help="members, breaks or transactions.")],
    since: Since,
    until: Until,
    seed: Annotated[str, typer.Option(help="What the lots come from: the same, the same rows.")],
    n: Annotated[int, typer.Option("--n", min=1, max=10_000, help="How many.")] = 25,
    partner: Partner = None,
    line: Annotated[str | None, typer.Option(help="Only this insurance line.")] = None,
    as_json: Json = False,
) -> None:
    """Draw a random sample that anybody can draw again; the audit trail notes it.

    Members as the book knew them at the end of the last day; breaks that were first seen, and
    transactions whose file came, in those days. Exit code 0: drawn; 1: there is nothing to draw.
    """
    from pipeline.signing_report import sample_table
    from pipeline.taking_samples import take_sample
    from reconciliation.samples import Draw

    draw = Draw(population, _asked(since, until, partner), seed, n, line)
    with _house() as house:
        drawn = take_sample(house, draw, _signer(house))
    if as_json:
        for row in drawn.rows.to_pylist():
            print(json.dumps(row))  # noqa: T201 - the command's output
    elif drawn.rows.num_rows:
        terminal.out.print(sample_table(draw, drawn))
    else:
        terminal.out.print("There is nothing to draw.")
    raise typer.Exit(OK if drawn.rows.num_rows else OPEN_ITEMS)


def sign(
    partner: Annotated[str, typer.Option(help="Whose period.")],
    since: Since,
    until: Until,
    by: By,
    note: Note,
) -> None:
    """Sign the report of a period as its preparer: its bytes are kept, by their hash."""
    from pipeline.signing import prepare_period

    asked = _asked(since, until, partner)
    with _house() as house:
        number = prepare_period(house, asked, _signer(house, by), note)
    terminal.out.print(
        f"Period {number} is prepared. Another person reviews it: "
        f"edi834 audit review {number} --by NAME --note TEXT",
        soft_wrap=True,
    )


def review(
    number: Annotated[int, typer.Argument(metavar="PERIOD", help="The period.")],
    by: By,
    note: Note,
) -> None:
    """Sign a prepared period as its reviewer, if its figures are still those."""
    from pipeline.signing import review_period

    with _house() as house:
        review_period(house, number, _signer(house, by), note)
    terminal.out.print(f"Period {number} is signed.")


def signed(
    number: Annotated[int | None, typer.Argument(metavar="PERIOD", help="Only this one.")] = None,
    partner: Partner = None,
    as_json: Json = False,
) -> None:
    """Show which periods are signed and by whom; of one, whether its figures are still those.

    Exit code 0: shown, and one period's figures are still those; 1: there is none, or they differ.
    """
    from ledger.sign_offs import signed_periods
    from pipeline.signing import changed_since, require_period
    from pipeline.signing_report import changed_table, period_object, periods_table

    with _house() as house, house.engine.connect() as conn:
        if number is None:
            found = signed_periods(conn, [partner] if partner else [])
            changed = None
        else:
            found = [require_period(conn, number)]
            changed = changed_since(house, conn, found[0])
    if as_json:
        for one in found:
            print(json.dumps(period_object(one, changed)))  # noqa: T201 - the command's output
    elif found:
        terminal.out.print(periods_table(found))
        if changed is not None:
            terminal.out.print(changed_table(changed) if changed else "The figures are those.")
    else:
        terminal.out.print("No period is signed.")
    raise typer.Exit(OK if found and not changed else OPEN_ITEMS)


def _asked(since: datetime, until: datetime, partner: str | None) -> Any:
    from reconciliation.reports import Asked

    if since > until:
        raise Terminal("--from is after --to. Give the earlier day first.")
    return Asked(since.date(), until.date(), (partner,) if partner else ())


def _signer(house: Any, person: str | None = None) -> Any:
    from ledger.sign_offs import Signer
    from pipeline.operators import account, name_of_operator

    return Signer(person or name_of_operator(house.settings), account())


def _house() -> Any:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house

    terminal.silence_logs()
    return open_house(load_settings())
