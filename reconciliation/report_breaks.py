"""Breaks that lived in the time of a report: by cause, age and product; waived; found again.

States are those at the end of the report, so that what happens later does not change it.
"""

import pyarrow as pa
import sqlalchemy as sa

from reconciliation.reports import OF_ASKED, Asked
from schemas.postgres_copy import copy_out
from schemas.report_tables import AGES, BREAKS, WAIVERS

# What a break's events say as of the end of the report: of all breaks at once, or break by break
# where only a page of them is asked for.
_OF_ALL = """
JOIN (
  SELECT break_id, (array_agg(state ORDER BY break_event_id DESC))[1] AS state,
    max(at) FILTER (WHERE action = 'gone') AS last_gone
  FROM reconciliation.break_event WHERE at < :end GROUP BY break_id
) s ON s.break_id = b.break_id
"""
_ONE_BY_ONE = """
CROSS JOIN LATERAL (
  SELECT (array_agg(e.state ORDER BY e.break_event_id DESC))[1] AS state,
    max(e.at) FILTER (WHERE e.action = 'gone') AS last_gone
  FROM reconciliation.break_event e WHERE e.break_id = b.break_id AND e.at < :end
) s
"""


def _lived(events: str) -> str:
    """SQL of `lived`: one row a break, its state then, and its product as the book had it then."""
    gone_at = "CASE WHEN s.state = 'resolved' THEN s.last_gone END"
    return f"""
lived AS (
  SELECT b.break_id, b.partner_id, b.source, b.period, b.kind, b.field, b.rule,
    b.exchange_policy_id, b.exchange_member_id, b.waived_until, b.first_seen, s.state, b.file_id,
    b.premium_difference, b.aptc_difference, b.csr_difference,
    extract(day FROM least({gone_at}, :end, (SELECT max(as_of) FROM ledger.run)) - b.first_seen)
      AS days,
    coalesce(p.insurance_line, 'not told') AS insurance_line,
    coalesce(left(b.period, 4), CAST(extract(year FROM p.benefit_begin) AS text), 'not told')
      AS plan_year
  FROM reconciliation.break b {events}
  LEFT JOIN book.policy p ON p.exchange_policy_id = b.exchange_policy_id
    AND p.partner_id = b.partner_id AND p.known_from < :end AND p.known_to >= :end
  WHERE b.first_seen < :end AND coalesce({gone_at}, :end) >= :since AND {OF_ASKED.format("b")}
)
"""  # noqa: S608


def _priced(rows: str) -> str:
    """SQL of `priced`: rows of `lived` with the dollars and the file of the last look until then.

    Only the carrier's looks keep what they have found; of the others a break has the last.
    """
    names = ("file_id", "premium_difference", "aptc_difference", "csr_difference")
    then = ", ".join(
        f"CASE WHEN d.run_id IS NULL THEN l.{name} ELSE d.{name} END AS {short}"
        for name, short in zip(names, ("file_id", "premium", "aptc", "csr"), strict=True)
    )
    kept = "break_id, partner_id, source, period, kind, field, rule, exchange_policy_id"
    kept += ", exchange_member_id, waived_until, first_seen, state, days, insurance_line, plan_year"
    return f"""
last_look AS (
  SELECT DISTINCT ON (s.partner_id) s.partner_id, s.run_id
  FROM reconciliation.result s JOIN ledger.run r USING (run_id)
  WHERE r.as_of < :end AND {OF_ASKED.format("s")}
  ORDER BY s.partner_id, r.as_of DESC, s.run_id DESC
), found_then AS (
  SELECT d.* FROM reconciliation.difference d JOIN last_look USING (run_id, partner_id)
), priced AS (
  SELECT {", ".join(f"l.{name}" for name in kept.split(", "))}, {then}
  FROM {rows} l LEFT JOIN found_then d ON l.source = 'carrier' AND d.partner_id = l.partner_id
    AND d.kind = l.kind AND coalesce(d.field, '') = coalesce(l.field, '')
    AND coalesce(d.exchange_policy_id, '') = coalesce(l.exchange_policy_id, '')
    AND coalesce(d.exchange_member_id, '') = coalesce(l.exchange_member_id, '')
)
"""  # noqa: S608


LIVED = f"WITH {_lived(_OF_ALL)}"
PRICED = f"{LIVED}, {_priced('lived')}"

