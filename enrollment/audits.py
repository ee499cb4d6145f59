"""Audits: what an exchange sends to compare, and what of it the book says otherwise.

State exchanges send whole files of members as they know them (INS03 030, INS04 XN). Such a set
changes nothing and ends nobody whom it leaves out. What it says otherwise than the book is noted
in `book.audit_difference`, by the name of the field only. An audit waits while its policy is not in
the book.
"""

from typing import Any

import sqlalchemy as sa

from enrollment.newer_word import changes_coverage
from schemas.columns import NAME

_PERSON = (
    *NAME,
    "relationship_code",
    "exchange_subscriber_id",
    "ssn",
    "birth_date",
    "gender_code",
    "is_subscriber",
)

_READ = (
    *("event_id", "exchange_member_id", *_PERSON, "plan_id", "benefit_begin", "benefit_end"),
    *("amount_names", "amounts_from", "amounts"),
)

_JUDGED = sa.text("""
CREATE TEMPORARY TABLE judged_audit ON COMMIT DROP AS
SELECT s.file_id, s.set_ordinal, s.exchange_policy_id, s.moment, s.state AS former_state,
  CASE WHEN p.exchange_policy_id IS NULL THEN 'pending' ELSE 'applied' END AS state
FROM book.event_set s
LEFT JOIN book.policy p ON p.exchange_policy_id = s.exchange_policy_id
  AND p.partner_id = s.partner_id AND p.known_to = 'infinity'
WHERE s.partner_id = :partner_id AND s.transaction = 'audit'
  AND (s.state = 'pending' AND s.reason IS NOT NULL
    OR s.state = 'staged' AND s.file_id = ANY(CAST(:file_ids AS bigint[])))
  AND (p.exchange_policy_id IS NOT NULL OR s.state = 'staged')
""")

# A policy in which something newer than the audit has applied differs from it for good reason.
_COMPARED = sa.text(f"""
CREATE TEMPORARY TABLE compared_audit ON COMMIT DROP AS
SELECT j.exchange_policy_id, {", ".join(f"e.{name}" for name in _READ)}
FROM judged_audit j
JOIN book.event e USING (file_id, set_ordinal)
WHERE j.state = 'applied' AND NOT EXISTS (
  SELECT FROM book.event_set newer
  WHERE newer.exchange_policy_id = j.exchange_policy_id AND newer.partner_id = :partner_id
    AND newer.state = 'applied' AND newer.transaction <> 'audit' AND {changes_coverage("newer")}
    AND newer.moment > j.moment
)
""")

# What an audit leaves out is not compared, but for the end: who has none is covered on.
_PERSONS_DIFFER = ", ".join(
    f"CASE WHEN m.exchange_member_id IS NOT NULL AND e.{name} IS NOT NULL"
    f" AND e.{name} IS DISTINCT FROM m.{name} THEN '{name}' END"
    for name in _PERSON
)
_DIFFERENCES = sa.text(f"""
INSERT INTO book.audit_difference (event_id, field, run_id)
SELECT told.event_id, field, :run_id
FROM (
  SELECT e.event_id, array_remove(ARRAY[
    CASE WHEN m.exchange_member_id IS NULL THEN 'member' END,
    CASE WHEN m.exchange_member_id IS NOT NULL AND v.plans IS NULL THEN 'coverage' END,
    {_PERSONS_DIFFER},
    CASE WHEN e.plan_id <> ALL(v.plans) THEN 'plan_id' END,
    CASE WHEN e.benefit_begin <> ALL(v.begins) THEN 'benefit_begin' END,
    CASE WHEN coalesce(e.benefit_end, 'infinity') <> v.benefit_end THEN 'benefit_end' END
  ], NULL) AS fields
  FROM compared_audit e
  LEFT JOIN book.member m ON m.exchange_policy_id = e.exchange_policy_id
    AND m.exchange_member_id = e.exchange_member_id AND m.partner_id = :partner_id
    AND m.known_to = 'infinity'
  LEFT JOIN (
    SELECT exchange_policy_id, exchange_member_id, array_agg(benefit_begin) AS begins,
      array_agg(plan_id) AS plans, max(coalesce(benefit_end, 'infinity')) AS benefit_end
    FROM book.effective_coverage
    WHERE partner_id = :partner_id AND known_to = 'infinity'
      AND exchange_policy_id IN (SELECT exchange_policy_id FROM judged_audit)
    GROUP BY exchange_policy_id, exchange_member_id
  ) v ON v.exchange_policy_id = e.exchange_policy_id
    AND v.exchange_member_id = e.exchange_member_id
) told
CROSS JOIN LATERAL unnest(told.fields) field
""")

_AMOUNT_DIFFERENCES = sa.text("""
INSERT INTO book.audit_difference (event_id, field, run_id)
SELECT DISTINCT e.event_id, a.name, CAST(:run_id AS bigint)
FROM compared_audit e
CROSS JOIN LATERAL unnest(e.amount_names, e.amounts_from, e.amounts) a (name, valid_from, amount)
LEFT JOIN book.amount b ON b.exchange_policy_id = e.exchange_policy_id
  AND b.exchange_member_id = e.exchange_member_id AND b.name = a.name
  AND b.partner_id = :partner_id AND b.known_to = 'infinity'
  AND b.valid_from <= a.valid_from AND coalesce(b.valid_to, 'infinity') >= a.valid_from
WHERE b.amount IS DISTINCT FROM a.amount
""")

_RECORD_SETS = sa.text("""
UPDATE book.event_set s
SET state = j.state, reason = CASE j.state WHEN 'pending' THEN 'unknown-policy' END,
  run_id = :run_id
FROM judged_audit j
WHERE s.file_id = j.file_id AND s.set_ordinal = j.set_ordinal AND j.state <> j.former_state
""")

_RECORD_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = CASE j.state WHEN 'pending' THEN 'pending' ELSE 'accepted' END,
  reason = CASE j.state WHEN 'pending' THEN 'unknown-policy' END, decided_in_run = :run_id
FROM judged_audit j
JOIN book.event e USING (file_id, set_ordinal)
WHERE d.file_id = e.file_id AND d.member_ordinal = e.member_ordinal
  AND (j.state = 'pending' OR j.former_state = 'pending')
""")

_STATEMENTS = (
    sa.text("ANALYZE judged_audit"),
    _COMPARED,
    sa.text("ANALYZE compared_audit (exchange_policy_id, exchange_member_id)"),
    _DIFFERENCES,
    _AMOUNT_DIFFERENCES,
    _RECORD_SETS,
    _RECORD_DISPOSITIONS,
)
_COUNT = sa.text(
    "SELECT count(*) FILTER (WHERE state = 'applied') AS applied, count(*) FROM judged_audit"
)


def judge_audits(conn: sa.Connection, parameters: dict[str, Any]) -> int:
    """The number of audits that were compared with the book, or found to be older than it.

    `parameters` are those of `application.apply_events`, of whose work this is the last part.
    """
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.judged_audit, pg_temp.compared_audit"))
    conn.execute(_JUDGED, parameters)
    applied, judged = conn.execute(_COUNT).one()
    if judged:
        for statement in _STATEMENTS:
            conn.execute(statement, parameters)
    return int(applied)
