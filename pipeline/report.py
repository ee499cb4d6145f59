"""The night's error report to the exchange, and the same as a page for people."""

from typing import Any

import pyarrow as pa
import sqlalchemy as sa
import structlog

from ledger.sent import sent_file_id
from pipeline.checked_tables import read_table, read_verdict
from pipeline.outgoing import Letter, write_for
from pipeline.runs import Run
from pipeline.wiring import House
from reconciliation.snapshots import write_durably
from replies.error_report import (
    ReportedFile,
    Wording,
    error_rows,
    write_error_report_csv,
    write_error_report_html,
)
from schemas.catalog import Rule, load_rules
from schemas.database import disposition, file
from schemas.postgres_copy import copy_out
from schemas.tables import DISPOSITIONS

log = structlog.get_logger()


def report_errors(house: House, run: Run, partner_id: str) -> int:
    """How many rows the partner's error report of this run has; without any there is no report."""
    with house.engine.begin() as conn:
        parts = [
            error_rows(_reported(house, conn, row), _wording())
            for row in _checked_files(conn, run, partner_id)
        ]
        rows = pa.concat_tables(parts) if parts else None
        if rows is None or not len(rows):
            return 0
        if sent_file_id(conn, "error_report", run.run_id, partner_id) is None:
            writer = write_for(house, run, partner_id, conn)
            code = writer.exchange.function_codes.issuer_error_report
            letter = Letter("error_report", code, ending=".csv")
            writer.send(letter, write_error_report_csv(rows), run.run_id, None)
    title = f"Error report, {house.partner(partner_id).issuer_name}, run {run.run_id}"
    page = write_error_report_html(rows, title, run.as_of)
    folder = house.settings.reports_folder / str(run.run_id) / partner_id
    write_durably(folder / "errors.html", page)
    write_durably(folder / "errors.csv", write_error_report_csv(rows))
    log.info("errors reported", partner=partner_id, rows=len(rows))
    return len(rows)


def _wording() -> Wording:
    rules = load_rules()
    return Wording(
        sentences={rule.id: _sentence(rule) for rule in rules.values()},
        fixes={rule.id: rule.fix for rule in rules.values()},
    )


def _sentence(rule: Rule) -> str:
    """What is said to a member that is rejected for a place that is not its own."""
    if "{" not in rule.wording:
        return rule.wording
    return "The member is rejected with its transaction set, which breaks this rule elsewhere."


def _checked_files(conn: sa.Connection, run: Run, partner_id: str) -> list[sa.Row[Any]]:
    """The enrollment files of the run that have a verdict, in the order of arrival."""
    rows = (
        sa.select(file.c.file_id, file.c.name)
        .where(
            file.c.run_id == run.run_id,
            file.c.partner_id == partner_id,
            file.c.direction == "exchange_to_issuer",
            file.c.verdict.is_not(None),
        )
        .order_by(file.c.file_id)
    )
    return list(conn.execute(rows))


def _reported(house: House, conn: sa.Connection, row: sa.Row[Any]) -> ReportedFile:
    folder = house.settings.tables_folder / str(row.file_id)
    columns = [disposition.c[name] for name in DISPOSITIONS.names]
    decided = sa.select(*columns).where(disposition.c.file_id == row.file_id)
    return ReportedFile(
        file_name=row.name,
        verdict=read_verdict(folder),
        members=read_table(folder, "members"),
        dispositions=copy_out(conn, decided.order_by(disposition.c.member_ordinal), DISPOSITIONS),
    )
