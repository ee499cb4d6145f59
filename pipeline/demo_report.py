"""What a demo prints at its end: every file with its path, and what must hold."""

from pathlib import Path

import sqlalchemy as sa
from rich.table import Table
from rich.text import Text

from pipeline import terminal
from pipeline.wiring import House
from schemas.database import file


def show_files(house: House) -> None:
    """Every file of the ledger, received and sent, and every report, each with its path."""
    with house.engine.connect() as conn:
        rows = conn.execute(sa.select(file).order_by(file.c.file_id)).all()
    for direction, title in (
        ("exchange_to_issuer", "Received from the exchange"),
        ("issuer_to_exchange", "Sent to the exchange"),
    ):
        terminal.out.print(Text.assemble((title, "bold"), " (name, state, bytes as stored)"))
        for row in rows:
            if row.direction == direction:
                state = (
                    f"{row.state} ({row.verdict.replace('_', ' ')})" if row.verdict else row.state
                )
                _line(row.name, state, house.settings.landing_folder / row.storage_key)
    terminal.out.print(Text("For people", "bold"))
    for path in sorted(house.settings.reports_folder.rglob("*.*")):
        terminal.out.print(f"  {path}", soft_wrap=True)


def _line(name: str, state: str, path: Path) -> None:
    terminal.out.print(f"  {name:<46} {state:<32} {path}", soft_wrap=True)


def show_findings(findings: list[tuple[str, bool]]) -> None:
    """What must hold at the end, with a mark on each."""
    table = Table(title="What must hold", title_justify="left", show_header=False)
    for sentence, holds in findings:
        table.add_row(terminal.mark(holds), sentence)
    terminal.out.print(table)
