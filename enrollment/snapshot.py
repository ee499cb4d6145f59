"""The book of a partner as it stood at a moment."""

from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from schemas import tables
from schemas.postgres_copy import copy_out

# `:known_at` picks what was believed, `:valid_on` the day whose amounts are shown, moved into the
# coverage where it lies outside. Of a member's spans the last counts, with those that end on the
# day before it: a change of plan is no new begin. The file is the exchange's: from what we have
# said ourselves no value comes.
_SNAPSHOT = """
SELECT m.exchange_policy_id, p.exchange_subscriber_id, m.exchange_member_id, p.issuer_policy_id,
  m.issuer_subscriber_id, m.issuer_member_id, m.is_subscriber, m.relationship_code, m.last_name,
  m.first_name, m.birth_date, m.gender_code, p.plan_id, p.insurance_line, p.status,
  c.benefit_begin,
  CASE WHEN p.status = 'cancelled' THEN c.benefit_begin
       WHEN p.benefit_end < c.benefit_begin THEN c.benefit_begin
       ELSE least(c.benefit_end, p.benefit_end) END,
  a.premium_total, a.aptc,
  CASE WHEN m.is_subscriber AND pf.file_id IS NOT NULL THEN pf.file_id
       ELSE greatest(me.file_id, ce.file_id,
         CASE WHEN p.status IN ('cancelled', 'terminated') THEN pf.file_id END) END
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
LEFT JOIN ledger.file pf ON pf.file_id = pe.file_id AND pf.direction = 'exchange_to_issuer'
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


def book_snapshot(conn: sa.Connection, partner_id: str, known_at: datetime) -> pa.Table:
    """The partner's book as it was believed at that moment (tables.BOOK_MEMBERS).

    All members are in it, also of ended and cancelled policies. Amounts are those of the day of
    `known_at`, or of the first or last day of coverage when that day lies outside.
    """
    query = sa.text(_SNAPSHOT).bindparams(
        partner_id=partner_id, known_at=known_at, valid_on=known_at.date()
    )
    return copy_out(conn, query, tables.BOOK_MEMBERS)
