"""A report on reconciliations as files: CSV, a workbook, or Parquet."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xlsxwriter

from pipeline.wiring import House
from reconciliation.reports import Asked, breaks_of, figures_of, rates_of, rules_of
from reconciliation.snapshots import write_durably
from replies.spreadsheets import CsvWriter, Worksheet
from schemas.comparison import load_comparison
from schemas.errors import Terminal
from schemas.report_tables import ABOUT, DEFINITIONS

Format = Literal["csv", "xlsx", "parquet"]
WORKBOOK = "reconciliation.xlsx"


def write_report(house: House, asked: Asked, form: Format, folder: Path) -> dict[str, int]:
    """How many rows each table of the report has, by the name of its file or sheet.

    Raises Terminal, and writes nothing, when a partner is not known, when there was no
    reconciliation in that time, or when the parts of one are not all of it.
    """
    for partner_id in asked.partner_ids:
        house.partner(partner_id)
    with house.engine.connect() as conn:
        figures = figures_of(conn, asked)
        breaks = breaks_of(conn, asked)
        rules = rules_of(conn, asked)
    if not figures.num_rows and not breaks.num_rows:
        raise Terminal(
            f"There is no reconciliation from {asked.since} to {asked.until}. Check --from, --to "
            "and --partner."
        )
    tables = {"rates": rates_of(figures), "figures": figures, "breaks": breaks}
    about = _about(asked, tables, rules)
    folder.mkdir(parents=True, exist_ok=True)
    _FORMS[form]({"about": about, **tables}, folder)
    return {name: table.num_rows for name, table in tables.items()}


def _about(asked: Asked, tables: Mapping[str, pa.Table], rules: list[str]) -> pa.Table:
    """Filters, runs, rows, rules and definitions, a line each."""
    comparison = load_comparison()
    runs = sorted(set(tables["figures"]["run_id"].to_pylist()))
    told = {
        "from": str(asked.since),
        "to": str(asked.until),
        "partners": ", ".join(asked.partner_ids) or "all",
        "runs": ", ".join(map(str, runs)),
        **{f"rows of {name}": str(table.num_rows) for name, table in tables.items()},
        "rules of the comparison": f"{comparison.id} {comparison.version}",
        "rules of the nights": ", ".join(rules),
        "conservation": "The parts of each look are all of it, on both sides: checked.",
        **{f"what it means: {name}": text for name, text in DEFINITIONS.items()},
    }
    return pa.table([list(told), list(told.values())], schema=ABOUT)


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
    "xlsx": _write_workbook,
}
