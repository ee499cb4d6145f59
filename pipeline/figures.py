"""The figures that are watched, read from the database when somebody asks: a query each.

Each finds its rows by an index, or reads a table that stays small; only the balance of the last run
reads what that run received. What a figure says is a row of `schemas/watch.toml`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ledger.audit import begin, last_verification
from ledger.balance import balance
from ledger.cases import SUBJECT_OF_FILE
from ledger.expected_files import clock_of
from pipeline.expected import expected
from pipeline.expiries import expiries
from pipeline.wiring import House
from reconciliation.report_breaks import AGE
from schemas.watch import Figure

_LAST_RUNS = """
SELECT o.partner_id, o.at_work, r.run_id, r.state, r.as_of
FROM ledger.partner_owner o JOIN ledger.run_owner w USING (token) JOIN ledger.run r USING (run_id)
WHERE o.partner_id = ANY(:partners)
"""
_WORK = (
    "'file checked', 'file staged', 'book brought up to date', 'payments posted', 'month told',"
    " 'decisions settled', 'errors reported', 'file delivered'"
)

# Each gives the labels of its metric, and `value`.
_QUERIES: dict[str, str] = {
    # A run that nobody works for and that is not closed has failed, or was killed.
    "edi834_run_clock_seconds": """
SELECT partner_id AS partner, extract(epoch FROM as_of) AS value,
  CASE WHEN state = 'open' AND NOT at_work THEN 'failed' ELSE state END AS state
FROM last_run
""",
    "edi834_run_age_seconds": """
SELECT partner_id AS partner, extract(epoch FROM :clock - as_of) AS value FROM last_run
""",
    "edi834_stage_seconds": f"""
SELECT partner, action AS stage, sum(extract(epoch FROM took)) AS value
FROM (
  SELECT e.action, e.at - lag(e.at) OVER (PARTITION BY e.object_id ORDER BY e.ordinal) AS took,
    e.object_id AS run_id, coalesce(e.details ->> 'partner', f.partner_id) AS partner
  FROM (SELECT DISTINCT run_id FROM last_run) l
  JOIN ledger.audit_entry e ON e.object_kind = 'run' AND e.object_id = l.run_id
  LEFT JOIN ledger.file f ON f.file_id = CAST(e.details ->> 'file' AS bigint)
) told JOIN last_run l ON l.run_id = told.run_id AND l.partner_id = told.partner
WHERE action IN ({_WORK}) GROUP BY partner, action
""",  # noqa: S608 - of constants
    "edi834_steps_failed": """
SELECT p.partner, count(r.run_id) AS value FROM unnest(CAST(:partners AS text[])) AS p (partner)
LEFT JOIN ledger.step_failure s ON s.partner_id = p.partner
LEFT JOIN ledger.run r ON r.run_id = s.run_id AND r.state = 'open' GROUP BY p.partner
""",
    "edi834_night_files": """
SELECT f.partner_id AS partner, f.state, coalesce(f.verdict, 'none') AS verdict, count(*) AS value
FROM last_run l JOIN ledger.file f ON f.run_id = l.run_id AND f.partner_id = l.partner_id
WHERE f.direction = 'exchange_to_issuer' GROUP BY 1, 2, 3
""",
    "edi834_night_sets": """
SELECT f.partner_id AS partner, coalesce(s.ack, 'none') AS answer, count(*) AS value
FROM last_run l JOIN ledger.file f ON f.run_id = l.run_id AND f.partner_id = l.partner_id
JOIN ledger.transaction_set s USING (file_id)
WHERE f.direction = 'exchange_to_issuer' GROUP BY 1, 2
""",
    "edi834_files_left": """
SELECT l.partner_id AS partner, coalesce((array_agg(CAST(e.details ->> 'count' AS integer)
  ORDER BY e.ordinal DESC))[1], 0) AS value
FROM last_run l LEFT JOIN ledger.audit_entry e ON e.object_kind = 'run' AND e.object_id = l.run_id
  AND e.action = 'files left' AND e.details ->> 'partner' = l.partner_id
GROUP BY 1
""",
    "edi834_quarantined_files": f"""
SELECT f.partner_id AS partner, f.run_id AS run, count(*) AS value FROM ledger.file f
WHERE f.partner_id = ANY(:partners) AND f.state = 'quarantined'
  AND NOT EXISTS (SELECT FROM ledger.operator_word w WHERE w.file_id = f.file_id)
  AND NOT EXISTS (SELECT FROM ledger.case c WHERE c.partner_id = f.partner_id AND c.kind = 'file'
    AND c.state IN ('resolved', 'waived')
    AND (c.file_id = f.file_id OR c.subject = {SUBJECT_OF_FILE}))
