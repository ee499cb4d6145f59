"""Breaks that lived in the time of a report: by cause, age and product; waived; found again.

States are those at the end of the report, so that what happens later does not change it.
"""

import pyarrow as pa
import sqlalchemy as sa

from reconciliation.reports import OF_ASKED, Asked
from schemas.postgres_copy import copy_out
from schemas.report_tables import AGES, BREAKS, WAIVERS

# One row a break: state and dollars as at the end of the report, product as the book had it then.
LIVED = f"""
WITH last_look AS (
  SELECT DISTINCT ON (s.partner_id) s.partner_id, s.run_id
  FROM reconciliation.result s JOIN ledger.run r USING (run_id)
  WHERE r.as_of < :end AND {OF_ASKED.format("s")}
  ORDER BY s.partner_id, r.as_of DESC, s.run_id DESC
), found_then AS (
  SELECT d.* FROM reconciliation.difference d JOIN last_look USING (run_id, partner_id)
), lived AS (
  SELECT b.break_id, b.partner_id, b.source, b.period, b.kind, b.field, b.rule,
    b.exchange_policy_id, b.exchange_member_id, b.waived_until, b.first_seen, s.state,
    coalesce(d.file_id, b.file_id) AS file_id,
    extract(day FROM least(coalesce(s.gone_at, :end), :end) - b.first_seen) AS days,
    coalesce(p.insurance_line, 'not told') AS insurance_line,
    coalesce(left(b.period, 4), CAST(extract(year FROM p.benefit_begin) AS text), 'not told')
      AS plan_year,
    CASE WHEN d.run_id IS NULL THEN b.premium_difference ELSE d.premium_difference END AS premium,
    CASE WHEN d.run_id IS NULL THEN b.aptc_difference ELSE d.aptc_difference END AS aptc,
    CASE WHEN d.run_id IS NULL THEN b.csr_difference ELSE d.csr_difference END AS csr
  FROM reconciliation.break b
  CROSS JOIN LATERAL (
    SELECT (array_agg(e.state ORDER BY e.break_event_id DESC))[1] AS state,
      CASE WHEN (array_agg(e.state ORDER BY e.break_event_id DESC))[1] = 'resolved'
        THEN max(e.at) FILTER (WHERE e.action = 'gone') END AS gone_at
    FROM reconciliation.break_event e WHERE e.break_id = b.break_id AND e.at < :end
  ) s
  LEFT JOIN found_then d ON b.source = 'carrier' AND d.partner_id = b.partner_id
    AND d.kind = b.kind AND coalesce(d.field, '') = coalesce(b.field, '')
    AND coalesce(d.exchange_policy_id, '') = coalesce(b.exchange_policy_id, '')
    AND coalesce(d.exchange_member_id, '') = coalesce(b.exchange_member_id, '')
  LEFT JOIN book.policy p ON p.exchange_policy_id = b.exchange_policy_id
    AND p.partner_id = b.partner_id AND p.known_from < :end AND p.known_to >= :end
  WHERE b.first_seen < :end AND coalesce(s.gone_at, :end) >= :since AND {OF_ASKED.format("b")}
)
"""  # noqa: S608

GROSS = "coalesce(sum(abs(premium)), 0) + coalesce(sum(abs(aptc)), 0) + coalesce(sum(abs(csr)), 0)"


def _age() -> str:
    """SQL for the age of `days`, by the borders that the names of AGES say."""
    last = [age.partition("-")[2] for age in AGES[:-1]]
    parts = " ".join(f"WHEN days <= {n} THEN '{age}'" for n, age in zip(last, AGES, strict=False))
    return f"CASE {parts} ELSE '{AGES[-1]}' END"


AGE = _age()

_BREAKS = f"""
{LIVED}
SELECT b.partner_id, b.source, b.period, b.kind, b.field, b.rule, f.name, b.insurance_line,
  b.plan_year, b.state, {AGE}, count(*), count(DISTINCT b.exchange_policy_id),
  coalesce(sum(premium), 0), coalesce(sum(aptc), 0), coalesce(sum(csr), 0), {GROSS}
FROM lived b LEFT JOIN ledger.file f USING (file_id)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""  # noqa: S608

_WAIVERS = f"""
{LIVED}
SELECT b.partner_id, b.break_id, b.source, b.kind, b.field, b.insurance_line, b.plan_year,
  e.person, e.account, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
  CAST(b.waived_until AS text), b.state, coalesce(b.premium, 0), coalesce(b.aptc, 0),
  coalesce(b.csr, 0),
  abs(coalesce(b.premium, 0)) + abs(coalesce(b.aptc, 0)) + abs(coalesce(b.csr, 0))
FROM lived b JOIN reconciliation.break_event e ON e.break_id = b.break_id
WHERE e.action = 'waive' AND e.at < :end
ORDER BY e.break_event_id
"""  # noqa: S608

# Found again only counts when it came after the last time that it was gone in the report.
REOPENED = f"""
{LIVED}
SELECT b.partner_id, 'reopened', b.insurance_line, b.plan_year,
  count(*) FILTER (WHERE gone.found_again), count(*)
FROM lived b CROSS JOIN LATERAL (
  SELECT bool_or(EXISTS (
    SELECT FROM reconciliation.break_event a WHERE a.break_id = b.break_id
      AND a.action = 'found again' AND a.break_event_id > e.break_event_id AND a.at < :end
  )) AS found_again
  FROM reconciliation.break_event e
  WHERE e.break_id = b.break_id AND e.action = 'gone' AND e.at >= :since AND e.at < :end
) gone
WHERE gone.found_again IS NOT NULL
GROUP BY 1, 2, 3, 4
"""  # noqa: S608


def breaks_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """Breaks that lived in the time, by what they have in common (BREAKS)."""
    return copy_out(conn, sa.text(_BREAKS).bindparams(**asked.parameters), BREAKS)


def waivers_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """What persons let stand of breaks that lived in the time, in the order said (WAIVERS)."""
    return copy_out(conn, sa.text(_WAIVERS).bindparams(**asked.parameters), WAIVERS)
