"""What a demo prints at its end: every file with its path, and what must hold."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.table import Table
from rich.text import Text

from pipeline import terminal
from pipeline.demo_findings import Finding
from pipeline.wiring import House
from schemas.database import file, interchange

_BREAKERS = 20  # shown of each finding

_STATES = {"staged": "held", "applied": "accepted"}
_VERDICTS = {
    "rejected": "rejected",
    "partially_accepted": "partly accepted",
    "accepted_with_errors": "accepted with errors",
}


def show_files(house: House) -> None:
    """Every file of the ledger, received and sent, and every report, each with its path."""
    ours = sa.select(file).where(file.c.direction == "issuer_to_exchange").subquery()
    answered = sa.select(ours.c.answers_file_id).where(ours.c.kind == "ta1")
    refusals = (
        sa.select(interchange.c.file_id, sa.func.min(interchange.c.ta1_note).label("note"))
        .where(
            interchange.c.ta1_code == "R",
            interchange.c.file_id.in_(answered.union(sa.select(ours.c.file_id))),
        )
        .group_by(interchange.c.file_id)
        .subquery()
    )
    files = sa.select(file, refusals.c.note.label("ta1_note")).outerjoin(
        refusals, refusals.c.file_id == file.c.file_id
    )
    with house.engine.connect() as conn:
        rows = conn.execute(files.order_by(file.c.partner_id, file.c.file_id)).all()
    for direction, title in (
        ("exchange_to_issuer", "Received from the exchange"),
        ("issuer_to_exchange", "Sent to the exchange"),
    ):
        terminal.out.print(Text.assemble((title, "bold"), " (name, state, bytes as stored)"))
        for row in rows:
            if row.direction == direction:
                _line(row.name, _state(row), house.settings.landing_folder / row.storage_key)
    terminal.out.print(Text("Reports and reconciliations", "bold"))
    for path in sorted(house.settings.reports_folder.rglob("*.*")):
        terminal.out.print(f"  {path}", soft_wrap=True)


def _state(row: sa.Row[Any]) -> str:
    """What became of a file, in words, with the note of the TA1 that refuses it."""
    state = str(row.state)
    if row.kind in ("acknowledgement", "month_answer") and state == "applied":
        return "read"
    if state not in ("duplicate", "quarantined"):
        state = _VERDICTS.get(row.verdict) or _STATES.get(state, state)
    return f"{state}, TA1 {row.ta1_note}" if row.ta1_note else state


def _line(name: str, state: str, path: Path) -> None:
    terminal.out.print(f"  {name:<46} {state:<20} {path}", soft_wrap=True)


def show_findings(findings: list[Finding]) -> None:
    """What must hold at the end, with a mark on each; then what breaks those that do not."""
    table = Table(title="What must hold", title_justify="left", show_header=False)
    for finding in findings:
        table.add_row(terminal.mark(finding.holds), finding.sentence)
    terminal.out.print(table)
    for finding in findings:
        more = len(finding.broken_by) - _BREAKERS
        for one in finding.broken_by[:_BREAKERS]:
            terminal.out.print(f"{finding.sentence}: no: {one}", soft_wrap=True)
        if more > 0:
            terminal.out.print(f"{finding.sentence}: no: {more:,} more", soft_wrap=True)
