"""What a demo prints at its end: its last files with their paths, and what must hold."""

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
_MOST_LINES = 30  # of a list of files; a demo of one night has fewer

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
        rows = conn.execute(files.order_by(file.c.file_id)).all()
    for direction, title in (
        ("exchange_to_issuer", "Received from the exchange"),
        ("issuer_to_exchange", "Sent to the exchange"),
    ):
        there = [
            f"{row.name:<46} {_state(row):<20} {house.settings.landing_folder / row.storage_key}"
            for row in rows
            if row.direction == direction
        ]
        _last(title, " (name, state, encrypted bytes)", there)
    of_runs = sorted(house.settings.reports_folder.rglob("*.*"), key=_run_and_name)
    _last("Reports and reconciliations", "", [str(path) for path in of_runs])
    _show_encryption(house)


def _show_encryption(house: House) -> None:
    """By what the home is encrypted, and how one of its files is read all the same."""
    if house.settings.encryption is not None:
        terminal.out.print(
            f"These files are encrypted, by keys in {house.settings.encryption.key_file}: a copy "
            "of the home without it tells nothing. `edi834 keys open FILE` reads one of them.",
            soft_wrap=True,
        )


def _run_and_name(path: Path) -> list[tuple[bool, int, str]]:
    """Orders `reports/RUN/…` by the number of the run, not by its digits."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in path.parts]


def _last(title: str, about: str, lines: list[str]) -> None:
    """A list, or the end of a long one with the count of all."""
    if len(lines) > _MOST_LINES:
        about += f", the last {_MOST_LINES} of {len(lines):,}"
    terminal.out.print(Text.assemble((title, "bold"), about))
    for line in lines[-_MOST_LINES:]:
        terminal.out.print(f"  {line}", soft_wrap=True)


def _state(row: sa.Row[Any]) -> str:
    """What became of a file, in words, with the note of the TA1 that refuses it."""
    state = str(row.state)
    if row.kind in ("acknowledgement", "month_answer", "pre_audit") and state == "applied":
        return "read"
    if state not in ("duplicate", "quarantined"):
        state = _VERDICTS.get(row.verdict) or _STATES.get(state, state)
    return f"{state}, TA1 {row.ta1_note}" if row.ta1_note else state


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