GROSS = "coalesce(sum(abs(premium)), 0) + coalesce(sum(abs(aptc)), 0) + coalesce(sum(abs(csr)), 0)"


def _age() -> str:
    """SQL for the age of `days`, by the borders that the names of AGES say."""
    last = [age.partition("-")[2] for age in AGES[:-1]]
    parts = " ".join(f"WHEN days <= {n} THEN '{age}'" for n, age in zip(last, AGES, strict=False))
    return f"CASE {parts} ELSE '{AGES[-1]}' END"


AGE = _age()

_BREAKS = f"""
{PRICED}
SELECT b.partner_id, b.source, b.period, b.kind, b.field, b.rule, f.name, b.insurance_line,
  b.plan_year, b.state, {AGE}, count(*), count(DISTINCT b.exchange_policy_id),
  coalesce(sum(premium), 0), coalesce(sum(aptc), 0), coalesce(sum(csr), 0), {GROSS}
FROM priced b LEFT JOIN ledger.file f USING (file_id)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""  # noqa: S608

_WAIVERS = f"""
{PRICED}
SELECT b.partner_id, b.break_id, b.source, b.kind, b.field, b.insurance_line, b.plan_year,
  e.person, e.account, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
  CAST(b.waived_until AS text), b.state, coalesce(b.premium, 0), coalesce(b.aptc, 0),
  coalesce(b.csr, 0),
  abs(coalesce(b.premium, 0)) + abs(coalesce(b.aptc, 0)) + abs(coalesce(b.csr, 0))
FROM priced b JOIN reconciliation.break_event e ON e.break_id = b.break_id
WHERE e.action = 'waive' AND e.at < :end
ORDER BY e.break_event_id
"""  # noqa: S608

# Found again only counts when it came after the last time that it was gone in the report.
REOPENED = f"""
{LIVED}
SELECT b.partner_id, 'reopened', b.insurance_line, b.plan_year,
  count(*) FILTER (WHERE gone.found_again), count(*)
FROM lived b JOIN (
  SELECT e.break_id, bool_or(EXISTS (
    SELECT FROM reconciliation.break_event a WHERE a.break_id = e.break_id
      AND a.action = 'found again' AND a.break_event_id > e.break_event_id AND a.at < :end
  )) AS found_again
  FROM reconciliation.break_event e
  WHERE e.action = 'gone' AND e.at >= :since AND e.at < :end GROUP BY e.break_id
) gone ON gone.break_id = b.break_id
GROUP BY 1, 2, 3, 4
"""  # noqa: S608


def breaks_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """Breaks that lived in the time, by what they have in common (BREAKS)."""
    return copy_out(conn, sa.text(_BREAKS).bindparams(**asked.parameters), BREAKS)


def waivers_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """What persons let stand of breaks that lived in the time, in the order said (WAIVERS)."""
    return copy_out(conn, sa.text(_WAIVERS).bindparams(**asked.parameters), WAIVERS)


_ROWS = """
WITH {lived}, page AS MATERIALIZED (
  SELECT * FROM (SELECT *, {age} AS age FROM lived) l
  WHERE break_id > :after {conditions} ORDER BY break_id LIMIT :most
), {priced}
SELECT b.*, {age} AS age,
  coalesce(abs(b.premium), 0) + coalesce(abs(b.aptc), 0) + coalesce(abs(b.csr), 0) AS gross
FROM priced b ORDER BY break_id
"""
COLUMNS_OF_ROWS = (
    *("source", "period", "kind", "field", "rule", "state", "age", "insurance_line", "plan_year"),
)


def lived_breaks(
    conn: sa.Connection, asked: Asked, equal: dict[str, str], after: int = 0, limit: int = 50
) -> list[sa.Row[tuple[object, ...]]]:
    """Breaks that lived in the time, by their ids: the rows behind a figure of BREAKS.

    `equal` are values of COLUMNS_OF_ROWS; `none` is a row that has no such value.
    """
    conditions = "".join(
        f" AND coalesce({name}, 'none') = :{name}" for name in COLUMNS_OF_ROWS if name in equal
    )
    statement = _ROWS.format(
        lived=_lived(_ONE_BY_ONE), priced=_priced("page"), age=AGE, conditions=conditions
    )
    told = asked.parameters | equal | {"after": after, "most": limit}
    return list(conn.execute(sa.text(statement), told).all())
