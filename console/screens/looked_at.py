"""What a file of a month or of payments says, row by row: behind its match rate and its dollars."""

from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.visits import Admitted, Visit

router = APIRouter()

ROWS = 50
_FILE = """
SELECT file_id, partner_id, name, kind, sha256, recorded_at, run_id FROM ledger.file
WHERE file_id = :file_id AND partner_id = ANY(:partners) AND kind IN ('payment', 'month_answer')
"""
# Rows in the order of the file; `said` is what became of each, `dollars` what is in question.
_PAYMENTS = """
SELECT m.row_ordinal AS place, m.category AS said, m.exchange_policy_id,
  CAST(NULL AS text) AS exchange_member_id, CAST(m.month AS text) AS of, m.amount_type AS field,
  m.expected, m.payments + m.charges AS paid, m.difference AS dollars, m.byte_start, m.byte_end,
  CAST(NULL AS bigint) AS break_id
FROM reconciliation.premium_month m JOIN reconciliation.premium_file f USING (file_id)
WHERE m.file_id = :file_id AND f.partner_id = ANY(:partners) AND m.row_ordinal > :after
ORDER BY m.row_ordinal LIMIT :most
"""
_MONTHS = """
SELECT a.action_ordinal AS place, a.action || ': ' || a.state
    || coalesce(', in file ' || t.dispute_file_id, '') AS said, a.exchange_policy_id,
  a.exchange_member_id, f.month AS of, coalesce(a.field, 'the record') AS field,
  CAST(NULL AS numeric) AS expected, CAST(NULL AS numeric) AS paid, a.dollars, a.byte_start,
  a.byte_end, a.break_id
FROM reconciliation.month_file f JOIN reconciliation.month_action a USING (month_file_id)
LEFT JOIN ledger.dispute_told t ON t.action_id = a.action_id
WHERE f.file_id = :file_id AND f.partner_id = ANY(:partners) AND a.action_ordinal > :after
ORDER BY a.action_ordinal LIMIT :most
"""
_TOTALS = """
SELECT d.fate, d.measure, sum(d.ours) AS ours, sum(d.theirs) AS theirs
FROM reconciliation.premium_figure d JOIN reconciliation.premium_file f USING (file_id)
WHERE d.file_id = :file_id AND f.partner_id = ANY(:partners)
GROUP BY d.fate, d.measure ORDER BY d.measure, d.fate
"""
# Which file a look of a report was at.
_OF_RUNS = """
SELECT file_id, run_id, partner_id, name FROM ledger.file
WHERE run_id = ANY(:runs) AND partner_id = ANY(:partners) AND kind IN ('payment', 'month_answer')
"""


def files_of(visit: Visit, rates: list[dict[str, Any]]) -> dict[tuple[int, str, str], int]:
    """The ids of the files that the looks of a report were at, by run, partner and name."""
    runs = sorted({row["run_id"] for row in rates if row["comparison"] != "carrier"})
    found = visit.ask(_OF_RUNS, runs=runs) if runs else []
    return {(row.run_id, row.partner_id, row.name): row.file_id for row in found}


@router.get("/reconciliation/files/{file_id}")
def rows(visit: Admitted, file_id: int) -> Response:
    """Each row of it: what the other side says, what follows, and the bytes that say so."""
    file = visit.find(_FILE, file_id=min(file_id, 2**62))
    given = visit.request.query_params.get("after", "")
    after = int(given[:18]) if given.isdigit() and given.isascii() else 0
    query = _PAYMENTS if file.kind == "payment" else _MONTHS
    found = visit.ask(query, file_id=file.file_id, after=after, most=ROWS + 1)
    if not found and after:
        raise HTTPException(404)
    here = f"/reconciliation/files/{file.file_id}"
    page = {
        "first": here if after else "",
        "next": f"{here}?after={found[ROWS - 1].place}" if len(found) > ROWS else "",
    }
    return visit.page(
        "looked_at.html",
        file=file,
        rows=found[:ROWS],
        totals=visit.ask(_TOTALS, file_id=file.file_id),
        page=page,
    )
