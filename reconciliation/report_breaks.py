"""Breaks that lived in the time of a report: by cause, age and product; waived; found again.

States are those at the end of the report, so that what happens later does not change it.
"""

from collections.abc import Callable

import pyarrow as pa
import sqlalchemy as sa

from reconciliation.reports import OF_ASKED, Asked
from schemas.postgres_copy import copy_out
from schemas.report_tables import AGES, BREAKS, WAIVERS

# What a break's events said at the end of the report, where they have said more since; of all
# others the row itself says it.
_MOVED = """
moved AS (
  SELECT e.break_id,
    (array_agg(e.state ORDER BY e.break_event_id DESC) FILTER (WHERE e.at < :end))[1] AS state,
    max(e.at) FILTER (WHERE e.action = 'gone' AND e.at < :end) AS last_gone
  FROM reconciliation.break_event e
  WHERE e.break_id IN (SELECT a.break_id FROM reconciliation.break_event a WHERE a.at >= :end)
  GROUP BY e.break_id
)
"""
_PRODUCT = """coalesce(b.insurance_line, 'not told') AS insurance_line,
  coalesce(b.plan_year, 'not told') AS plan_year"""
# Those that somebody has waived, or allowed another person to, in the report or before.
_WAIVED = """(SELECT DISTINCT break_id FROM reconciliation.break_event
  WHERE (action = 'waive' OR action = 'allow') AND at < :end) w
  JOIN reconciliation.break b USING (break_id)"""


def _lived(rows: str = "reconciliation.break b") -> str:
    """SQL of `lived`: a row for each break, with its state then and when it was gone by then."""
    return f"""
{_MOVED}, lived AS (
  SELECT * FROM (
    SELECT b.break_id, b.partner_id, b.source, b.period, b.kind, b.field, b.rule,
      b.exchange_policy_id, b.exchange_member_id, b.waived_until, b.first_seen, b.last_seen,
      b.file_id, b.premium_difference, b.aptc_difference, b.csr_difference, {_PRODUCT},
      coalesce(m.state, b.state) AS state,
      CASE WHEN coalesce(m.state, b.state) = 'resolved'
        THEN coalesce(m.last_gone, b.resolved_at) END AS gone_at
    FROM {rows} LEFT JOIN moved m USING (break_id)
    WHERE b.first_seen < :end AND coalesce(b.resolved_at, 'infinity') >= :since
      AND {OF_ASKED.format("b")}
  ) b WHERE coalesce(gone_at, :end) >= :since
)
"""  # noqa: S608


def _priced(rows: str, *also: str) -> str:
    """SQL of `priced`: rows of `lived` with the dollars and the file of the last look until then.

    A break that no later look has found has them in its row; of one that was gone by then and has
    come again it is the look before it was gone. Only the carrier's looks keep what they have
    found; of the others a break has the last.
    """
    names = ("file_id", "premium_difference", "aptc_difference", "csr_difference")
    then = ", ".join(
        f"CASE WHEN d.run_id IS NULL THEN l.{name} ELSE d.{name} END AS {short}"
        for name, short in zip(names, ("file_id", "premium", "aptc", "csr"), strict=True)
    )
    kept = "break_id, partner_id, source, period, kind, field, rule, exchange_policy_id"
    kept += ", exchange_member_id, waived_until, first_seen, state, gone_at, insurance_line"
    kept = ", ".join((kept, "plan_year", *also))
    return f"""
later AS (
  SELECT DISTINCT partner_id, gone_at FROM {rows} l
  WHERE source = 'carrier' AND last_seen >= :end
), look AS (
  SELECT l.partner_id, l.gone_at, (
    SELECT s.run_id FROM reconciliation.result s JOIN ledger.run r USING (run_id)
    WHERE s.partner_id = l.partner_id AND r.as_of < least(l.gone_at, :end)
    ORDER BY r.as_of DESC, s.run_id DESC LIMIT 1) AS run_id
  FROM later l
), found_then AS (
  SELECT d.*, k.gone_at FROM reconciliation.difference d JOIN look k USING (run_id, partner_id)
), priced AS (
  SELECT {", ".join(f"l.{name}" for name in kept.split(", "))}, {then}
  FROM {rows} l LEFT JOIN found_then d ON l.source = 'carrier' AND l.last_seen >= :end
    AND d.partner_id = l.partner_id
    AND coalesce(d.gone_at, 'infinity') = coalesce(l.gone_at, 'infinity')
    AND d.kind = l.kind AND coalesce(d.field, '') = coalesce(l.field, '')
    AND coalesce(d.exchange_policy_id, '') = coalesce(l.exchange_policy_id, '')
    AND coalesce(d.exchange_member_id, '') = coalesce(l.exchange_member_id, '')
)
"""  # noqa: S608


