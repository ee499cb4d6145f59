"""Offering: the transactions that go out now, with all that has to stand in them.

An effectuation echoes what the exchange sent last (CMS guide 7.2, section 7.2.4); it and a
maintenance hold every member who is covered, what ends or restores a policy its subscriber alone.
"""

from collections.abc import Collection
from typing import get_args

import pyarrow as pa
import sqlalchemy as sa

from schemas import tables
from schemas.decisions import Kind
from schemas.partners import Exchange
from schemas.postgres_copy import copy_out

KINDS: tuple[Kind, ...] = get_args(Kind)

# Decisions with the policy as it stands; a maintenance tells the ids of its evidence.
_OFFERED = sa.text("""
CREATE TEMPORARY TABLE offered ON COMMIT DROP AS
SELECT d.decision_id, d.kind, d.additional_maintenance_reason, d.coverage_end, d.paid_on,
  d.paid_through, d.evidence -> 'ids' AS ids, p.*
FROM book.decision d
JOIN book.policy p ON p.partner_id = d.partner_id
  AND p.exchange_policy_id = d.exchange_policy_id AND p.known_to = 'infinity'
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'released') AND d.kind = ANY(:kinds)
""")

_FORMER_IDS = sa.text("""
CREATE TEMPORARY TABLE former_id ON COMMIT DROP AS
SELECT d.decision_id, i.member,
  max(i.former) FILTER (WHERE i.kind = 'issuer_policy_id') AS policy_id,
  max(i.former) FILTER (WHERE i.kind = 'issuer_subscriber_id') AS subscriber_id,
  max(i.former) FILTER (WHERE i.kind = 'issuer_member_id') AS member_id
FROM offered d
CROSS JOIN jsonb_to_recordset(d.ids) AS i (member text, kind text, former text)
WHERE d.ids IS NOT NULL
GROUP BY d.decision_id, i.member
""")

# Whom a transaction names, and since when they are covered without a gap.
_WRITTEN = sa.text("""
CREATE TEMPORARY TABLE written ON COMMIT DROP AS
SELECT decision_id, exchange_member_id,
  max(benefit_begin) FILTER (WHERE coalesce(before < benefit_begin - 1, true)) AS benefit_begin
FROM (
  SELECT d.decision_id, v.exchange_member_id, v.benefit_begin, lag(v.benefit_end) OVER (
    PARTITION BY d.decision_id, v.exchange_member_id ORDER BY v.benefit_begin) AS before
  FROM offered d
  JOIN book.effective_coverage v ON v.partner_id = d.partner_id
    AND v.exchange_policy_id = d.exchange_policy_id AND v.known_to = 'infinity'
  WHERE d.kind IN ('effectuation', 'maintenance')
) span
GROUP BY decision_id, exchange_member_id
UNION ALL
SELECT d.decision_id, m.exchange_member_id, d.benefit_begin
FROM offered d
JOIN book.member m ON m.partner_id = d.partner_id
  AND m.exchange_policy_id = d.exchange_policy_id AND m.known_to = 'infinity' AND m.is_subscriber
WHERE d.kind NOT IN ('effectuation', 'maintenance')
""")

# New ids hold from the night's day at the exchange, within the coverage. An end is measured by the
# policy's first day. What was confirmed without a payment has no day of
# one: the first day of coverage stands for it. A policy's own id changes for all its members: that
# row names none. Whose ids stay is told as unchanged, by the other reason that a maintenance has.
_OFFER = """
SELECT d.decision_id, d.kind, d.exchange_policy_id,
  coalesce(q.issuer_policy_id, d.issuer_policy_id), o.policy_id, d.plan_id, d.insurance_line,
  d.reference, d.total_count, d.dependent_count, d.sponsor_name, d.sponsor_qualifier, d.sponsor_id,
  d.payer_name, d.payer_id, CASE WHEN d.kind = 'effectuation' THEN coalesce(
    CASE WHEN :last_premium_paid = 'paid_on' THEN d.paid_on ELSE d.paid_through END,
    d.benefit_begin) END,
  m.is_subscriber, m.relationship_code, k.maintenance_type, k.maintenance_reason,
  nullif(k.additional, ''), m.exchange_subscriber_id, m.exchange_member_id,
  coalesce(c.issuer_subscriber_id, m.issuer_subscriber_id), f.subscriber_id,
  coalesce(c.issuer_member_id, m.issuer_member_id), f.member_id,
  CASE WHEN d.coverage_end IS NULL THEN coalesce(m.eligibility_begin, v.benefit_begin)
    ELSE d.benefit_begin END, d.coverage_end,
  CASE WHEN d.kind = 'maintenance' AND is_told.change
    THEN greatest(v.benefit_begin, least(d.benefit_end,
      make_date(CAST(extract(year FROM d.benefit_begin) AS int), 12, 31),
      (SELECT CAST(as_of AT TIME ZONE :time_zone AS date) FROM ledger.run
       WHERE run_id = :run_id))) END,
  v.benefit_begin, m.last_name, m.first_name, m.middle_name, m.name_suffix, m.birth_date,
  m.gender_code
FROM offered d
JOIN book.member m ON m.partner_id = d.partner_id
  AND m.exchange_policy_id = d.exchange_policy_id AND m.known_to = 'infinity'
JOIN written v ON v.decision_id = d.decision_id AND v.exchange_member_id = m.exchange_member_id
LEFT JOIN issuer_id c ON c.exchange_policy_id = m.exchange_policy_id
  AND c.exchange_member_id = m.exchange_member_id
LEFT JOIN (SELECT DISTINCT exchange_policy_id, issuer_policy_id FROM issuer_id) q
  ON q.exchange_policy_id = d.exchange_policy_id
LEFT JOIN former_id f ON f.decision_id = d.decision_id AND f.member = m.exchange_member_id
LEFT JOIN former_id o ON o.decision_id = d.decision_id AND o.member IS NULL
CROSS JOIN LATERAL (
  SELECT f.decision_id IS NOT NULL OR o.decision_id IS NOT NULL AS change
) is_told
JOIN decision_code k ON k.kind = d.kind AND CASE
  WHEN d.kind <> 'maintenance' OR is_told.change
    THEN k.additional = d.additional_maintenance_reason
  ELSE k.additional <> d.additional_maintenance_reason END
ORDER BY d.plan_id, d.exchange_policy_id, m.is_subscriber DESC, m.exchange_member_id
"""


def offer(
    conn: sa.Connection,
    partner_id: str,
    exchange: Exchange,
    run_id: int,
    kinds: Collection[Kind] = KINDS,
) -> pa.Table:
    """The partner's open and released decisions of those kinds (tables.ISSUER_TRANSACTIONS).

    Ordered by plan and policy, the subscriber first. Belongs into the transaction in which the run
    has decided: `enrollment/decisions.py` leaves the carrier's ids and the exchange's codes.
    """
    conn.execute(
        sa.text("DROP TABLE IF EXISTS pg_temp.offered, pg_temp.former_id, pg_temp.written")
    )
    conn.execute(_OFFERED, {"partner_id": partner_id, "kinds": list(kinds)})
    conn.execute(sa.text("ANALYZE offered"))
    conn.execute(_FORMER_IDS)
    conn.execute(_WRITTEN)
    conn.execute(sa.text("ANALYZE former_id"))
    conn.execute(sa.text("ANALYZE written"))
    paid = exchange.effectuation.last_premium_paid
    query = sa.text(_OFFER).bindparams(
        run_id=run_id, last_premium_paid=paid, time_zone=exchange.time_zone
    )
    return copy_out(conn, query, tables.ISSUER_TRANSACTIONS)
