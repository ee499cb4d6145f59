"""The book of a partner as it stood at a moment."""

from datetime import date, datetime

import pyarrow as pa
import sqlalchemy as sa

from enrollment.whole_book import whole_book
from schemas import records
from schemas.postgres_copy import copy_out

# `:known_at` picks what was believed, `:valid_on` the day whose amounts are shown, moved into the
# coverage where it lies outside. Of a member's spans the last counts, with those that end on the
# day before it: a change of plan is no new begin. The plan is that of the member's last day of
# coverage: a variant that was told for a later day has never taken effect. Of whom nothing is
# covered it is the policy's, and of a policy that covers nothing the one that was told last. The
# file is the exchange's: of what we have said ourselves come the issuer's ids only, whichever side
# said them last.
_SNAPSHOT = """
WITH policy AS (
  SELECT *, greatest(benefit_begin, least(CAST(:valid_on AS date), benefit_end)) AS on_day
  FROM book.policy
  WHERE partner_id = :partner_id{of_policy} AND known_from <= :known_at AND known_to > :known_at
)
SELECT m.exchange_policy_id, p.exchange_subscriber_id, m.exchange_member_id, p.issuer_policy_id,
  coalesce(said.issuer_subscriber_id, m.issuer_subscriber_id),
  coalesce(said.issuer_member_id, m.issuer_member_id), m.relationship_code, m.last_name,
  m.first_name, m.middle_name, m.name_suffix, m.birth_date, m.gender_code, m.ssn,
  home.address_line_1, home.address_line_2, home.city, home.state, home.postal_code,
  home.county_code, CASE WHEN m.is_subscriber THEN p.rating_area END, mail.address_line_1,
  mail.address_line_2, mail.city, mail.state, mail.postal_code, m.phone, m.email, m.tobacco_code,
  coalesce(c.plan_id, CASE WHEN p.status <> 'cancelled' THEN (
    SELECT v.plan_id FROM book.effective_coverage v
    WHERE v.partner_id = p.partner_id AND v.exchange_policy_id = p.exchange_policy_id
      AND v.known_from <= :known_at AND v.known_to > :known_at
    ORDER BY v.benefit_begin DESC LIMIT 1
  ) END, p.plan_id), p.insurance_line, c.benefit_begin,
  CASE WHEN p.status = 'cancelled' THEN c.benefit_begin
       WHEN p.benefit_end < c.benefit_begin THEN c.benefit_begin
       ELSE least(c.benefit_end, p.benefit_end) END,
  c.coverage_spans, a.premium_total, a.aptc, a.csr, a.responsible_amount, own.amount,
  m.is_subscriber, p.status,
  CASE WHEN m.is_subscriber AND pf.file_id IS NOT NULL THEN pf.file_id
       ELSE greatest(me.file_id, ce.file_id,
         CASE WHEN p.status IN ('cancelled', 'terminated') THEN pf.file_id END) END
FROM policy p
JOIN book.member m ON m.partner_id = p.partner_id
  AND m.exchange_policy_id = p.exchange_policy_id
  AND m.known_from <= :known_at AND m.known_to > :known_at
JOIN (
  SELECT exchange_policy_id, exchange_member_id,
    max(benefit_begin) FILTER (WHERE begins) AS benefit_begin,
    nullif(max(coalesce(benefit_end, 'infinity')), 'infinity') AS benefit_end,
    max(event_id) AS event_id,
    string_agg(
      benefit_begin || '/' || coalesce(CAST(least(benefit_end, policy_end) AS text), '..'), ' '
      ORDER BY benefit_begin
    ) FILTER (WHERE in_effect) AS coverage_spans,
    (array_agg(plan_id ORDER BY benefit_begin DESC) FILTER (WHERE in_effect))[1] AS plan_id
  FROM (
    SELECT v.exchange_policy_id, v.exchange_member_id, v.benefit_begin, v.benefit_end, v.event_id,
      v.plan_id, p.benefit_end AS policy_end,
      p.status <> 'cancelled' AND v.benefit_end IS DISTINCT FROM v.benefit_begin
        AND v.benefit_begin <= coalesce(p.benefit_end, 'infinity') AS in_effect,
      v.benefit_begin > coalesce(lag(v.benefit_end) OVER (
        PARTITION BY v.exchange_policy_id, v.exchange_member_id ORDER BY v.benefit_begin
      ) + 1, '-infinity') AS begins
    FROM book.coverage v JOIN policy p ON p.exchange_policy_id = v.exchange_policy_id
    WHERE v.partner_id = :partner_id{of_v} AND v.known_from <= :known_at AND v.known_to > :known_at
  ) span
  GROUP BY exchange_policy_id, exchange_member_id
) c ON c.exchange_policy_id = m.exchange_policy_id
  AND c.exchange_member_id = m.exchange_member_id
JOIN book.event pe ON pe.event_id = p.event_id
LEFT JOIN ledger.file pf ON pf.file_id = pe.file_id AND pf.direction = 'exchange_to_issuer'
JOIN book.event me ON me.event_id = m.event_id
JOIN book.event ce ON ce.event_id = c.event_id
LEFT JOIN (
  SELECT v.exchange_policy_id,
    max(v.amount) FILTER (WHERE v.name = 'PRE AMT TOT') AS premium_total,
    max(v.amount) FILTER (WHERE v.name = 'APTC AMT') AS aptc,
    max(v.amount) FILTER (WHERE v.name = 'CSR AMT') AS csr,
    max(v.amount) FILTER (WHERE v.name = 'TOT RES AMT') AS responsible_amount
  FROM book.amount v JOIN policy p ON p.exchange_policy_id = v.exchange_policy_id
  WHERE v.partner_id = :partner_id{of_v} AND v.known_from <= :known_at AND v.known_to > :known_at
    AND p.on_day BETWEEN v.valid_from AND coalesce(v.valid_to, 'infinity')
  GROUP BY v.exchange_policy_id
) a ON a.exchange_policy_id = m.exchange_policy_id AND m.is_subscriber
LEFT JOIN (
  SELECT v.exchange_policy_id, v.exchange_member_id,
    max(v.value) FILTER (WHERE v.kind = 'issuer_subscriber_id') AS issuer_subscriber_id,
    max(v.value) FILTER (WHERE v.kind = 'issuer_member_id') AS issuer_member_id
  FROM book.identifier v
  WHERE v.partner_id = :partner_id{of_v} AND v.valid_to IS NULL
    AND v.known_from <= :known_at AND v.known_to > :known_at
  GROUP BY v.exchange_policy_id, v.exchange_member_id
) said ON said.exchange_policy_id = m.exchange_policy_id
  AND said.exchange_member_id = m.exchange_member_id
LEFT JOIN book.amount own ON own.partner_id = p.partner_id
  AND own.exchange_policy_id = m.exchange_policy_id
  AND own.exchange_member_id = m.exchange_member_id AND own.name = 'PRE AMT 1'
  AND own.known_from <= :known_at AND own.known_to > :known_at
  AND greatest(c.benefit_begin, least(p.on_day, c.benefit_end))
    BETWEEN own.valid_from AND coalesce(own.valid_to, 'infinity')
LEFT JOIN book.address home ON home.partner_id = p.partner_id
  AND home.exchange_policy_id = m.exchange_policy_id
  AND home.exchange_member_id = m.exchange_member_id AND home.kind = 'residence'
  AND home.known_from <= :known_at AND home.known_to > :known_at
  AND home.valid_to IS NULL
LEFT JOIN book.address mail ON mail.partner_id = p.partner_id
  AND mail.exchange_policy_id = m.exchange_policy_id
  AND mail.exchange_member_id = m.exchange_member_id AND mail.kind = 'mailing'
  AND mail.known_from <= :known_at AND mail.known_to > :known_at
  AND mail.valid_to IS NULL
ORDER BY m.exchange_policy_id, m.is_subscriber DESC, m.exchange_member_id
"""


