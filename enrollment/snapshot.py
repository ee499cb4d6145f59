"""Questions to the book: how it stood at a moment, and how one policy came to be as it is."""

from datetime import date, datetime

import pyarrow as pa
import sqlalchemy as sa

from schemas import tables
from schemas.postgres_copy import copy_out

# `:known_at` picks what was believed, `:valid_on` the day whose amounts are shown, moved into the
# coverage where it lies outside. Of a member's spans the last counts, with those that end on the
# day before it: a change of plan is no new begin.
_SNAPSHOT = """
SELECT m.exchange_policy_id, p.exchange_subscriber_id, m.exchange_member_id, p.issuer_policy_id,
  m.issuer_subscriber_id, m.issuer_member_id, m.is_subscriber, m.relationship_code, m.last_name,
  m.first_name, m.birth_date, m.gender_code, p.plan_id, p.insurance_line, p.status,
  c.benefit_begin,
  CASE WHEN p.status = 'cancelled' THEN c.benefit_begin
       WHEN p.benefit_end < c.benefit_begin THEN c.benefit_begin
       ELSE least(c.benefit_end, p.benefit_end) END,
  a.premium_total, a.aptc,
  CASE WHEN m.is_subscriber THEN pe.file_id
       ELSE greatest(me.file_id, ce.file_id,
         CASE WHEN p.status IN ('cancelled', 'terminated') THEN pe.file_id END) END
FROM book.policy p
JOIN book.member m ON m.partner_id = p.partner_id
  AND m.exchange_policy_id = p.exchange_policy_id
  AND m.known_from <= :known_at AND m.known_to > :known_at
JOIN (
  SELECT exchange_policy_id, exchange_member_id,
    max(benefit_begin) FILTER (WHERE begins) AS benefit_begin,
    nullif(max(coalesce(benefit_end, 'infinity')), 'infinity') AS benefit_end,
    max(event_id) AS event_id
  FROM (
    SELECT *, benefit_begin > coalesce(lag(benefit_end) OVER (
        PARTITION BY exchange_policy_id, exchange_member_id ORDER BY benefit_begin
      ) + 1, '-infinity') AS begins
    FROM book.coverage
    WHERE partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at
  ) span
  GROUP BY exchange_policy_id, exchange_member_id
) c ON c.exchange_policy_id = m.exchange_policy_id
  AND c.exchange_member_id = m.exchange_member_id
JOIN book.event pe ON pe.event_id = p.event_id
JOIN book.event me ON me.event_id = m.event_id
JOIN book.event ce ON ce.event_id = c.event_id
LEFT JOIN LATERAL (
  SELECT max(a.amount) FILTER (WHERE a.name = 'PRE AMT TOT') AS premium_total,
    max(a.amount) FILTER (WHERE a.name = 'APTC AMT') AS aptc
  FROM book.amount a
  CROSS JOIN (
    SELECT greatest(p.benefit_begin, least(CAST(:valid_on AS date), p.benefit_end)) AS on_day
  ) d
  WHERE a.partner_id = p.partner_id AND a.exchange_policy_id = p.exchange_policy_id
    AND a.known_from <= :known_at AND a.known_to > :known_at
    AND a.valid_from <= d.on_day AND coalesce(a.valid_to, 'infinity') >= d.on_day
) a ON m.is_subscriber
WHERE p.partner_id = :partner_id AND p.known_from <= :known_at AND p.known_to > :known_at
ORDER BY m.exchange_policy_id, m.is_subscriber DESC, m.exchange_member_id
"""

# One row per version of a policy and transaction that it comes from, with what its amounts were
# believed to be at that time.
POLICY_TIMELINE = pa.schema(
    [
        ("known_from", tables.TEXT),  # UTC, ISO 8601
        ("known_to", tables.TEXT),  # null = believed until today
        ("partner_id", tables.TEXT),
        (
            "transaction",
            tables.TEXT,
        ),  # that caused the version, or the last one before our decision
        ("status", tables.TEXT),
        ("plan_id", tables.TEXT),
        ("benefit_begin", tables.DATE),
        ("benefit_end", tables.DATE),
        ("members", tables.COUNT),  # covered on the day
        ("premium_total", tables.MONEY),
        ("aptc", tables.MONEY),
        ("file_id", pa.int64()),
        ("file_name", tables.TEXT),
        ("set_ordinal", tables.ORDINAL),
        ("byte_start", tables.BYTE),  # the subscriber's INS in the file
        ("byte_end", tables.BYTE),
    ]
)