GROUP BY 1, 2
""",  # noqa: S608 - of constants
    "edi834_answers_owed_seconds": """
SELECT p.partner, coalesce(extract(epoch FROM :clock - min(a.recorded_at)), 0) AS value
FROM unnest(CAST(:partners AS text[])) AS p (partner)
LEFT JOIN ledger.file a ON a.partner_id = p.partner AND a.delivered_at IS NULL
  AND a.answers_file_id IS NOT NULL GROUP BY p.partner
""",
    "edi834_gate_held": """
SELECT p.partner, count(b.batch_id) AS value FROM unnest(CAST(:partners AS text[])) AS p (partner)
LEFT JOIN ledger.gate_batch b ON b.partner_id = p.partner AND b.settled_in_run IS NULL
  AND b.state = 'held' GROUP BY p.partner
""",
    "edi834_outgoing_held": """
SELECT p.partner, count(h.hold_id) AS value FROM unnest(CAST(:partners AS text[])) AS p (partner)
LEFT JOIN book.hold h ON h.partner_id = p.partner AND h.state = 'held' GROUP BY p.partner
""",
    "edi834_partner_held": """
SELECT p.partner, CAST(coalesce(w.word = 'partner held', false) AS integer) AS value
FROM unnest(CAST(:partners AS text[])) AS p (partner)
LEFT JOIN LATERAL (
  SELECT word FROM ledger.operator_word w WHERE w.partner_id = p.partner
    AND w.word IN ('partner held', 'partner resumed') ORDER BY w.operator_word_id DESC LIMIT 1
) w ON true
""",
    "edi834_open_cases": f"""
SELECT partner_id AS partner, kind, {AGE} AS age, count(*) AS value
FROM (SELECT c.*, extract(day FROM :clock - c.first_seen) AS days FROM ledger.case c
  WHERE c.state NOT IN ('resolved', 'waived') AND c.partner_id = ANY(:partners)) c
GROUP BY 1, 2, 3
""",  # noqa: S608 - of constants
    "edi834_open_breaks": f"""
SELECT partner_id AS partner, source, kind, {AGE} AS age, count(*) AS value
FROM (SELECT b.*, extract(day FROM :clock - b.first_seen) AS days FROM reconciliation.break b
  WHERE b.state NOT IN ('resolved', 'waived') AND b.partner_id = ANY(:partners)) b
GROUP BY 1, 2, 3, 4
""",  # noqa: S608 - of constants
    "edi834_open_breaks_dollars": """
SELECT partner_id AS partner, source, coalesce(sum(abs(coalesce(premium_difference, 0))
  + abs(coalesce(aptc_difference, 0)) + abs(coalesce(csr_difference, 0))), 0) AS value
FROM reconciliation.break
WHERE state NOT IN ('resolved', 'waived') AND partner_id = ANY(:partners) GROUP BY 1, 2
""",
    "edi834_audit_entries": """
SELECT coalesce(max(ordinal), 0) AS value FROM ledger.audit_entry
""",
    "edi834_emergencies": """
SELECT count(*) AS value FROM console.session WHERE emergency_until > now() - interval '1 day'
""",
    "edi834_alerts_open": """
SELECT rule AS alert, count(*) AS value FROM ledger.alert WHERE closed_at IS NULL GROUP BY rule
""",
}

# Of one partner: TA1 and 999 are due at one of the exchange's drops after the delivery. They are
# counted, as for EXISTS both tables would be read whole into a hash.
_ANSWERS_LATE = """
SELECT count(*) FROM ledger.file f
WHERE f.partner_id = :partner AND f.direction = 'issuer_to_exchange' AND f.kind = 'enrollment'
  AND f.delivered_at > :clock - interval '30 days' AND f.state <> 'refused'
  AND ((SELECT count(*) FROM ledger.interchange i WHERE i.file_id = f.file_id
      AND i.ta1_code IS NULL) > 0
    OR (SELECT count(*) FROM ledger.functional_group g WHERE g.file_id = f.file_id
      AND g.ack IS NULL) > 0)
  AND :clock > (
    SELECT drop_at FROM generate_series(0, :drops) day
    CROSS JOIN unnest(CAST(:drop_times AS time[])) AS drop_time
    CROSS JOIN LATERAL (SELECT (CAST(f.delivered_at AT TIME ZONE :zone AS date) + day + drop_time)
      AT TIME ZONE :zone AS drop_at) moment
    WHERE drop_at > f.delivered_at ORDER BY drop_at LIMIT 1 OFFSET :drops - 1)
