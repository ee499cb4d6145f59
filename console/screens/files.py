"""The ledger of files: search it, and see of each what it held, what became of it and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from console.visits import Admitted, Visit
from ledger.operator_words import release_of, released_as
from ledger.step_failures import checking
from pipeline.reprocess import JUDGED
from strongroom.files import open_clear

router = APIRouter()

PAGE = 50
_PARTS = 200  # of an envelope, on a page
_LAST_ID = 2**62
_DIGITS = 18
_PIECE_BYTES = 1 << 20
STATES = (
    *("received", "checked", "staged", "applied", "refused", "duplicate", "quarantined"),
    *("written", "delivered", "acknowledged"),
)

_COLUMNS = """
f.file_id, f.direction, f.partner_id, f.name, f.kind, f.state, f.verdict, f.size_bytes, f.sha256,
f.recorded_at, f.delivered_at, f.run_id, f.note, f.duplicate_of, f.answers_file_id, f.storage_key,
f.rules_digest
"""
_LEDGER = f"SELECT {_COLUMNS} FROM ledger.file f WHERE f.partner_id = ANY(:partners)"  # noqa: S608
# What the address may ask for, each with its condition: only those asked for are in the query, so
# that each finds its index.
_ASKED = {
    "name": "f.name LIKE :name",
    "sha256": "f.sha256 = :sha256",
    "partner": "f.partner_id = :partner",
    "direction": "f.direction = :direction",
    "state": "f.state = :state",
    "run": "f.run_id = :run",
    "before": "f.file_id < :before",
}
FILE = f"{_LEDGER} AND f.file_id = :file_id"
_ANSWERS = f"{_LEDGER} AND f.answers_file_id = :file_id ORDER BY f.file_id"
_COPIES = """
SELECT count(*) AS times, max(s.seen_at) AS last FROM ledger.sighting s
JOIN ledger.file f USING (file_id)
WHERE s.file_id = :file_id AND f.partner_id = ANY(:partners)
"""

# What the file came in, and what came in it.
_CAME_IN = """
SELECT w.how, o.file_id, o.name FROM ledger.wrapping w
JOIN ledger.file o ON o.file_id = w.origin_file_id
WHERE w.file_id = :file_id AND o.partner_id = ANY(:partners) ORDER BY o.file_id LIMIT 50
"""
_HOLDS = """
SELECT f.file_id, f.name FROM ledger.wrapping w JOIN ledger.file f USING (file_id)
WHERE w.origin_file_id = :file_id AND f.partner_id = ANY(:partners) ORDER BY w.ordinal LIMIT 100
"""

# The envelope from outside to inside. `cause` is the first fault that says why it is not accepted.
_ENVELOPE = """
WITH i AS (
  SELECT i.* FROM ledger.issue i JOIN ledger.file f USING (file_id)
  WHERE i.file_id = :file_id AND f.partner_id = ANY(:partners) AND i.x12_code IS NOT NULL
    AND i.severity IN ('reject', 'error')
), level AS (
  SELECT 1 AS level, interchange_ordinal, 0::bigint AS group_ordinal, 0::bigint AS set_ordinal,
    'ISA ' || control_number AS name, ta1_code AS ack, ARRAY[ta1_note] AS codes,
    byte_start, byte_end, NULL::bigint AS members
  FROM ledger.interchange WHERE file_id = :file_id
  UNION ALL
  SELECT 2, interchange_ordinal, group_ordinal, 0, 'GS ' || control_number, ack, codes,
    byte_start, byte_end, NULL
  FROM ledger.functional_group WHERE file_id = :file_id
  UNION ALL
  SELECT 3, interchange_ordinal, group_ordinal, set_ordinal, 'ST ' || control_number, ack, codes,
    byte_start, byte_end, member_count
  FROM ledger.transaction_set WHERE file_id = :file_id
)
SELECT l.*, (
  SELECT i.message FROM i
  WHERE i.interchange_ordinal = l.interchange_ordinal
    AND CASE l.level
      WHEN 1 THEN i.x12_field = 'TA105'
      WHEN 2 THEN i.x12_field = 'AK905' AND i.group_ordinal = l.group_ordinal
      ELSE i.x12_field IN ('IK502', 'IK304', 'IK403') AND i.group_ordinal = l.group_ordinal
        AND i.set_ordinal = l.set_ordinal END
  ORDER BY i.issue_ordinal LIMIT 1) AS cause
FROM level l
WHERE (interchange_ordinal, group_ordinal, set_ordinal) > (:interchange, :group, :set)
ORDER BY interchange_ordinal, group_ordinal, set_ordinal LIMIT :rows
"""
_ISSUES = """
SELECT i.issue_ordinal, i.rule, i.severity, i.segment_id, i.segment_ordinal, i.set_ordinal,
  i.member_ordinal, i.loop, i.element, i.component, i.byte_start, i.byte_end, i.message,
  i.x12_field, i.x12_code
