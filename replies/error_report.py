"""The error report of one or several files for people: `errors.csv`, `errors.xlsx`, `errors.html`.

All three are made of the same findings (`error_findings.py`). The CSV holds all of them and is
written as they come; the workbook and the page hold as many as `schemas/limits.toml` says, and tell
what they left out.
"""

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter

from replies.error_findings import (
    CAUSES,
    ERROR_ROWS,
    SEVERITIES,
    ErrorFindings,
    sorted_causes,
)
from replies.spreadsheets import CsvWriter, Worksheet
from schemas.limits import ReportLimits, load_report_limits

CSV, WORKBOOK, PAGE = "errors.csv", "errors.xlsx", "errors.html"
_COUNTS = ("findings", "members", "transaction_sets")


@dataclass(frozen=True)
class Heading:
    """What stands over a report."""

    title: str
    created_at: datetime


class ErrorReport:
    """Writes the report into a folder, file by file. A context manager; ready when it is left."""

    def __init__(self, folder: Path, heading: Heading, limits: ReportLimits | None = None) -> None:
        self._folder = folder
        self._heading = heading
        self._limits = limits or load_report_limits()
        self._files: list[dict[str, Any]] = []
        self._causes = [CAUSES.empty_table()]
        self._places: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
        self._findings = 0

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            stream = opened.enter_context((self._folder / CSV).open("wb"))
            self._csv = opened.enter_context(CsvWriter(stream, ERROR_ROWS))
            self._workbook = opened.enter_context(self._new_workbook())
            self._cause_sheet = Worksheet(self._workbook, "Causes", CAUSES)
            self._finding_sheet = Worksheet(self._workbook, "Findings", ERROR_ROWS)
            self._opened = opened.pop_all()
        return self

    def add(self, findings: ErrorFindings) -> None:
        """Takes in the findings of one file."""
        for rows in findings.batches(self._limits.batch_rows):
            self._csv.write(rows)
            room = max(self._limits.workbook_rows - self._findings, 0)
            self._finding_sheet.write(rows.slice(0, room))
            self._findings += len(rows)
        self._causes.append(findings.causes())
        places = self._limits.places_of_a_cause
        for row in findings.first_places(self._limits.causes, places).to_pylist():
            same = self._places[_cause(row)]
            if len(same) < places:
                same.append(row)
        self._files.append(_file(findings))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._opened:
            if kind is None:
                causes = self._all_causes()
                self._cause_sheet.write(causes)
                self._cause_sheet.close()
                self._finding_sheet.close()
                (self._folder / PAGE).write_text(self._page(causes), "utf-8")

    def _new_workbook(self) -> Any:
        """A workbook that keeps no rows in memory and no files outside the folder."""
        options = {"constant_memory": True, "tmpdir": str(self._folder)}
        workbook = xlsxwriter.Workbook(self._folder / WORKBOOK, options)
        # The format knows no time zones.
        created = self._heading.created_at.astimezone(UTC).replace(tzinfo=None)
        workbook.set_properties({"title": self._heading.title, "created": created})
        return workbook

    def _all_causes(self) -> pa.Table:
        """The causes of all files together, the worst and most frequent first."""
        together = pa.concat_tables(self._causes)
        same = [name for name in CAUSES.names if name not in _COUNTS]
        grouped = together.group_by(same, use_threads=False).aggregate(
            [(name, "sum") for name in _COUNTS]
        )
        grouped = grouped.rename_columns(
            [name.removesuffix("_sum") for name in grouped.column_names]
        )
        return sorted_causes(grouped).select(CAUSES.names).cast(CAUSES)

    def _page(self, causes: pa.Table) -> str:
        """One page that needs nothing else: no script, no style sheet, no other host."""
        shown = causes.slice(0, self._limits.causes).to_pylist()
        return _page_template().render(
            heading=self._heading,
            files=self._files,
            severities=_by_severity(causes),
            causes=[{**cause, "places": self._places[_cause(cause)]} for cause in shown],
            causes_left_out=len(causes) - len(shown),
            findings=self._findings,
            workbook_rows=min(self._findings, self._limits.workbook_rows),
            names={"csv": CSV, "workbook": WORKBOOK},
        )


@cache
def _page_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("replies"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("error_report.html")


def _cause(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["severity"], row["rule"], row["sentence"]


def _by_severity(causes: pa.Table) -> list[tuple[str, int]]:
    """How many findings there are of each severity that there is, the worst first."""
    counts = causes.group_by("severity", use_threads=False).aggregate([("findings", "sum")])
    found = dict(zip(*(column.to_pylist() for column in counts.columns), strict=True))
    return [(severity, found[severity]) for severity in SEVERITIES if severity in found]


def _file(findings: ErrorFindings) -> dict[str, Any]:
    """What became of a file: its TA1, its transaction sets, its members."""
    file = findings.file
    verdict = file.verdict
    return {
        "name": file.file_name,
        "sha256": verdict.sha256,
        "size_bytes": verdict.size_bytes,
        "verdict": verdict.file_verdict,
        "is_set_apart": verdict.quarantine is not None,
        "is_answered": verdict.is_answered,
        "ta1": sorted(set(verdict.interchange_verdicts["ta1_code"].to_pylist())),
        "sets": _counted(verdict.set_verdicts["ack"]),
        "members": _counted(file.dispositions["state"]),
    }


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()}