_TIMELINE = """
SELECT to_char(p.known_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  CASE WHEN p.known_to < 'infinity'
       THEN to_char(p.known_to AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END,
  p.partner_id, s.transaction, p.status, p.plan_id, p.benefit_begin, p.benefit_end,
  (SELECT count(DISTINCT v.exchange_member_id) FROM book.effective_coverage v
   WHERE v.partner_id = p.partner_id AND v.exchange_policy_id = p.exchange_policy_id
     AND v.known_from <= p.known_from AND v.known_to > p.known_from
     AND v.benefit_begin <= d.on_day AND coalesce(v.benefit_end, 'infinity') >= d.on_day),
  a.premium_total, a.aptc, e.file_id, f.name, e.set_ordinal, e.byte_start, e.byte_end
FROM book.policy p
CROSS JOIN LATERAL (
  SELECT c.file_id, c.set_ordinal
  FROM book.event_set c JOIN ledger.run r USING (run_id)
  WHERE c.exchange_policy_id = p.exchange_policy_id AND c.partner_id = p.partner_id
    AND c.state = 'applied' AND r.as_of = p.known_from
  UNION
  SELECT l.file_id, l.set_ordinal FROM book.event l WHERE l.event_id = p.event_id
) cause
JOIN book.event_set s USING (file_id, set_ordinal)
JOIN book.event e ON e.file_id = s.file_id AND e.set_ordinal = s.set_ordinal AND e.is_subscriber
JOIN ledger.file f ON f.file_id = e.file_id
CROSS JOIN LATERAL (
  SELECT coalesce(CAST(:valid_on AS date), p.benefit_begin) AS on_day
) d
LEFT JOIN LATERAL (
  SELECT max(amount) FILTER (WHERE name = 'PRE AMT TOT') AS premium_total,
    max(amount) FILTER (WHERE name = 'APTC AMT') AS aptc
  FROM book.amount a
  WHERE a.partner_id = p.partner_id AND a.exchange_policy_id = p.exchange_policy_id
    AND a.known_from <= p.known_from AND a.known_to > p.known_from
    AND a.valid_from <= d.on_day AND coalesce(a.valid_to, 'infinity') >= d.on_day
) a ON true
WHERE p.exchange_policy_id = :exchange_policy_id
  AND p.known_from <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
ORDER BY p.partner_id, p.known_from, s.moment, s.function_rank, s.named_at, s.set_ordinal
"""


def book_snapshot(conn: sa.Connection, partner_id: str, known_at: datetime) -> pa.Table:
    """The partner's book as it was believed at that moment (tables.BOOK_MEMBERS).

    All members are in it, also of ended and cancelled policies. Amounts are those of the day of
    `known_at`, or of the first or last day of coverage when that day lies outside.
    """
    query = sa.text(_SNAPSHOT).bindparams(
        partner_id=partner_id, known_at=known_at, valid_on=known_at.date()
    )
    return copy_out(conn, query, tables.BOOK_MEMBERS)


def policy_timeline(
    conn: sa.Connection,
    exchange_policy_id: str,
    valid_on: date | None = None,
    known_at: datetime | None = None,
) -> pa.Table:
    """The versions of a policy in the order in which they were learnt (POLICY_TIMELINE).

    Members and amounts are those of the day `valid_on`, or of the first day of coverage; versions
    that were learnt after `known_at` are left out. The last row is what was believed then.
    """
    query = sa.text(_TIMELINE).bindparams(
        exchange_policy_id=exchange_policy_id, valid_on=valid_on, known_at=known_at
    )
    return copy_out(conn, query, POLICY_TIMELINE)
