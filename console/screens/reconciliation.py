"""Reconciliation for auditors: rates, breaks, dollars and timeliness, each down to its rows."""

import io
import zipfile
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.charts import rates_over_time
from console.report_filters import Filters, filters_of
from console.screens.looked_at import files_of
from console.visits import Admitted
from ledger.sign_offs import Signer
from pipeline.period_report import WAIVERS_MOST, clocks_of, overview_of, report_of
from pipeline.reconciliation_report import export_report
from reconciliation.measures import Counted, rows_behind
from reconciliation.report_breaks import COLUMNS_OF_ROWS, gone_breaks, lived_breaks
from schemas.report_tables import AGES, DEFINITIONS, MEASURE_DEFINITIONS
from strongroom.drafts import drafts

router = APIRouter()

ROWS = 50
_LOOK = """
SELECT d.difference_id, d.partner_id, d.kind, d.field, d.exchange_policy_id, d.exchange_member_id,
  d.file_id, b.break_id
FROM reconciliation.difference d
LEFT JOIN reconciliation.break b ON b.partner_id = d.partner_id AND b.source = 'carrier'
  AND b.kind = d.kind AND b.exchange_policy_id IS NOT DISTINCT FROM d.exchange_policy_id
  AND b.exchange_member_id IS NOT DISTINCT FROM d.exchange_member_id
  AND b.field IS NOT DISTINCT FROM d.field
WHERE d.run_id = :run_id AND d.partner_id = ANY(:partners) AND d.difference_id > :after
ORDER BY d.difference_id LIMIT :most
"""
_RESULTS = """
SELECT r.partner_id, r.matched, r.differing, r.missing_at_carrier, r.missing_in_book,
  r.book_sha256, r.carrier_sha256, n.as_of, n.rules_digest
FROM reconciliation.result r JOIN ledger.run n USING (run_id)
WHERE r.run_id = :run_id AND r.partner_id = ANY(:partners) ORDER BY r.partner_id
"""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMS = {"pdf": "application/pdf", "xlsx": _XLSX, "csv": "application/zip"}


@router.get("/reconciliation")
def dashboard(visit: Admitted) -> Response:
    """All figures of some days with what they mean, each with a way to its rows."""
    filters = filters_of(visit, visit.request.query_params)
    with visit.reading() as conn:
        clocks = clocks_of(visit.house)
        report = overview_of(conn, filters.asked, clocks, filters.line, filters.year)
    rates = _rates(report.rates, filters)
    return visit.page(
        "reconciliation.html",
        filters=filters,
        rates=rates,
        looked_at=files_of(visit, rates),
        chart=rates_over_time(_series(rates)),
        measures=_by_measure(filters.of(report.measures)),
        breaks=_by_cause(report.causes),
        ages=_by_age(report.causes),
        waivers=report.waivers.to_pylist(),
        waivers_most=WAIVERS_MOST,
        report=report,
        meant=DEFINITIONS,
        age_names=AGES,
        age_columns=[("State at the end", ""), *((age, "number") for age in AGES)],
    )


