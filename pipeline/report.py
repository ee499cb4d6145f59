"""The night's error report: a CSV to the exchange; workbook, page and CSV for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from ledger.sent import sent_file_id
from pipeline.checked_tables import read_verdict
from pipeline.error_files import findings_in
from pipeline.journal import journal
from pipeline.outgoing import Letter, write_for
from pipeline.runs import Run, writing
from pipeline.wiring import House
from replies.error_findings import ERROR_ROWS, TOLD_TO_THE_EXCHANGE, ErrorFindings
from replies.error_report import CSV, PAGE, WORKBOOK, ErrorReport, Heading
from replies.spreadsheets import CsvWriter
from schemas.database import disposition, file, gate_batch, gate_file
from schemas.fault_points import reach
from schemas.limits import load_report_limits
from schemas.postgres_copy import copy_out
from schemas.tables import DISPOSITIONS
from strongroom.drafts import drafts
from strongroom.files import move_in

log = structlog.get_logger()

_LETTER = "letter.csv"
_CHUNK_BYTES = 1 << 20


@dataclass
class _Counts:
    """How many findings there are, and how many of them the exchange is told."""

    found: int = 0
    told: int = 0


def report_errors(house: House, run: Run, partner_id: str) -> int:
    """How many findings of this run the partner's exchange is told; without any it gets no report.

    People are told of warnings too, in `errors.csv`, `errors.xlsx` and `errors.html`.
    """
    folder = house.settings.reports_folder / str(run.run_id) / partner_id
    folder.mkdir(parents=True, exist_ok=True)
    with drafts(folder) as draft:
        with writing(house, run, partner_id, "errors reported") as conn:
            counts = _write(house, conn, run, partner_id, draft)
            already = sent_file_id(conn, "error_report", run.run_id, partner_id)
            if counts.told and already is None:
                writer = write_for(house, run, partner_id, conn)
                code = writer.exchange.function_codes.issuer_error_report
                letter = Letter("error_report", code, ending=".csv")
                writer.send(letter, _chunks(draft / _LETTER), run.run_id, None)
            journal(conn, run, "errors reported", partner=partner_id, rows=counts.told)
        if counts.found:
            _put_in_place(draft, folder)
            reach("report in place")
    log.info("errors reported", partner=partner_id, rows=counts.told)
    return counts.told


def _write(house: House, conn: sa.Connection, run: Run, partner_id: str, draft: Path) -> _Counts:
    """Writes the report and the letter about all checked files of the run into a folder."""
    title = f"Error report, {house.partner(partner_id).issuer_name}, run {run.run_id}"
    counts = _Counts()
    with (
        ErrorReport(draft, Heading(title, run.as_of)) as report,
        (draft / _LETTER).open("wb") as stream,
        CsvWriter(stream, ERROR_ROWS) as letter,
    ):
        for row in _checked_files(conn, run, partner_id):
            with _findings(house, conn, row) as findings:
                report.add(findings)
                counts.found += len(findings)
                if not findings.file.verdict.is_answered or row.kind == "correction":
                    continue  # nobody whom we know sent it, or we: only our own people are told
                for rows in findings.batches(load_report_limits().batch_rows, TOLD_TO_THE_EXCHANGE):
                    letter.write(rows)
                    counts.told += len(rows)
    return counts


def _checked_files(conn: sa.Connection, run: Run, partner_id: str) -> list[sa.Row[Any]]:
    """The enrollment files of the run that have a verdict, in the order of arrival.

    Among them are files of former nights whose batch a person has refused since: `is_refused`.
    """
    is_refused = file.c.state == "refused"
    rows = (
        sa.select(
            file.c.file_id,
            file.c.name,
            file.c.kind,
            file.c.storage_key,
            is_refused.label("is_refused"),
        )
        .outerjoin(gate_file, gate_file.c.file_id == file.c.file_id)
        .outerjoin(gate_batch, gate_batch.c.batch_id == gate_file.c.batch_id)
        .where(
            (file.c.run_id == run.run_id)
            | (is_refused & (gate_batch.c.settled_in_run == run.run_id)),
            file.c.partner_id == partner_id,
            file.c.direction == "exchange_to_issuer",
            file.c.verdict.is_not(None),
        )
        .order_by(file.c.file_id)
    )
    return list(conn.execute(rows))


@contextmanager
def _findings(house: House, conn: sa.Connection, row: sa.Row[Any]) -> Iterator[ErrorFindings]:
    folder = house.settings.tables_folder / str(row.file_id)
    columns = [disposition.c[name] for name in DISPOSITIONS.names]
    decided = sa.select(*columns).where(disposition.c.file_id == row.file_id)
    verdict = read_verdict(folder)
    if row.is_refused:  # its own faults were told in its night
        decided = decided.where(disposition.c.reason == "gate-refused")
        verdict = replace(verdict, issues=verdict.issues.slice(0, 0))
    dispositions = copy_out(conn, decided.order_by(disposition.c.member_ordinal), DISPOSITIONS)
    path = house.landing.verified_path(row.storage_key)
    with findings_in(path, row.name, folder, verdict, dispositions) as findings:
        yield findings


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _put_in_place(draft: Path, folder: Path) -> None:
    """Moves the files of people to where they are looked for, each whole and on the disk."""
    for name in (CSV, WORKBOOK, PAGE):
        move_in(draft / name, folder / name)