def book_snapshot(
    conn: sa.Connection, partner_id: str, known_at: datetime, valid_on: date | None = None
) -> pa.Table:
    """The partner's book as it was believed at that moment (records.BOOK_MEMBERS).

    All members are in it, also of ended and cancelled policies. Amounts are those of the day
    `valid_on`, which is that of `known_at` if not given, or of the first or last day of coverage
    when that day lies outside: the policy's coverage, and for a member's own premium the member's.
    Addresses are those that were told last: letters go there, whatever day they were told for.
    """
    query = sa.text(_SNAPSHOT.format(of_policy="", of_v="")).bindparams(
        partner_id=partner_id, known_at=known_at, valid_on=valid_on or known_at.date()
    )
    with whole_book(conn):
        return copy_out(conn, query, records.BOOK_MEMBERS)


def policy_snapshot(
    conn: sa.Connection, partner_id: str, policy_id: str, known_at: datetime, valid_on: date
) -> pa.Table:
    """The same of one policy: its members as a night that looks at that moment compares them."""
    only = "exchange_policy_id = :policy_id"
    query = sa.text(_SNAPSHOT.format(of_policy=f" AND {only}", of_v=f" AND v.{only}")).bindparams(
        partner_id=partner_id, policy_id=policy_id, known_at=known_at, valid_on=valid_on
    )
    return copy_out(conn, query, records.BOOK_MEMBERS)
