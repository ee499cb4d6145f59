"""The book of a partner cut into financial segments: who was covered, and for which amounts."""

from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from enrollment.whole_book import whole_book
from schemas import monthly_tables
from schemas.postgres_copy import copy_out

# Name of the amount, and what its columns begin with: what stands for the whole policy.
_OF_POLICY = {"PRE AMT TOT": "premium", "APTC AMT": "aptc", "CSR AMT": "csr", "TOT RES AMT": "owed"}


def _of_policy() -> str:
    """Each amount of the policy and its own span, as columns of one row per segment."""
    return ", ".join(
        f"max({column}) FILTER (WHERE name = '{name}') AS {prefix}{ending}"
        for name, prefix in _OF_POLICY.items()
        for column, ending in (("amount", ""), ("valid_from", "_begin"), ("valid_to", "_end"))
    )


# Whatever begins or ends in a policy begins a segment, for all of its members: an amount, a plan,
# a member. The last segment ends where nothing begins any more, or with the last member.
# `coverage` knows its member's whole span: a change of plan is no new begin. The issuer's ids are
# those that either side has said last: ours stand among the identifiers only. Of whom nobody has
# said the subscriber's, it is the one that was said of the others on the policy.
SEGMENTS = f"""
WITH coverage AS (
  SELECT *, min(benefit_begin) OVER span AS span_begin,
    nullif(max(coalesce(benefit_end, 'infinity')) OVER span, 'infinity') AS span_end
  FROM (
    SELECT *, count(*) FILTER (WHERE begins) OVER (
      PARTITION BY exchange_policy_id, exchange_member_id ORDER BY benefit_begin
    ) AS place
    FROM (
      SELECT *, benefit_begin > coalesce(lag(benefit_end) OVER (
          PARTITION BY exchange_policy_id, exchange_member_id ORDER BY benefit_begin
        ) + 1, '-infinity') AS begins
      FROM book.effective_coverage
      WHERE partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at
    ) piece
  ) told
  WINDOW span AS (PARTITION BY exchange_policy_id, exchange_member_id, place)
), amount AS (
  SELECT exchange_policy_id, exchange_member_id, name, amount, valid_from, valid_to
  FROM book.effective_amount
  WHERE partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at
    AND name IN ('PRE AMT 1', {", ".join(f"'{name}'" for name in _OF_POLICY)})
), edge AS (
  SELECT exchange_policy_id, benefit_begin AS day FROM coverage
  UNION SELECT exchange_policy_id, benefit_end + 1 FROM coverage WHERE benefit_end IS NOT NULL
  UNION SELECT exchange_policy_id, valid_from FROM amount
  UNION SELECT exchange_policy_id, valid_to + 1 FROM amount WHERE valid_to IS NOT NULL
), segment AS (
  SELECT exchange_policy_id, day AS segment_begin,
    lead(day) OVER (PARTITION BY exchange_policy_id ORDER BY day) - 1 AS segment_end
  FROM edge
), priced AS (
  SELECT s.exchange_policy_id, s.segment_begin, {_of_policy()}
  FROM segment s
  JOIN amount a ON a.exchange_policy_id = s.exchange_policy_id AND a.name <> 'PRE AMT 1'
    AND a.valid_from <= s.segment_begin AND coalesce(a.valid_to, 'infinity') >= s.segment_begin
  GROUP BY s.exchange_policy_id, s.segment_begin
), policy AS (
  SELECT * FROM book.policy
  WHERE partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at
), member AS (
  SELECT * FROM book.member
  WHERE partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at
), own_id AS (
  SELECT exchange_policy_id, exchange_member_id,
    max(value) FILTER (WHERE kind = 'issuer_subscriber_id') AS issuer_subscriber_id,
    max(value) FILTER (WHERE kind = 'issuer_member_id') AS issuer_member_id
  FROM book.identifier
  WHERE partner_id = :partner_id AND known_from <= :known_at AND known_to > :known_at
    AND valid_to IS NULL
  GROUP BY exchange_policy_id, exchange_member_id
), covered AS (
  SELECT c.exchange_policy_id, c.exchange_member_id, c.plan_id, s.segment_begin, s.segment_end,
    c.span_begin, c.span_end
  FROM segment s
  JOIN coverage c ON c.exchange_policy_id = s.exchange_policy_id
    AND c.benefit_begin <= s.segment_begin
    AND coalesce(c.benefit_end, 'infinity') >= s.segment_begin
  UNION ALL
  SELECT p.exchange_policy_id, m.exchange_member_id, p.plan_id, p.benefit_begin, p.benefit_begin,
    p.benefit_begin, p.benefit_begin
  FROM policy p JOIN member m ON m.exchange_policy_id = p.exchange_policy_id
  WHERE p.status = 'cancelled'
)
SELECT c.exchange_policy_id, p.exchange_subscriber_id, c.exchange_member_id, p.issuer_policy_id,
  coalesce(o.issuer_subscriber_id, m.issuer_subscriber_id, g.issuer_subscriber_id)
    AS issuer_subscriber_id,
  coalesce(o.issuer_member_id, m.issuer_member_id) AS issuer_member_id,
  m.is_subscriber, m.relationship_code, c.plan_id, p.insurance_line, p.status AS policy_status,
  NOT p.needs_effectuation AS is_confirmed,
  c.segment_begin, c.segment_end,
  c.span_begin AS benefit_begin, c.span_end AS benefit_end, a.premium AS premium_total,
  a.premium_begin, a.premium_end, a.aptc, a.aptc_begin, a.aptc_end, a.csr, a.csr_begin, a.csr_end,
  i.amount AS individual_premium, i.valid_from AS individual_begin, i.valid_to AS individual_end,
  a.owed AS responsible_amount
FROM covered c
JOIN policy p ON p.exchange_policy_id = c.exchange_policy_id
JOIN member m ON m.exchange_policy_id = c.exchange_policy_id
  AND m.exchange_member_id = c.exchange_member_id
LEFT JOIN own_id o ON o.exchange_policy_id = c.exchange_policy_id
  AND o.exchange_member_id = c.exchange_member_id
LEFT JOIN (
  SELECT exchange_policy_id, max(issuer_subscriber_id) AS issuer_subscriber_id
  FROM own_id GROUP BY exchange_policy_id
) g ON g.exchange_policy_id = c.exchange_policy_id
LEFT JOIN priced a ON m.is_subscriber AND a.exchange_policy_id = c.exchange_policy_id
  AND a.segment_begin = c.segment_begin
LEFT JOIN amount i ON i.exchange_policy_id = c.exchange_policy_id AND i.name = 'PRE AMT 1'
  AND i.exchange_member_id = c.exchange_member_id AND i.valid_from <= c.segment_begin
  AND coalesce(i.valid_to, 'infinity') >= c.segment_begin
ORDER BY c.exchange_policy_id, c.segment_begin, m.is_subscriber DESC, c.exchange_member_id
"""


def book_segments(conn: sa.Connection, partner_id: str, known_at: datetime) -> pa.Table:
    """The partner's book as it was believed at that moment, by segments (BOOK_SEGMENTS).

    One row per member and segment: a span in which the policy's plan, its members and all of its
    amounts stay the same. A member who was never covered has no row; each member of a cancelled
    policy has one, which begins and ends on the policy's first day and holds no amounts.
    """
    query = sa.text(SEGMENTS).bindparams(partner_id=partner_id, known_at=known_at)
    with whole_book(conn):
        return copy_out(conn, query, monthly_tables.BOOK_SEGMENTS)
