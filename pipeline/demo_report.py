"""What a demo prints at its end: every file with its path, and what must hold."""

import sqlalchemy as sa
from rich.table import Table

from pipeline import terminal
from pipeline.wiring import House
from schemas.database import file


def show_files(house: House) -> None:
    """Every file of the ledger: direction, name, state, and where its bytes are."""
    table = Table(title="Files", title_justify="left")
    for name in ("direction", "name", "state", "verdict"):
        table.add_column(name.replace("_", " "), overflow="fold")
    with house.engine.connect() as conn:
        rows = conn.execute(sa.select(file).order_by(file.c.file_id)).all()
    for row in rows:
        table.add_row(
            "in" if row.direction == "exchange_to_issuer" else "out",
            row.name,
            row.state,
            (row.verdict or "").replace("_", " "),
        )
    terminal.out.print(table)
    for row in rows:
        path = house.settings.landing_folder / row.storage_key
        terminal.out.print(f"{row.name}  {path}", soft_wrap=True)
    for page in sorted(house.settings.reports_folder.glob("*/*/*")):
        terminal.out.print(str(page), soft_wrap=True)


def show_findings(findings: list[tuple[str, bool]]) -> None:
    """What must hold at the end, with a mark on each."""
    table = Table(title="What must hold", title_justify="left", show_header=False)
    for sentence, holds in findings:
        table.add_row("yes" if holds else "[red]NO[/red]", sentence)
    terminal.out.print(table)