def _as_found(rows: str, *_also: str) -> str:
    """SQL of `priced` where no look has come after the report: the rows have their dollars."""
    return f"""
priced AS (
  SELECT *, premium_difference AS premium, aptc_difference AS aptc, csr_difference AS csr
  FROM {rows}
)
"""  # noqa: S608


def _in_both_ways(statement: Callable[[Callable[..., str]], str]) -> dict[bool, str]:
    """The statement for a report with later looks (True), and for one without."""
    return {True: statement(_priced), False: statement(_as_found)}


_GROSS = "coalesce(sum(abs(premium)), 0) + coalesce(sum(abs(aptc)), 0) + coalesce(sum(abs(csr)), 0)"


# Whole days that a break of `lived` has lived.
_DAYS = (
    """extract(day FROM least(gone_at, :end, (SELECT max(as_of) FROM ledger.run)) - first_seen)"""
)


def _age() -> str:
    """SQL for the age of `days`, by the borders that the names of AGES say."""
    last = [age.partition("-")[2] for age in AGES[:-1]]
    parts = " ".join(f"WHEN days <= {n} THEN '{age}'" for n, age in zip(last, AGES, strict=False))
    return f"CASE {parts} ELSE '{AGES[-1]}' END"


AGE = _age()

_BREAKS = _in_both_ways(
    lambda priced: (
        f"""
WITH {_lived()}, {priced("lived")}
SELECT b.partner_id, b.source, b.period, b.kind, b.field, b.rule, f.name, b.insurance_line,
  b.plan_year, b.state, {AGE}, count(*), count(DISTINCT b.exchange_policy_id),
  coalesce(sum(premium), 0), coalesce(sum(aptc), 0), coalesce(sum(csr), 0), {_GROSS}
FROM (SELECT *, {_DAYS} AS days FROM priced) b LEFT JOIN ledger.file f USING (file_id)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""  # noqa: S608
    )
)

_OF_WAIVER = """SELECT b.partner_id, b.break_id, b.source, b.kind, b.field, b.insurance_line,
  b.plan_year, e.person, e.account, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
  CAST(coalesce(e.until, b.waived_until) AS text), b.state, coalesce(b.premium, 0),
  coalesce(b.aptc, 0), coalesce(b.csr, 0),
  abs(coalesce(b.premium, 0)) + abs(coalesce(b.aptc, 0)) + abs(coalesce(b.csr, 0))"""
_IS_WAIVER = "e.action IN ('waive', 'allow') AND e.state = 'waived' AND e.at < :end"
_WAIVERS = _in_both_ways(
    lambda priced: (
        f"""
WITH {_lived(_WAIVED)}, {priced("lived")}
{_OF_WAIVER}
FROM priced b JOIN reconciliation.break_event e ON e.break_id = b.break_id
WHERE {_IS_WAIVER} ORDER BY e.break_event_id
"""
    )
)
# The newest first, so that a page reads no more of them than it shows.
_LAST_WAIVERS = _in_both_ways(
    lambda priced: (
        f"""
WITH {_lived()}, last AS MATERIALIZED (
  SELECT l.*, e.break_event_id FROM lived l JOIN reconciliation.break_event e USING (break_id)
  WHERE {_IS_WAIVER} AND (:line = '' OR insurance_line = :line)
    AND (:year = '' OR plan_year = :year)
  ORDER BY e.break_event_id DESC LIMIT :most
), {priced("last", "break_event_id")}
{_OF_WAIVER}
FROM priced b JOIN reconciliation.break_event e USING (break_event_id) ORDER BY break_event_id
"""  # noqa: S608
    )
)

# Found again only counts when it came after the last time that it was gone in the report. What was
# gone in the report lived in it. Each break is looked up: the planner would rather read all.
_GONE = f"""
again AS (
  SELECT break_id, max(break_event_id) AS last FROM reconciliation.break_event
  WHERE action = 'found again' AND at >= :since AND at < :end GROUP BY break_id
), gone AS (
  SELECT e.break_id, b.partner_id, {_PRODUCT},
    bool_or(coalesce(a.last > e.break_event_id, false)) AS found_again
  FROM reconciliation.break_event e
  CROSS JOIN LATERAL (SELECT * FROM reconciliation.break WHERE break_id = e.break_id LIMIT 1) b
  LEFT JOIN again a ON a.break_id = e.break_id
  WHERE e.action = 'gone' AND e.at >= :since AND e.at < :end AND {OF_ASKED.format("b")}
  GROUP BY e.break_id, b.partner_id, b.insurance_line, b.plan_year
)
"""  # noqa: S608
REOPENED = f"""
WITH {_GONE}
SELECT partner_id, 'reopened', insurance_line, plan_year, count(*) FILTER (WHERE found_again),
  count(*)
FROM gone GROUP BY 1, 2, 3, 4
"""  # noqa: S608


# Tens of thousands of breaks are grouped and joined by hashes, in memory.
_BY_HASHES = sa.text("SET LOCAL work_mem = '32MB'; SET LOCAL enable_nestloop = off")
_MORE_MEMORY = sa.text("SET LOCAL work_mem = '32MB'; SET LOCAL enable_nestloop = on")
_IS_PAST = sa.text("SELECT EXISTS (SELECT FROM ledger.run WHERE as_of >= :end)")


def _of(
    conn: sa.Connection, statements: dict[bool, str], asked: Asked, conditions: str = ""
) -> sa.TextClause:
    """The one that the report needs, by whether looks have come after it."""
    is_past = bool(conn.execute(_IS_PAST, {"end": asked.parameters["end"]}).scalar_one())
    conn.execute(_BY_HASHES if is_past else _MORE_MEMORY)
    return sa.text(statements[is_past].replace("$conditions", conditions))


_ROWS_GONE = f"""
WITH {_GONE}
SELECT g.break_id, g.partner_id, b.source, b.period, b.kind, b.field, b.exchange_policy_id,
  b.exchange_member_id, g.insurance_line, g.plan_year, b.state, g.found_again
FROM gone g JOIN reconciliation.break b USING (break_id)
WHERE g.break_id > :after AND (:line = '' OR g.insurance_line = :line)
  AND (:year = '' OR g.plan_year = :year)
ORDER BY g.break_id LIMIT :most
"""  # noqa: S608


def gone_breaks(
    conn: sa.Connection, asked: Asked, product: tuple[str, str], after: int = 0, most: int = 50
) -> list[sa.Row[tuple[object, ...]]]:
    """Breaks that were gone in the time, by their ids, and whether they were found again in it."""
    line, year = product  # empty: all of them
    told = asked.parameters | {"line": line, "year": year, "after": after, "most": most}
    return list(conn.execute(sa.text(_ROWS_GONE), told).all())


def breaks_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """Breaks that lived in the time, by what they have in common (BREAKS)."""
    return copy_out(conn, _of(conn, _BREAKS, asked).bindparams(**asked.parameters), BREAKS)


def waivers_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """What persons let stand of breaks that lived in the time, in the order said (WAIVERS)."""
    return copy_out(conn, _of(conn, _WAIVERS, asked).bindparams(**asked.parameters), WAIVERS)


def last_waivers_of(conn: sa.Connection, asked: Asked, line: str, year: str, most: int) -> pa.Table:
    """The newest of them, of a line and plan year where these are given, in the order said."""
    told = asked.parameters | {"line": line, "year": year, "most": most}
    return copy_out(conn, _of(conn, _LAST_WAIVERS, asked).bindparams(**told), WAIVERS)


# Breaks of one cause are alike but for when they came and went: few ages are worked out.
_CAUSES = _in_both_ways(
    lambda priced: (
        f"""
WITH {_lived()}, {priced("lived")}, alike AS (
  SELECT partner_id, source, kind, field, rule, state, first_seen, gone_at, count(*) AS breaks,
    coalesce(sum(premium), 0) AS premium, coalesce(sum(aptc), 0) AS aptc,
    coalesce(sum(csr), 0) AS csr, {_GROSS} AS gross
  FROM priced WHERE (:line = '' OR insurance_line = :line) AND (:year = '' OR plan_year = :year)
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT partner_id, source, kind, field, rule, state, {AGE} AS age, sum(breaks), sum(premium),
  sum(aptc), sum(csr), sum(gross)
FROM (SELECT *, {_DAYS} AS days FROM alike) aged
GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""  # noqa: S608
    )
)
CAUSES = pa.schema(
    [BREAKS.field(name) for name in ("partner_id", "comparison", "kind", "field", "rule", "state")]
    + [BREAKS.field(name) for name in ("age", "breaks", "premium", "aptc", "csr", "gross")]
)


def causes_of(conn: sa.Connection, asked: Asked, line: str = "", year: str = "") -> pa.Table:
    """Breaks that lived in the time, of a line and plan year, by cause, state and age (CAUSES)."""
    told = asked.parameters | {"line": line, "year": year}
    return copy_out(conn, _of(conn, _CAUSES, asked).bindparams(**told), CAUSES)


_ROWS = _in_both_ways(
    lambda priced: (
        f"""
WITH {_lived()}, page AS MATERIALIZED (
  SELECT * FROM (SELECT *, {AGE} AS age FROM (SELECT *, {_DAYS} AS days FROM lived) l) l
  WHERE break_id > :after $conditions ORDER BY break_id LIMIT :most
), {priced("page", "age")}
SELECT b.*,
  coalesce(abs(b.premium), 0) + coalesce(abs(b.aptc), 0) + coalesce(abs(b.csr), 0) AS gross
FROM priced b ORDER BY break_id
"""  # noqa: S608
    )
)
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
    told = asked.parameters | equal | {"after": after, "most": limit}
    return list(conn.execute(_of(conn, _ROWS, asked, conditions), told).all())
