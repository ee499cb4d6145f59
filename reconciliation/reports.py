"""Reports on reconciliations: match rates over time, and where all rows and dollars went.

Each table is one statement over all looks of the time, whatever comparison they belong to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from schemas.errors import Terminal
from schemas.postgres_copy import copy_out
from schemas.report_tables import FIGURES, RATES

_SIDES = ("matched", "differing", "missing_there", "missing_here", "may_be_absent", "other")


@dataclass(frozen=True)
class Asked:
    """The days of a report (UTC, both included), and its partners; none: all."""

    since: date
    until: date
    partner_ids: Sequence[str] = ()

    @property
    def parameters(self) -> dict[str, object]:
        """As the statements name them."""
        end = datetime.combine(self.until + timedelta(days=1), time(), UTC)
        return {
            "since": datetime.combine(self.since, time(), UTC),
            "end": end,
            "partner_ids": list(self.partner_ids),
        }


OF_ASKED = "(CAST(:partner_ids AS text[]) = '{{}}' OR {0}.partner_id = ANY(:partner_ids))"

# The parts, and `all`: counted from elsewhere than the parts.
_CARRIER = f"""
SELECT b.partner_id, 'carrier' AS comparison, b.run_id, r.as_of AS at, CAST(NULL AS text) AS file,
  CAST(NULL AS text) AS period,
  CASE b.fate WHEN 'missing_at_carrier' THEN 'missing_there'
    WHEN 'missing_in_book' THEN 'missing_here' ELSE b.fate END AS fate, b.insurance_line,
  b.plan_year, m.measure, m.ours, m.theirs
FROM reconciliation.balance b JOIN ledger.run r USING (run_id)
CROSS JOIN LATERAL (VALUES ('rows', b.book_rows, b.carrier_rows),
  ('premium', b.book_premium, b.carrier_premium), ('aptc', b.book_aptc, b.carrier_aptc),
  ('csr', b.book_csr, b.carrier_csr)) m (measure, ours, theirs)
WHERE r.as_of >= :since AND r.as_of < :end AND {OF_ASKED.format("b")}
UNION ALL
SELECT s.partner_id, 'carrier', s.run_id, r.as_of, NULL, NULL, 'all', NULL, NULL, 'rows',
  s.matched + s.differing + s.missing_at_carrier + coalesce(b.book_rows, 0),
  s.matched + s.differing + s.missing_in_book
FROM reconciliation.result s JOIN ledger.run r USING (run_id)
CROSS JOIN LATERAL (SELECT sum(book_rows) AS book_rows FROM reconciliation.balance a
  WHERE a.run_id = s.run_id AND a.partner_id = s.partner_id AND a.fate = 'may_be_absent') b
WHERE r.as_of >= :since AND r.as_of < :end AND {OF_ASKED.format("s")}
"""  # noqa: S608

_MONTHLY = f"""
SELECT f.partner_id, 'monthly', l.run_id, f.as_of, f.name, CAST(f.coverage_year AS text),
  d.fate, NULL, CAST(f.coverage_year AS text), d.measure, d.ours, d.theirs
FROM reconciliation.month_file f JOIN ledger.file l USING (file_id)
CROSS JOIN LATERAL (
  SELECT fate, measure, CAST(told ->> 1 AS numeric) AS ours, CAST(told ->> 0 AS numeric) AS theirs
  FROM jsonb_each(f.balance -> 'sides') of_fate (fate, measures)
  CROSS JOIN LATERAL jsonb_each(measures) of_measure (measure, told)
) d
WHERE f.kind = 'answer' AND f.state IN ('loaded', 'superseded')
  AND f.as_of >= :since AND f.as_of < :end AND {OF_ASKED.format("f")}
"""  # noqa: S608

_PREMIUM = f"""
SELECT f.partner_id, 'premium', f.run_id, r.as_of, l.name, CAST(NULL AS text), d.fate,
  d.insurance_line, d.plan_year, d.measure, d.ours, d.theirs
FROM reconciliation.premium_file f JOIN ledger.run r USING (run_id)
JOIN ledger.file l ON l.file_id = f.file_id
JOIN reconciliation.premium_figure d ON d.file_id = f.file_id
WHERE r.as_of >= :since AND r.as_of < :end AND {OF_ASKED.format("f")}
UNION ALL
SELECT f.partner_id, 'premium', f.run_id, r.as_of, l.name, NULL, 'all', NULL, NULL, 'dollars',
  f.expected, f.stated
FROM reconciliation.premium_file f JOIN ledger.run r USING (run_id)
JOIN ledger.file l ON l.file_id = f.file_id
WHERE r.as_of >= :since AND r.as_of < :end AND {OF_ASKED.format("f")}
"""  # noqa: S608

_FIGURES = f"""
SELECT partner_id, comparison, run_id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), file,
  period, fate, insurance_line, plan_year, measure, sum(ours), sum(theirs)