"""


def figures(house: House, now: datetime | None = None) -> list[Figure]:
    """All figures of the partners that have a mailbox, as the database has them.

    `now` is the hour, that of this machine without one; a run that is ahead of it has the clock.
    """
    reading = house.engine.execution_options(postgresql_readonly=True)
    with reading.connect() as conn:
        clock = clock_of(conn, now or datetime.now(UTC))
        return [
            *_queried(house, conn, clock),
            *_never_run(house, conn, clock),
            *_balances(house, conn),
            *_expected(house, conn, clock),
            *_late_answers(house, conn, clock),
            *_verified(conn, clock),
            *(
                Figure("edi834_expires_days", (one.last_day - clock.date()).days, one.labels)
                for one in expiries(house, clock.date())
            ),
        ]


def _partners(house: House) -> list[str]:
    return sorted(house.settings.mailboxes)


def _queried(house: House, conn: sa.Connection, clock: datetime) -> Iterator[Figure]:
    for metric, query in _QUERIES.items():
        text = f"WITH last_run AS ({_LAST_RUNS}) {query}" if "last_run" in query else query
        known = {"partners": _partners(house), "clock": clock}
        asked = {name: value for name, value in known.items() if f":{name}" in text}
        for row in conn.execute(sa.text(text), asked).mappings():
            labels = {name: str(value) for name, value in row.items() if name != "value"}
            yield Figure(metric, float(row["value"]), labels)


def _never_run(house: House, conn: sa.Connection, clock: datetime) -> Iterator[Figure]:
    """Of partners for whom no run has ever worked, how long one could have: nobody switched it on.

    Since the audit trail began, or their first file was expected, whichever is later.
    """
    last = conn.execute(sa.text(_LAST_RUNS), {"partners": _partners(house)})
    have_run = {row.partner_id for row in last}
    began = begin(conn)
    for partner_id in sorted(set(_partners(house)) - have_run):
        zone = ZoneInfo(house.exchange(partner_id).time_zone)
        days = [row.effective_from for row in house.partner(partner_id).expected_files]
        expected_since = [datetime.combine(min(days), time(), zone)] if days else []
        known = [*expected_since, *([began] if began else [])]
        if known:
            age = max((clock - max(known)).total_seconds(), 0)
            yield Figure("edi834_run_age_seconds", age, {"partner": partner_id})


def _balances(house: House, conn: sa.Connection) -> Iterator[Figure]:
    last = conn.execute(sa.text(_LAST_RUNS), {"partners": _partners(house)}).all()
    run_of = {row.partner_id: row.run_id for row in last}
    for run_id in sorted(set(run_of.values())):
        for row in balance(conn, run_id).to_pylist():
            if run_of.get(row["partner_id"]) != run_id:
                continue
            placed = sum(row[part] for part in ("accepted", "rejected", "held", "pending"))
            labels = {"partner": row["partner_id"], "level": row["level"]}
            yield Figure("edi834_out_of_balance", abs(row["received"] - placed), labels)


def _expected(house: House, conn: sa.Connection, clock: datetime) -> Iterator[Figure]:
    found = expected(house, conn, now=clock)
    for partner_id in _partners(house):
        for kind in sorted({row.kind for row in house.partner(partner_id).expected_files}):
            mine = [one for one in found if (one.partner_id, one.kind) == (partner_id, kind)]
            labels = {"partner": partner_id, "kind": kind}
            waited = sum(one.state == "expected" for one in mine)
            yield Figure("edi834_files_expected", waited, labels)
            yield Figure("edi834_files_missing", sum(one.is_alarm for one in mine), labels)


def _late_answers(house: House, conn: sa.Connection, clock: datetime) -> Iterator[Figure]:
    for partner_id in _partners(house):
        exchange = house.exchange(partner_id)
        asked: dict[str, Any] = {
            "partner": partner_id,
            "clock": clock,
            "zone": exchange.time_zone,
            "drops": exchange.schedule.answers_due_drops,
            "drop_times": list(exchange.schedule.drop_times),
        }
        count = conn.execute(sa.text(_ANSWERS_LATE), asked).scalar_one()
        yield Figure("edi834_answers_late", count, {"partner": partner_id})


def _verified(conn: sa.Connection, clock: datetime) -> Iterator[Figure]:
    last = last_verification(conn)
    since = last.at if last is not None else begin(conn)
    if since is not None:
        age = max((clock - since).total_seconds(), 0)
        yield Figure("edi834_audit_verified_age_seconds", age)
    if last is not None:
        yield Figure("edi834_audit_whole", int(last.is_whole))
