"""The evidence of one break: from the rule over both values to the bytes and the carrier's row."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from console.visits import Admitted, Visit
from pipeline.breaks_report import suggested
from reconciliation.break_queries import read_break
from reconciliation.snapshot_rows import row_of_member
from schemas.comparison import load_comparison
from schemas.errors import Terminal

router = APIRouter()

_MINE = (
    "SELECT break_id FROM reconciliation.break WHERE break_id = :id AND partner_id = ANY(:partners)"
)
_FILE = """
SELECT file_id, name, sha256, size_bytes, storage_key, recorded_at, verdict, state, run_id,
  rules_digest
FROM ledger.file WHERE file_id = :file_id AND partner_id = ANY(:partners)
"""
_LOOK = """
SELECT r.run_id, r.book_sha256, r.carrier_sha256, n.as_of, n.rules_digest, c.members_key,
  c.members_rows, c.unchanged_since, c.is_stale
FROM reconciliation.result r JOIN ledger.run n USING (run_id)
LEFT JOIN LATERAL (SELECT * FROM ledger.carrier_reading k WHERE k.run_id = r.run_id
  AND k.partner_id = r.partner_id ORDER BY k.reading_id DESC LIMIT 1) c ON true
WHERE r.run_id = :run_id AND r.partner_id = ANY(:partners) AND r.partner_id = :partner_id
"""
_BELIEVED = """
SELECT m.known_from, m.known_to, m.event_id, coalesce((
    SELECT v.plan_id FROM book.effective_coverage v WHERE v.partner_id = m.partner_id
      AND v.exchange_policy_id = m.exchange_policy_id
      AND v.exchange_member_id = m.exchange_member_id AND v.known_to = 'infinity'
    ORDER BY v.benefit_begin DESC LIMIT 1
  ), p.plan_id) AS plan_id, p.status, p.benefit_begin, p.benefit_end
FROM book.member m JOIN book.policy p ON p.exchange_policy_id = m.exchange_policy_id
  AND p.partner_id = m.partner_id AND p.known_to = 'infinity'
WHERE m.exchange_policy_id = :policy AND m.exchange_member_id = :member
  AND m.known_to = 'infinity' AND m.partner_id = :partner_id AND m.partner_id = ANY(:partners)
"""


def other_row(visit: Visit, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The carrier's row as the night that found the break last has frozen it; None without one."""
    if row["source"] != "carrier":
        return None
    reports = visit.house.settings.reports_folder
    folder = reports / str(row["last_run_id"]) / row["partner_id"] / "reconciliation" / "carrier"
    try:
        return row_of_member(folder, row["exchange_policy_id"], row["exchange_member_id"])
    except Terminal:
        return None  # the snapshot is no longer there


@router.get("/reconciliation/breaks/{break_id}")
def evidence(visit: Admitted, break_id: int) -> Response:
    """Rule, values, segment, file and its hash, the carrier's row, and what happened since."""
    visit.find(_MINE, id=break_id)
    with visit.reading() as conn:
        found = read_break(conn, break_id)
    if found is None:
        raise HTTPException(404)
    row = found.row
    decides, action = suggested(row)
    rules = load_comparison()
    ids = {
        "partner_id": row["partner_id"],
        "policy": row["exchange_policy_id"],
        "member": row["exchange_member_id"],
    }
    looks = visit.ask(_LOOK, run_id=row["last_run_id"], partner_id=row["partner_id"])
    return visit.page(
        "evidence.html",
        found=found,
        row=row,
        rules=rules,
        compared=next((one for one in rules.fields if one.name == row["field"]), None),
        decides=decides,
        action=action,
        file=_file(visit, row["file_id"]),
        proof=_file(visit, row["resolved_file_id"]),
        look=next(iter(looks), None),
        other=other_row(visit, row),
        believed=next(iter(visit.ask(_BELIEVED, **ids)), None),
    )


def _file(visit: Visit, file_id: int | None) -> dict[str, Any] | None:
    """The file, and whether its bytes have the hash that the ledger says, as of this moment."""
    found = visit.ask(_FILE, file_id=file_id) if file_id else []
    if not found:
        return None
    try:
        visit.house.landing.verified_path(found[0].storage_key)
    except Terminal:
        return {**found[0]._mapping, "is_whole": False}  # noqa: SLF001 - SQLAlchemy's name for it
    return {**found[0]._mapping, "is_whole": True}  # noqa: SLF001