FROM ({_CARRIER} UNION ALL {_MONTHLY} UNION ALL {_PREMIUM}) told
GROUP BY partner_id, comparison, run_id, at, file, period, fate, insurance_line, plan_year, measure
ORDER BY at, run_id, partner_id, comparison, file, period, measure, fate, insurance_line, plan_year
"""  # noqa: S608

_RULES = f"""
SELECT DISTINCT v.digest FROM ledger.run r JOIN ledger.rule_version v ON v.digest = r.rules_digest
JOIN reconciliation.result s USING (run_id)
WHERE r.as_of >= :since AND r.as_of < :end AND {OF_ASKED.format("s")} ORDER BY 1
"""  # noqa: S608


def figures_of(conn: sa.Connection, asked: Asked) -> pa.Table:
    """Where all rows and dollars of each look went (FIGURES).

    Raises Terminal when the parts of a look are not all of it: then nothing is to be reported.
    """
    figures = copy_out(conn, sa.text(_FIGURES).bindparams(**asked.parameters), FIGURES)
    require_conserved(figures)
    return figures


def rules_of(conn: sa.Connection, asked: Asked) -> list[str]:
    """The digests of the rules by which the time's nights worked."""
    return list(conn.execute(sa.text(_RULES), asked.parameters).scalars())


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """One database in memory for all pages: to open one takes longer than what is asked of it."""
    return duckdb.connect(":memory:", config={"threads": 1})


def require_conserved(figures: pa.Table) -> None:
    """Raises Terminal unless the fates of each look are all of it, on both sides.

    `all` of a measure is compared with the sum of its fates; `all` dollars with all measures'.
    """
    with _duckdb().cursor() as connection:
        connection.register("figures", figures)
        wrong = connection.sql("""
            WITH look AS (
              SELECT comparison, run_id, partner_id, coalesce(file, '') AS file, fate, measure,
                ours, theirs FROM figures
            ), part AS (
              SELECT comparison, run_id, partner_id, file, measure, sum(ours) AS ours,
                sum(theirs) AS theirs FROM look WHERE fate <> 'all' GROUP BY ALL
              UNION ALL
              SELECT comparison, run_id, partner_id, file, 'dollars', sum(ours), sum(theirs)
              FROM look WHERE fate <> 'all' AND measure <> 'rows' GROUP BY ALL
            )
            SELECT a.partner_id, a.run_id, a.comparison, a.measure
            FROM look a LEFT JOIN part p USING (comparison, run_id, partner_id, file, measure)
            WHERE a.fate = 'all' AND (a.ours IS DISTINCT FROM coalesce(p.ours, 0)
              OR a.theirs IS DISTINCT FROM coalesce(p.theirs, 0))
            ORDER BY ALL
        """).fetchall()
    if wrong:
        partner_id, run_id, comparison, measure = wrong[0]
        raise Terminal(
            f"Run {run_id} of {partner_id} ({comparison}): {measure} of its parts are not all of "
            "it. Nothing was written; report this."
        )


def rates_of(figures: pa.Table) -> pa.Table:
    """The match rate of each look (RATES), in the order of time, and of its lines and plan years.

    A row of both sides counts once. The row of all of a look has the line and year `all`.
    """
    with _duckdb().cursor() as connection:
        connection.register("figures", figures)
        found = connection.sql("""
            SELECT partner_id, comparison, run_id, moment, file, period,
              CASE WHEN grouping(insurance_line) = 1 THEN 'all' ELSE insurance_line END
                AS insurance_line,
              CASE WHEN grouping(plan_year) = 1 THEN 'all' ELSE plan_year END AS plan_year,
              CAST(sum(greatest(ours, theirs)) AS BIGINT) AS "rows",
              CAST(coalesce(sum(greatest(ours, theirs)) FILTER (WHERE fate = 'matched'), 0)
                AS BIGINT) AS matched,
              CAST(matched AS DOUBLE) / nullif("rows", 0) AS match_rate
            FROM figures
            WHERE measure = 'rows' AND fate NOT IN ('all', 'may_be_absent', 'other')
            GROUP BY GROUPING SETS (
              (partner_id, comparison, run_id, moment, file, period),
              (partner_id, comparison, run_id, moment, file, period, insurance_line, plan_year))
            ORDER BY moment, run_id, partner_id, comparison, file, insurance_line <> 'all',
              insurance_line, plan_year
        """).to_arrow_table()
    return found.select(RATES.names).cast(RATES).combine_chunks()
