"""Tonight: whether the night balances, partner by partner, and what stands in its way."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.responses import Response

from console.visits import Admitted, Visit
from ledger.balance import balance
from ledger.step_failures import failures

router = APIRouter()

_RUNS = """
SELECT run_id, as_of, state, opened_at, closed_at FROM ledger.run
WHERE run_id <= :up_to ORDER BY run_id DESC LIMIT 8
"""
_LAST_ID = 2**62

# What has become of the files that a run received and sent, by partner. Each figure is defined
# where it is shown (`STAGES`).
_STAGES = """
SELECT f.partner_id,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer') AS arrived,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer' AND f.kind <> 'unknown'
    AND f.verdict IS DISTINCT FROM 'unreadable'
    AND (f.verdict IS NOT NULL OR f.state <> 'received')) AS parsed,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer'
    AND (f.verdict IS NOT NULL OR f.state <> 'received')) AS validated,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer' AND EXISTS (
    SELECT FROM ledger.file a WHERE a.answers_file_id = f.file_id AND a.kind = 'ta1'
      AND a.delivered_at IS NOT NULL)) AS acknowledged,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer' AND EXISTS (
    SELECT FROM ledger.file a WHERE a.answers_file_id = f.file_id AND a.kind = 'ta1'))
    AS to_acknowledge,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer' AND f.kind = 'enrollment'
    AND f.state = 'applied') AS applied,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer' AND f.kind = 'enrollment'
    AND f.state IN ('checked', 'staged', 'applied', 'refused')) AS to_apply,
  count(*) FILTER (WHERE f.direction = 'issuer_to_exchange') AS written,
  count(*) FILTER (WHERE f.direction = 'issuer_to_exchange' AND f.delivered_at IS NOT NULL)
    AS sent
FROM ledger.file f
WHERE f.run_id = :run_id AND f.partner_id = ANY(:partners)
GROUP BY f.partner_id
"""
_RECONCILED = """
SELECT partner_id, matched, differing, missing_at_carrier, missing_in_book
FROM reconciliation.result WHERE run_id = :run_id AND partner_id = ANY(:partners)
"""

# Both clocks: what we owe an answer since we have it, and what the exchange has not answered.
# Files that are set apart or refused before they were judged are not answered.
_CLOCKS = """
SELECT partner_id, direction, count(*) AS files, min(since) AS since FROM (
  SELECT f.partner_id, f.direction, f.recorded_at AS since FROM ledger.file f
  WHERE f.partner_id = ANY(:partners) AND f.direction = 'exchange_to_issuer'
    AND f.kind IN ('enrollment', 'payment')
    AND (f.state = 'received' OR EXISTS (
      SELECT FROM ledger.file a WHERE a.answers_file_id = f.file_id AND a.delivered_at IS NULL))
  UNION ALL
  SELECT f.partner_id, f.direction, f.delivered_at FROM ledger.file f
  WHERE f.partner_id = ANY(:partners) AND f.direction = 'issuer_to_exchange'
    AND f.kind = 'enrollment' AND f.state = 'delivered'
) AS waiting GROUP BY partner_id, direction
"""


@dataclass(frozen=True)
class Stage:
    """How far the files of a partner are: `done` of `all`; None where nothing is to be done."""

    name: str
    done: int
    of: int
    about: str
    lacking: str = "open"  # what those are that it is not done for

    @property
    def mark(self) -> str:
        """`done`, `open`, `not` where nothing more comes of it, `none` without anything to do."""
        if not self.of:
            return "none"
        return "done" if self.done >= self.of else self.lacking


@dataclass(frozen=True)
class PartnerNight:
    """One partner's night."""

    partner_id: str
    stages: list[Stage]
    balance: list[dict[str, Any]]
    failures: list[Any]
    owed_by_us: Any  # files and since when, None when nothing is
    owed_to_us: Any


@router.get("/")
def tonight(visit: Admitted) -> Response:
    """The night that ran last, or the one that the address names."""
    asked = visit.request.query_params.get("run", "")
    up_to = int(asked[:18]) if asked.isdigit() and asked.isascii() else _LAST_ID
    runs = visit.ask_house(_RUNS, up_to=_LAST_ID)
    chosen = next((run for run in visit.ask_house(_RUNS, up_to=up_to)), None)
    nights = _nights(visit, chosen.run_id) if chosen else []
    return visit.page("tonight.html", runs=runs, run=chosen, nights=nights)


def _nights(visit: Visit, run_id: int) -> list[PartnerNight]:
    with visit.reading() as conn:
        counted = balance(conn, run_id).to_pylist()
        failed = failures(conn, run_id)
    of_balance = visit.mine(counted, lambda row: row["partner_id"])
    of_failures = visit.mine(failed, lambda row: row.partner_id)
    stages = {row.partner_id: row for row in visit.ask(_STAGES, run_id=run_id)}
    reconciled = {row.partner_id: row for row in visit.ask(_RECONCILED, run_id=run_id)}
    clocks = {(row.partner_id, row.direction): row for row in visit.ask(_CLOCKS)}
    at_work = {row["partner_id"] for row in of_balance} | {row.partner_id for row in of_failures}
    return [
        PartnerNight(
            partner_id,
            _stages(stages.get(partner_id), partner_id in reconciled),
            [row for row in of_balance if row["partner_id"] == partner_id],
            [row for row in of_failures if row.partner_id == partner_id],
            clocks.get((partner_id, "exchange_to_issuer")),
            clocks.get((partner_id, "issuer_to_exchange")),
        )
        for partner_id in sorted(at_work | stages.keys() | reconciled.keys())
    ]


def _stages(row: sa.Row[Any] | None, reconciled: bool) -> list[Stage]:
    counts = row._mapping if row is not None else {}  # noqa: SLF001 - SQLAlchemy's name for it
    found = {name: int(counts.get(name, 0)) for name in _COUNTS}
    return [
        Stage("Arrived", found["arrived"], found["arrived"], "Files taken from the mailbox."),
        Stage("Parsed", found["parsed"], found["arrived"], "Files that could be read.", "not"),
        Stage("Validated", found["validated"], found["arrived"], "Files with a verdict."),
        Stage(
            "Acknowledged",
            found["acknowledged"],
            found["to_acknowledge"],
            "Files whose TA1 lies at the exchange, of those that earn one.",
        ),
        Stage("Applied", found["applied"], found["to_apply"], "834s whose sets are in the book."),
        Stage("Reconciled", int(reconciled), 1, "Whether book and carrier were compared."),
        Stage("Sent", found["sent"], found["written"], "Files of ours that were delivered."),
    ]


_COUNTS: Iterable[str] = (
    "arrived",
    "parsed",
    "validated",
    "acknowledged",
    "to_acknowledge",
    "applied",
    "to_apply",
    "written",
    "sent",
)