def _by_measure(measures: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Rates by what they measure, so that each definition stands once."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in MEASURE_DEFINITIONS}
    for row in measures.to_pylist():
        rows[row["measure"]].append(row)
    return {name: found for name, found in rows.items() if found}


def _rates(rates: pa.Table, filters: Filters) -> list[dict[str, Any]]:
    """Of the whole look, or of the line and year that were asked for."""
    chosen = filters.of(rates) if filters.line or filters.year else rates
    rows: list[dict[str, Any]] = chosen.to_pylist()
    if not filters.line and not filters.year:
        rows = [row for row in rows if row["insurance_line"] == "all"]
    return rows


def _series(rates: list[dict[str, Any]]) -> dict[str, list[tuple[str, float]]]:
    """The carrier's looks by partner: those of a month or a payment stand in the table."""
    series: dict[str, dict[str, list[int]]] = {}
    for row in rates:
        if row["comparison"] == "carrier" and row["rows"]:
            counts = series.setdefault(row["partner_id"], {}).setdefault(row["moment"], [0, 0])
            counts[0] += row["matched"]
            counts[1] += row["rows"]
    return {
        name: [(moment, good / every) for moment, (good, every) in looks.items()]
        for name, looks in series.items()
    }


_CAUSE = ("partner_id", "comparison", "kind", "field", "rule", "state")
_MONEY = ("premium", "aptc", "csr", "gross")


def _by_cause(breaks: pa.Table) -> list[dict[str, Any]]:
    """What disagrees, and in which state: counts, dollars net and gross, most dollars first."""
    sums = [(name, "sum") for name in ("breaks", *_MONEY)]
    rows = breaks.group_by(list(_CAUSE), use_threads=False).aggregate(sums).to_pylist()
    return sorted(rows, key=lambda row: (-row["gross_sum"], -row["breaks_sum"]))


def _by_age(breaks: pa.Table) -> dict[str, dict[str, int]]:
    """How many breaks are of each age, by state."""
    rows = breaks.group_by(["state", "age"]).aggregate([("breaks", "sum")]).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for row in sorted(rows, key=lambda row: str(row["state"])):
        found.setdefault(row["state"], {})[row["age"]] = row["breaks_sum"]
    return found


@router.get("/reconciliation/breaks")
def breaks(visit: Admitted) -> Response:
    """The breaks behind a figure."""
    given = visit.request.query_params
    filters = filters_of(visit, given)
    equal = {name: given[name][:80] for name in COLUMNS_OF_ROWS if given.get(name)}
    more = {"insurance_line": filters.line, "plan_year": filters.year}
    with visit.reading() as conn:
        found = lived_breaks(
            conn,
            filters.asked,
            equal | {name: value for name, value in more.items() if value},
            _key(given.get("after", "")),
            ROWS + 1,
        )
    here = "/reconciliation/breaks"
    page = {
        "first": filters.address(here, **equal) if given.get("after") else "",
        "next": filters.address(here, **equal, after=found[ROWS - 1].break_id)
        if len(found) > ROWS
        else "",
    }
    return visit.page(
        "reconciliation_breaks.html", filters=filters, equal=equal, rows=found[:ROWS], page=page
    )


@router.get("/reconciliation/work/{measure}")
def work(visit: Admitted, measure: str) -> Response:
    """What a rate counts, good or not."""
    if measure not in MEASURE_DEFINITIONS:
        raise HTTPException(404)
    given = visit.request.query_params
    filters = filters_of(visit, given)
    file_id, _, place = given.get("after", "").partition("-")
    counted = Counted(measure, filters.line, filters.year, _key(file_id), _key(place), ROWS + 1)
    with visit.reading() as conn:
        if measure == "reopened":
            product = (filters.line, filters.year)
            rows = gone_breaks(conn, filters.asked, product, counted.file_id, ROWS + 1)
        else:
            rows = rows_behind(conn, filters.asked, clocks_of(visit.house), counted)
    here = f"/reconciliation/work/{measure}"
    last = _place(rows[ROWS - 1]) if len(rows) > ROWS else ""
    page = {
        "first": filters.address(here) if file_id else "",
        "next": filters.address(here, after=last) if last else "",
    }
    about = MEASURE_DEFINITIONS[measure]
    return visit.page(
        "reconciliation_work.html",
        filters=filters,
        measure=measure,
        about=about,
        rows=rows[:ROWS],
        page=page,
    )


@router.get("/reconciliation/looks/{run_id}")
def look(visit: Admitted, run_id: int) -> Response:
    """One night's comparison: what was counted, of which snapshots, and all that differed."""
    after = _key(visit.request.query_params.get("after", ""))
    results = visit.ask(_RESULTS, run_id=run_id)
    if not results:
        raise HTTPException(404)
    rows = visit.ask(_LOOK, run_id=run_id, after=after, most=ROWS + 1)
    here = f"/reconciliation/looks/{run_id}"
    page = {
        "first": here if after else "",
        "next": f"{here}?after={rows[ROWS - 1].difference_id}" if len(rows) > ROWS else "",
    }
    return visit.page(
        "reconciliation_look.html", run_id=run_id, results=results, rows=rows[:ROWS], page=page
    )


def _place(row: Any) -> str:
    """Where the page behind a row begins."""
    return str(row.break_id) if "break_id" in row._fields else f"{row.file_id}-{row.place}"


def _key(text: str) -> int:
    return int(text[:18]) if text.isdigit() and text.isascii() else 0


@router.post("/reconciliation/export")
def export(visit: Admitted) -> Response:
    """The report as a file, once the audit trail has who takes it."""
    form = visit.form.get("form", "")
    if form not in _FORMS:
        raise HTTPException(404)
    filters = filters_of(visit, visit.form)
    taken_by = Signer(visit.person.name, visit.account)
    with visit.reading() as conn:
        report = report_of(conn, filters.asked, clocks_of(visit.house))
    with drafts() as folder:
        kind = cast("Literal['csv', 'xlsx', 'pdf']", form)
        files = export_report(visit.house, report, kind, folder, taken_by)
        content = files[0].read_bytes() if len(files) == 1 else _zipped(files)
    ending = "zip" if form == "csv" else form
    name = f"reconciliation-{filters.asked.since}-{filters.asked.until}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=_FORMS[form], headers=headers)


def _zipped(files: list[Path]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return packed.getvalue()
