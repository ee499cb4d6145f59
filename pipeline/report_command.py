"""`edi834 report`: what came of reconciliations over time, as files for people and programs."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline import terminal
from schemas.errors import Terminal

report = typer.Typer(no_args_is_help=True, help="Reports over many nights, as files.")
_DAY = ["%Y-%m-%d"]


class Form(StrEnum):
    """What the files are."""

    csv = "csv"
    xlsx = "xlsx"
    parquet = "parquet"
    pdf = "pdf"


@report.command()
def reconciliation(
    since: Annotated[datetime, typer.Option("--from", formats=_DAY, help="The first day (UTC).")],
    until: Annotated[datetime, typer.Option("--to", formats=_DAY, help="The last day.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    partner: Annotated[
        list[str] | None, typer.Option(help="Only this partner; may be given again.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = Form.xlsx,
) -> None:
    """Write match rates, where all went, breaks by cause and age, how good the work was, waivers.

    Of the carrier's records, the exchange's monthly answers, and its payments. Exit code 2: there
    was no reconciliation, or its parts are not all of it; nothing is written.
    """
    from ledger.sign_offs import Signer
    from pipeline.operators import account, name_of_operator
    from pipeline.reconciliation_report import write_report
    from pipeline.settings import load_settings
    from pipeline.wiring import open_house
    from reconciliation.reports import Asked

    if since > until:
        raise Terminal("--from is after --to. Give the earlier day first.")
    terminal.silence_logs()
    asked = Asked(since.date(), until.date(), tuple(partner or ()))
    settings = load_settings()
    taken_by = Signer(name_of_operator(settings), account())
    with open_house(settings) as house:
        written = write_report(house, asked, form.value, out, taken_by)
    told = ", ".join(f"{name} {rows:,}" for name, rows in written.items())
    terminal.out.print(f"{out}: {told} rows; every row and dollar accounted for", soft_wrap=True)
