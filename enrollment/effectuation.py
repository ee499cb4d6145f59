"""Effectuations: which policies are confirmed to the exchange, on what evidence, and once only.

A policy is confirmed when its binder payment is in full, or when nothing is owed (CMS guide 7.2,
section 7.2.4). The payment is kept with the decision, because an auditor asks for it.
"""

from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from schemas import tables
from schemas.postgres_copy import copy_out, copy_to_temporary

# A policy owes what TOT RES AMT says for its first day. Without any payment that is nothing, and
# the first month counts as paid through. A policy waits while the gate keeps something of it from
# the book: that may be its cancellation.
_DECIDE = sa.text("""
INSERT INTO book.decision (partner_id, exchange_policy_id, kind, rule,
  additional_maintenance_reason, event_id, responsible_amount, paid_amount, paid_on, paid_through,
  evidence, run_id, state)
SELECT p.partner_id, p.exchange_policy_id, 'effectuation',
  CASE WHEN a.amount > 0 THEN 'binder-paid' ELSE 'nothing-owed' END, 'CONFIRM',
  p.initial_event_id, a.amount, coalesce(paid.amount, 0), paid.received_on,
  coalesce(paid.paid_through,
    CAST(date_trunc('month', p.benefit_begin) + interval '1 month - 1 day' AS date)),
  jsonb_build_object('payments', coalesce(paid.rows, '[]')), :run_id, 'open'
FROM book.policy p
JOIN book.member m ON m.partner_id = p.partner_id
  AND m.exchange_policy_id = p.exchange_policy_id AND m.is_subscriber
  AND m.known_to = 'infinity'
JOIN book.amount a ON a.partner_id = p.partner_id
  AND a.exchange_policy_id = p.exchange_policy_id
  AND a.exchange_member_id = m.exchange_member_id AND a.name = 'TOT RES AMT'
  AND a.known_to = 'infinity'
  AND a.valid_from <= p.benefit_begin AND coalesce(a.valid_to, 'infinity') >= p.benefit_begin
LEFT JOIN (
  SELECT exchange_policy_id, sum(amount) AS amount, max(received_on) AS received_on,
    max(paid_through) AS paid_through,
    jsonb_agg(jsonb_build_object('amount', amount, 'received_on', received_on,
      'paid_through', paid_through) ORDER BY received_on, paid_through, amount) AS rows
  FROM payment GROUP BY exchange_policy_id
) paid ON paid.exchange_policy_id = p.exchange_policy_id
WHERE p.partner_id = :partner_id AND p.known_to = 'infinity'
  AND p.status = 'initial' AND p.needs_effectuation
  AND coalesce(paid.amount, 0) >= a.amount
  AND NOT EXISTS (
    SELECT FROM book.event_set s
    WHERE s.exchange_policy_id = p.exchange_policy_id AND s.partner_id = p.partner_id
      AND s.state = 'staged'
  )
  AND NOT EXISTS (
    SELECT FROM book.decision d
    WHERE d.exchange_policy_id = p.exchange_policy_id AND d.partner_id = p.partner_id
      AND (d.state IN ('open', 'held', 'released')
        OR d.kind = 'effectuation' AND d.event_id = p.initial_event_id AND d.state <> 'withdrawn')
  )
""")

_HAS_SENT = sa.text("""
SELECT EXISTS (
  SELECT FROM book.decision d JOIN ledger.file f ON f.file_id = d.sent_file_id
  WHERE d.partner_id = :partner_id AND f.run_id = :run_id
)
""")

# The enrollment that it answers is not there any more to be confirmed.
_WITHDRAW = sa.text("""
UPDATE book.decision d SET state = 'withdrawn'
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'held', 'released') AND NOT EXISTS (
  SELECT FROM book.policy p
  WHERE p.exchange_policy_id = d.exchange_policy_id AND p.partner_id = d.partner_id
    AND p.known_to = 'infinity' AND p.status = 'initial' AND p.initial_event_id = d.event_id
)
""")

