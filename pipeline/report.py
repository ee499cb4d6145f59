"""The night's error report: a CSV to the exchange; workbook, page and CSV for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
import structlog

from ledger.reported import ToReport, record_reported, to_report
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
from schemas.database import disposition
from schemas.fault_points import reach
from schemas.limits import load_report_limits
from schemas.postgres_copy import copy_out
from schemas.tables import DISPOSITIONS
from strongroom.drafts import drafts
from strongroom.files import move_in

log = structlog.get_logger()

_LETTER = "letter.csv"
_CHUNK_BYTES = 1 << 20
_REFUSALS = ("gate-refused", "correction-overtaken")  # for what the verdict has accepted


@dataclass
class _Counts:
    """How many findings there are, and how many of them the exchange is told: of each file."""

    found: int = 0
    told: dict[ToReport, int] = field(default_factory=dict)


def report_errors(house: House, run: Run, partner_id: str) -> int:
    """How many findings the partner's exchange is told of; without any it gets no report.

    They are those of all files that were checked and are in no former report, whenever they came.
    The exchange gets one report of a run: what is found after it goes into the next run's. People
    are told of warnings too, in `errors.csv`, `errors.xlsx` and `errors.html`, and at once.
    """
    folder = house.settings.reports_folder / str(run.run_id) / partner_id
    folder.mkdir(parents=True, exist_ok=True)
    with drafts(folder) as draft:
        with writing(house, run, partner_id, "errors reported") as conn:
            counts = _write(house, conn, run, partner_id, draft)
            told = sum(counts.told.values())
            is_out = sent_file_id(conn, "error_report", run.run_id, partner_id) is not None
            if told and not is_out:
                writer = write_for(house, run, partner_id, conn)
                code = writer.exchange.function_codes.issuer_error_report
                letter = Letter("error_report", code, ending=".csv")
                writer.send(letter, _chunks(draft / _LETTER), run.run_id, None)
            settled = [one for one, rows in counts.told.items() if not (rows and is_out)]
            record_reported(conn, run.run_id, settled)
            journal(conn, run, "errors reported", partner=partner_id, rows=told)
        if counts.found:
            _put_in_place(draft, folder)
            reach("report in place")
    log.info("errors reported", partner=partner_id, rows=told)
    return told


def _write(house: House, conn: sa.Connection, run: Run, partner_id: str, draft: Path) -> _Counts:
    """Writes the report and the letter about the files of the run's report into a folder."""
    title = f"Error report, {house.partner(partner_id).issuer_name}, run {run.run_id}"
    counts = _Counts()
    with (
        ErrorReport(draft, Heading(title, run.as_of)) as report,
        (draft / _LETTER).open("wb") as stream,
        CsvWriter(stream, ERROR_ROWS) as letter,
    ):
        for one in to_report(conn, run.run_id, partner_id):
            counts.told[one] = 0
            with _findings(house, conn, one) as findings:
                report.add(findings)
                counts.found += len(findings)
                if not findings.file.verdict.is_answered or one.kind == "correction":
                    continue  # nobody whom we know sent it, or we: only our own people are told
                for rows in findings.batches(load_report_limits().batch_rows, TOLD_TO_THE_EXCHANGE):
                    letter.write(rows)
                    counts.told[one] += len(rows)
    return counts


@contextmanager
def _findings(house: House, conn: sa.Connection, one: ToReport) -> Iterator[ErrorFindings]:
    folder = house.settings.tables_folder / str(one.file_id)
    columns = [disposition.c[name] for name in DISPOSITIONS.names]
    decided = sa.select(*columns).where(disposition.c.file_id == one.file_id)
    verdict = read_verdict(folder)
    if "verdict" not in one.parts:  # its own faults were told before its batch was refused
        decided = decided.where(sa.or_(*(disposition.c.reason == reason for reason in _REFUSALS)))
        verdict = replace(verdict, issues=verdict.issues.slice(0, 0))
    elif "refusal" not in one.parts:  # that was told, or is to be, in another run's report
        others = (disposition.c.reason.is_distinct_from(reason) for reason in _REFUSALS)
        decided = decided.where(*others)
    dispositions = copy_out(conn, decided.order_by(disposition.c.member_ordinal), DISPOSITIONS)
    path = house.landing.verified_path(one.storage_key)
    with findings_in(path, one.name, folder, verdict, dispositions) as findings:
        yield findings


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _put_in_place(draft: Path, folder: Path) -> None:
    """Moves the files of people to where they are looked for, each whole and on the disk."""
    for name in (CSV, WORKBOOK, PAGE):
        move_in(draft / name, folder / name)
