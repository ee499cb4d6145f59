"""A report on reconciliations as files: CSV, a workbook, Parquet, or a PDF."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xlsxwriter

from ledger.sign_offs import Export, Signer, record_export
from pipeline.period_report import Report, read_report
from pipeline.wiring import House
from reconciliation.reports import Asked
from reconciliation.snapshots import write_durably
from replies.report_pdf import write_pdf
from replies.spreadsheets import CsvWriter, Worksheet

Format = Literal["csv", "xlsx", "parquet", "pdf"]
WORKBOOK, PAPER = "reconciliation.xlsx", "reconciliation.pdf"


def write_report(
    house: House, asked: Asked, form: Format, folder: Path, taken_by: Signer
) -> dict[str, int]:
    """How many rows each table of the report has, by the name of its file or sheet.

    The audit trail has from then on who took what. Raises Terminal, and writes nothing, as
    `period_report.read_report` does.
    """
    report = read_report(house, asked)
    with tempfile.TemporaryDirectory(prefix=".report.", dir=_made(folder)) as name:
        draft = Path(name)
        export_report(house, report, form, draft, taken_by)
        for file in sorted(draft.iterdir()):
            file.replace(folder / file.name)
    return report.rows


def export_report(
    house: House, report: Report, form: Format, folder: Path, taken_by: Signer
) -> list[Path]:
    """Files of the report in an empty folder, recorded before anybody has them.

    Raises Terminal when no such form is known.
    """
    _FORMS[form]({"about": report.about, **report.tables}, folder)
    files = sorted(folder.iterdir())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    export = Export("reconciliation", form, report.filters, report.run_ids, report.rows, digest)
    with house.engine.begin() as conn:
        record_export(conn, export, taken_by)
    return files


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_csv(tables: Mapping[str, pa.Table], folder: Path) -> None:
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with CsvWriter(sink, table.schema) as writer:
            writer.write(table)
        write_durably(folder / f"{name}.csv", sink.getvalue().to_pybytes())


def _write_parquet(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Each file holds what the report is about in its metadata, too."""
    about = dict(zip(*(column.to_pylist() for column in tables["about"].columns), strict=True))
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata({"edi834": json.dumps(about)}), sink)
        write_durably(folder / f"{name}.parquet", sink.getvalue().to_pybytes())


def _write_workbook(tables: Mapping[str, pa.Table], folder: Path) -> None:
    path = folder / WORKBOOK
    unfinished = path.with_suffix(".part")
    with xlsxwriter.Workbook(unfinished, {"tmpdir": str(folder)}) as workbook:
        for name, table in tables.items():
            sheet = Worksheet(workbook, name.capitalize(), table.schema)
            sheet.write(_with_plain_numbers(table))
            sheet.close()
    unfinished.replace(path)


def _with_plain_numbers(table: pa.Table) -> pa.Table:
    """Dollars as the numbers that a spreadsheet has."""
    for position, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(position, column.name, pc.cast(table[position], pa.float64()))
    return table


_FORMS: dict[str, Callable[[Mapping[str, pa.Table], Path], None]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "pdf": lambda tables, folder: write_pdf(tables, folder / PAPER),
    "xlsx": _write_workbook,
}
