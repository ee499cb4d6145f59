"""Tonight: whether the night balances, partner by partner, and what stands in its way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.responses import Response

from console.visits import Admitted, Visit
from ledger.balance import balance
from ledger.expected_files import ExpectedFile
from ledger.operator_words import PartnerHold, partner_holds
from ledger.step_failures import failures
from pipeline.expected import expected
from schemas.watch import load_watch

router = APIRouter()

_RUNS = """
SELECT run_id, as_of, state, opened_at, closed_at FROM ledger.run
WHERE run_id <= :up_to ORDER BY run_id DESC LIMIT 8
"""
_LAST_ID = 2**62
_A_DAY = timedelta(days=1)

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
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer'
    AND f.kind IN ('enrollment', 'correction') AND f.state = 'applied') AS applied,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer'
    AND f.kind IN ('enrollment', 'correction') AND f.state IN ('received', 'checked', 'staged'))
    AS waiting,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer' AND f.state = 'quarantined') AS apart,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer'
    AND f.state IN ('duplicate', 'refused')) AS without_effect,
  count(*) FILTER (WHERE f.direction = 'exchange_to_issuer'
    AND f.kind NOT IN ('enrollment', 'correction')
    AND f.state NOT IN ('quarantined', 'duplicate', 'refused')) AS not_for_the_book,
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
  SELECT f.partner_id, f.direction, f.file_id, f.recorded_at AS since FROM ledger.file f
  WHERE f.partner_id = ANY(:partners) AND f.state = 'received'
    AND f.direction = 'exchange_to_issuer' AND f.kind IN ('enrollment', 'payment')
  UNION
  SELECT f.partner_id, f.direction, f.file_id, f.recorded_at FROM ledger.file a
  JOIN ledger.file f ON f.file_id = a.answers_file_id
  WHERE a.partner_id = ANY(:partners) AND a.delivered_at IS NULL
    AND a.answers_file_id IS NOT NULL AND f.kind IN ('enrollment', 'payment')
  UNION ALL
  SELECT f.partner_id, f.direction, f.file_id, f.delivered_at FROM ledger.file f
  WHERE f.partner_id = ANY(:partners) AND f.direction = 'issuer_to_exchange'
    AND f.kind = 'enrollment' AND f.state = 'delivered'
) AS waiting GROUP BY partner_id, direction
"""

# What is open of what is watched. A key or an agreement has the partner in its name.
_ALERTS = """
SELECT rule, about, opened_at FROM ledger.alert
WHERE closed_at IS NULL AND (about ->> 'partner' = ANY(:partners)
  OR about ->> 'what' = 'code set' OR about = '{}'
  OR split_part(about ->> 'name', '/', 1) = ANY(:partners))
ORDER BY alert_id
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
    expected: list[ExpectedFile]  # of the drops since the day before
    alarms: list[ExpectedFile]  # of whichever night
    hold: PartnerHold | None
    arrived: list[tuple[str, int]]  # what has become of the files that came in, and how many
    owed_by_us: Any  # files and since when, None when nothing is
    owed_to_us: Any


@router.get("/")
def tonight(visit: Admitted) -> Response:
    """The night that ran last, or the one that the address names."""
    asked = visit.request.query_params.get("run", "")
    up_to = int(asked[:18]) if asked.isdigit() and asked.isascii() else _LAST_ID
    runs = visit.ask_house(_RUNS, up_to=_LAST_ID)
    chosen = next((run for run in visit.ask_house(_RUNS, up_to=up_to)), None)
    nights = _nights(visit, chosen) if chosen else []
    alerts = [(load_watch().condition(one.rule), one) for one in visit.ask(_ALERTS)]
    return visit.page("tonight.html", runs=runs, run=chosen, nights=nights, alerts=alerts)


def _nights(visit: Visit, run: sa.Row[Any]) -> list[PartnerNight]:
    run_id = run.run_id
    with visit.reading() as conn:
        known = expected(visit.house, conn, visit.partners)
        held = partner_holds(conn, visit.partners)
        counted = balance(conn, run_id).to_pylist()
        failed = failures(conn, run_id)
    of_balance = visit.mine(counted, lambda row: row["partner_id"])
    of_failures = visit.mine(failed, lambda row: row.partner_id)
    stages = {row.partner_id: row for row in visit.ask(_STAGES, run_id=run_id)}
    reconciled = {row.partner_id: row for row in visit.ask(_RECONCILED, run_id=run_id)}
    clocks = {(row.partner_id, row.direction): row for row in visit.ask(_CLOCKS)}
    drops = [one for one in known if run.as_of - _A_DAY < one.dropped_at <= run.as_of]
    alarms = [one for one in known if one.is_alarm]
    at_work = {row["partner_id"] for row in of_balance} | held.keys()
    at_work |= {row.partner_id for row in of_failures}
    at_work |= {one.partner_id for one in [*drops, *alarms]}

    def of(partner_id: str, rows: list[ExpectedFile]) -> list[ExpectedFile]:
        return [one for one in rows if one.partner_id == partner_id]

    return [
        PartnerNight(
            partner_id,
            _stages(
                stages.get(partner_id), of(partner_id, drops), reconciled=partner_id in reconciled
            ),
            [row for row in of_balance if row["partner_id"] == partner_id],
            [row for row in of_failures if row.partner_id == partner_id],
            of(partner_id, drops),
            of(partner_id, alarms),
            held.get(partner_id),
            _arrived(stages.get(partner_id)),
            clocks.get((partner_id, "exchange_to_issuer")),
            clocks.get((partner_id, "issuer_to_exchange")),
        )
        for partner_id in sorted(at_work | stages.keys() | reconciled.keys())
    ]


def _counted(row: sa.Row[Any] | None) -> dict[str, int]:
    counts = row._mapping if row is not None else {}  # noqa: SLF001 - SQLAlchemy's name for it
    return {name: int(counts.get(name, 0)) for name in _COUNTS}


def _arrived(row: sa.Row[Any] | None) -> list[tuple[str, int]]:
    """What has become of the files that came in: each is in one of these places."""
    found = _counted(row)
    return [(words, found[name]) for name, words in _PLACES.items() if found[name]]


def _stages(row: sa.Row[Any] | None, drops: list[ExpectedFile], *, reconciled: bool) -> list[Stage]:
    found = _counted(row)
    came = sum(one.arrived_at is not None for one in drops)
    lacking = "not" if any(one.state == "missing" for one in drops) else "open"
    return [
        Stage("Expected", came, len(drops), "Drops of this night whose file is here.", lacking),
        Stage("Arrived", found["arrived"], found["arrived"], "Files taken from the mailbox."),
        Stage("Parsed", found["parsed"], found["arrived"], "Files that could be read.", "not"),
        Stage("Validated", found["validated"], found["arrived"], "Files with a verdict."),
        Stage(
            "Acknowledged",
            found["acknowledged"],
            found["to_acknowledge"],
            "Files whose TA1 lies at the exchange, of those that earn one.",
        ),
        Stage(
            "Applied",
            found["applied"],
            found["applied"] + found["waiting"],
            "834s whose sets are in the book.",
        ),
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
    "waiting",
    "apart",
    "without_effect",
    "not_for_the_book",
    "written",
    "sent",
)
# Where a file that came in can be: in one of these and no other.
_PLACES = {
    "applied": "in the book",
    "waiting": "wait before it",
    "apart": "set apart",
    "without_effect": "without effect (copies, or refused by a person)",
    "not_for_the_book": "not for the book (answers, payments, reports)",
}