FROM ledger.issue i JOIN ledger.file f USING (file_id)
WHERE i.file_id = :file_id AND f.partner_id = ANY(:partners) AND i.issue_ordinal > :after
ORDER BY i.issue_ordinal LIMIT 51
"""
_MEMBERS = """
SELECT d.state, d.reason, count(*) AS members FROM ledger.disposition d
JOIN ledger.file f USING (file_id)
WHERE d.file_id = :file_id AND f.partner_id = ANY(:partners) GROUP BY 1, 2 ORDER BY 3 DESC
"""
_FAILED = """
SELECT run_id, partner_id, step, sentence FROM ledger.step_failure
WHERE step = :step AND partner_id = ANY(:partners)
"""


@router.get("/files")
def files(visit: Admitted) -> Response:
    """Files in and out, the newest first."""
    asked = {name: value.strip() for name, value in visit.request.query_params.items()}
    asked = {name: value for name, value in asked.items() if value and name in (*_ASKED, "search")}
    query, given = _query(asked)
    rows = visit.ask(query, **given)
    more = rows[PAGE - 1].file_id if len(rows) > PAGE else None
    kept = {name: value for name, value in asked.items() if name != "before"}
    page = {
        "next": f"/files?{urlencode(kept | {'before': more})}" if more else None,
        "first": f"/files?{urlencode(kept)}" if "before" in asked else None,
    }
    return visit.page(
        "files.html",
        files=rows[:PAGE],
        page=page,
        asked=dict.fromkeys((*_ASKED, "search"), "") | asked,
        is_filtered=bool(asked),
        states=STATES,
    )


def _query(asked: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The query for what is asked, and its parameters."""
    given: dict[str, Any] = {"before": _LAST_ID, **asked}
    searched = given.pop("search", "")
    if len(searched) == 64 and searched.isalnum():
        given["sha256"] = searched.lower()
    elif searched:
        signs = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})
        given["name"] = f"{searched.translate(signs)}%"
    for name in ("run", "before"):
        if name in given:
            given[name] = number_of(str(given[name]))
    conditions = [condition for name, condition in _ASKED.items() if name in given]
    order = f"ORDER BY f.file_id DESC LIMIT {PAGE + 1}"
    return " AND ".join([_LEDGER, *conditions]) + f" {order}", given


def number_of(text: str) -> int:
    """The number that an address holds, 0 for anything else."""
    return int(text[:_DIGITS]) if text.isdigit() and text.isascii() else 0


@router.get("/files/{file_id}")
def one_file(visit: Admitted, file_id: int) -> Response:
    """One file: its envelope with verdicts and causes, our answers, and issues in their order."""
    row = _found(visit, file_id)
    after = number_of(visit.request.query_params.get("after", ""))
    issues = visit.ask(_ISSUES, file_id=file_id, after=after)
    more = issues[PAGE - 1].issue_ordinal if len(issues) > PAGE else None
    page = {
        "next": f"/files/{file_id}?after={more}#issues" if more else None,
        "first": f"/files/{file_id}#issues" if after else None,
    }
    given = visit.request.query_params.get("part", "")
    place = [number_of(one) for one in given.split(".")[:3]] if given.count(".") == 2 else [0] * 3
    parts = dict(zip(("interchange", "group", "set"), place, strict=True))
    envelope = visit.ask(_ENVELOPE, file_id=file_id, rows=_PARTS + 1, **parts)
    last = envelope[_PARTS - 1] if len(envelope) > _PARTS else None
    behind = f"{last.interchange_ordinal}.{last.group_ordinal}.{last.set_ordinal}" if last else ""
    return visit.page(
        "file.html",
        file=row,
        envelope=envelope[:_PARTS],
        next_parts=f"/files/{file_id}?part={behind}#envelope" if last else None,
        first_parts=f"/files/{file_id}#envelope" if any(place) else None,
        answers=visit.ask(_ANSWERS, file_id=file_id),
        copies=visit.ask(_COPIES, file_id=file_id),
        came_in=visit.ask(_CAME_IN, file_id=file_id),
        holds=visit.ask(_HOLDS, file_id=file_id),
        members=visit.ask(_MEMBERS, file_id=file_id),
        is_judged=row.verdict is not None and row.kind in JUDGED,
        issues=issues[:PAGE],
        page=page,
        **_said_of(visit, file_id),
    )


def _said_of(visit: Visit, file_id: int) -> dict[str, Any]:
    """By whose word the file was released, or taken in, and why it could not be checked."""
    with visit.reading() as conn:
        return {
            "release": release_of(conn, file_id),
            "taken_as": released_as(conn, file_id),
            "failed": visit.ask(_FAILED, step=checking(file_id)),
        }


@router.post("/files/{file_id}/raw")
def raw(visit: Admitted, file_id: int) -> Response:
    """The bytes as they came or went, once the audit trail has noted who took them."""
    reason = visit.reason
    row = _found(visit, file_id)
    path = visit.house.landing.verified_path(row.storage_key)
    with visit.acting() as conn:
        visit.note(conn, "file taken", "file", file_id, **visit.told(reason))
    return StreamingResponse(
        _pieces(path),
        media_type="application/octet-stream",
        headers={
            "content-disposition": f'attachment; filename="file-{file_id}.edi"',
            "content-length": str(row.size_bytes),
        },
    )


def _pieces(path: Path) -> Iterator[bytes]:
    with open_clear(path) as content:
        while piece := content.read(_PIECE_BYTES):
            yield piece


def _found(visit: Visit, file_id: int) -> Any:
    return visit.find(FILE, file_id=min(file_id, _LAST_ID))