_OFFER = """
SELECT d.decision_id, d.kind, p.exchange_policy_id,
  coalesce(s.issuer_policy_id, p.issuer_policy_id), NULL, p.plan_id,
  p.insurance_line, p.reference, p.total_count, p.dependent_count, p.sponsor_name,
  p.sponsor_qualifier, p.sponsor_id, p.payer_name, p.payer_id, d.paid_through, m.is_subscriber,
  m.relationship_code, NULL, NULL, NULL,
  m.exchange_subscriber_id, m.exchange_member_id,
  coalesce(c.issuer_subscriber_id, m.issuer_subscriber_id), NULL,
  coalesce(c.issuer_member_id, m.issuer_member_id), NULL, m.eligibility_begin, NULL, NULL,
  v.benefit_begin, m.last_name, m.first_name, m.middle_name, m.name_suffix, m.birth_date,
  m.gender_code
FROM book.decision d
JOIN book.policy p ON p.partner_id = d.partner_id
  AND p.exchange_policy_id = d.exchange_policy_id AND p.known_to = 'infinity'
  AND p.status = 'initial'
JOIN book.member m ON m.partner_id = p.partner_id
  AND m.exchange_policy_id = p.exchange_policy_id AND m.known_to = 'infinity'
JOIN LATERAL (
  SELECT min(v.benefit_begin) AS benefit_begin
  FROM book.effective_coverage v
  WHERE v.partner_id = p.partner_id AND v.exchange_policy_id = p.exchange_policy_id
    AND v.exchange_member_id = m.exchange_member_id AND v.known_to = 'infinity'
) v ON v.benefit_begin IS NOT NULL
LEFT JOIN (
  SELECT exchange_policy_id, exchange_member_id,
    max(issuer_subscriber_id) AS issuer_subscriber_id, max(issuer_member_id) AS issuer_member_id
  FROM carrier_member GROUP BY exchange_policy_id, exchange_member_id
) c ON c.exchange_policy_id = m.exchange_policy_id
  AND c.exchange_member_id = m.exchange_member_id
LEFT JOIN (
  SELECT exchange_policy_id, max(issuer_policy_id) AS issuer_policy_id
  FROM carrier_member GROUP BY exchange_policy_id
) s ON s.exchange_policy_id = p.exchange_policy_id
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'released')
ORDER BY p.plan_id, p.exchange_policy_id, m.is_subscriber DESC, m.exchange_member_id
"""

# A version that is believed since this very moment gives way; nobody ever saw it.
_MARK = sa.text("""
WITH offered AS (
  SELECT d.decision_id, row_number() OVER (ORDER BY p.plan_id, p.exchange_policy_id) AS set_ordinal
  FROM book.decision d
  JOIN book.policy p ON p.partner_id = d.partner_id
    AND p.exchange_policy_id = d.exchange_policy_id
    AND p.known_to = 'infinity' AND p.status = 'initial'
  WHERE d.partner_id = :partner_id AND d.state IN ('open', 'released')
), sent AS (
  UPDATE book.decision d
  SET state = 'sent', sent_file_id = :file_id, set_ordinal = offered.set_ordinal
  FROM offered
  WHERE d.decision_id = offered.decision_id
  RETURNING d.exchange_policy_id
), closed AS (
  UPDATE book.policy p SET known_to = :known_at
  FROM sent WHERE p.exchange_policy_id = sent.exchange_policy_id AND p.partner_id = :partner_id
    AND p.known_to = 'infinity' AND p.known_from < :known_at
  RETURNING p.*
), unseen AS (
  DELETE FROM book.policy p
  USING sent WHERE p.exchange_policy_id = sent.exchange_policy_id AND p.partner_id = :partner_id
    AND p.known_to = 'infinity' AND p.known_from = :known_at
  RETURNING p.*
)
INSERT INTO book.policy (partner_id, exchange_policy_id, status, needs_effectuation, known_from,
  exchange_subscriber_id, plan_id, insurance_line, issuer_policy_id, benefit_begin, benefit_end,
  initial_event_id, reference, total_count, dependent_count, sponsor_name, sponsor_qualifier,
  sponsor_id, payer_name, payer_id, event_id)
SELECT partner_id, exchange_policy_id, 'effectuated', false, :known_at,
  exchange_subscriber_id, plan_id, insurance_line, issuer_policy_id, benefit_begin, benefit_end,
  initial_event_id, reference, total_count, dependent_count, sponsor_name, sponsor_qualifier,
  sponsor_id, payer_name, payer_id, event_id
FROM (SELECT * FROM closed UNION ALL SELECT * FROM unseen) believed
""")


def decide_effectuations(
    conn: sa.Connection, run_id: int, partner_id: str, payments: pa.Table, records: pa.Table
) -> pa.Table:
    """The members of all policies to confirm and not yet sent (tables.ISSUER_TRANSACTIONS).

    Their codes (INS03, INS04, ADDL MAINT REASON) are the exchange's and stay empty.

    `payments` (tables.CARRIER_PAYMENTS) is the evidence; `records` (tables.CARRIER_MEMBERS) gives
    the issuer's own ids. A policy is decided once for each initial enrollment; the same decisions
    come again until `mark_effectuated` says in which file they were sent. A run sends one file;
    what is paid after that waits for the next run.
    """
    parameters = {"run_id": run_id, "partner_id": partner_id}
    if conn.execute(_HAS_SENT, parameters).scalar_one():
        return tables.ISSUER_TRANSACTIONS.empty_table()
    copy_to_temporary(conn, "payment", payments)
    copy_to_temporary(conn, "carrier_member", records)
    conn.execute(_WITHDRAW, parameters)
    conn.execute(_DECIDE, parameters)
    conn.execute(sa.text("ANALYZE book.decision"))
    return copy_out(
        conn, sa.text(_OFFER).bindparams(partner_id=partner_id), tables.ISSUER_TRANSACTIONS
    )


def mark_effectuated(conn: sa.Connection, partner_id: str, file_id: int, known_at: datetime) -> int:
    """The number of policies that are effectuated now: those that the last offer held.

    Belongs into the transaction that decides them and records the sent file, so that neither
    stands without the other.
    """
    marked = conn.execute(
        _MARK,
        {"partner_id": partner_id, "file_id": file_id, "known_at": known_at},
    )
    return marked.rowcount
