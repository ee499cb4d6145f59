"""What a file that should name everybody leaves out, as tables that hold no person.

Such are an exchange's full files, which name who is in force, and its pre-audit file, which names
all of a coverage year.
"""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import sqlalchemy as sa

from enrollment.last_day import LAST_DAY
from schemas.postgres_copy import copy_out, copy_to_temporary
from schemas.tables import TEXT

# Whom a file names: a policy, and a member of it. Without a member the whole policy is named, as
# by a line of which no more can be read.
NAMED = pa.schema([("exchange_policy_id", TEXT), ("exchange_member_id", TEXT)])

_DOLLARS = pa.float64()  # added up for a plan at least: nobody's own premium

# A policy is in force when it is not cancelled and its last day is not over; of a year when it
# begins in it. A member's premium is that of the day, or of the first or last day of the policy.
_EXPECTED = sa.text(f"""
CREATE TEMPORARY TABLE expected ON COMMIT DROP AS
WITH policy AS (
  SELECT exchange_policy_id, left(plan_id, 14) AS plan,
    greatest(benefit_begin, least(CAST(:on_day AS date), benefit_end)) AS on_day
  FROM book.policy
  WHERE partner_id = :partner_id AND known_to = 'infinity' AND status <> 'cancelled'
    AND CASE WHEN CAST(:year AS integer) IS NULL
      THEN {LAST_DAY.format("policy")} >= CAST(:on_day AS date)
      ELSE extract(year FROM benefit_begin) = :year END
), covered AS (
  SELECT DISTINCT exchange_policy_id, exchange_member_id FROM book.effective_coverage
  WHERE partner_id = :partner_id AND known_to = 'infinity'
    AND (CAST(:year AS integer) IS NOT NULL
      OR last_day >= CAST(:on_day AS date))
), named_policy AS (
  SELECT exchange_policy_id, bool_or(exchange_member_id IS NULL) AS is_whole
  FROM named GROUP BY 1
)
SELECT p.exchange_policy_id, p.plan, c.exchange_member_id, n.exchange_policy_id IS NULL
    AS policy_omitted,
  m.exchange_member_id IS NULL AND NOT coalesce(n.is_whole, false) AS member_omitted,
  coalesce(a.amount, 0) AS premium
FROM policy p
LEFT JOIN covered c USING (exchange_policy_id)
LEFT JOIN named_policy n USING (exchange_policy_id)
LEFT JOIN (SELECT DISTINCT exchange_policy_id, exchange_member_id FROM named) m
  ON m.exchange_policy_id = c.exchange_policy_id AND m.exchange_member_id = c.exchange_member_id
LEFT JOIN book.amount a ON a.partner_id = :partner_id AND a.name = 'PRE AMT 1'
  AND a.exchange_policy_id = c.exchange_policy_id AND a.exchange_member_id = c.exchange_member_id
  AND a.known_to = 'infinity'
  AND p.on_day BETWEEN a.valid_from AND coalesce(a.valid_to, 'infinity')
""")
_TABLES = {
    "policies": (
        "SELECT bool_or(policy_omitted) FROM expected GROUP BY exchange_policy_id",
        {"omitted": pa.bool_()},
    ),
    "members": (
        "SELECT member_omitted FROM expected WHERE exchange_member_id IS NOT NULL",
        {"omitted": pa.bool_()},
    ),
    "plans": (
        """
        SELECT bool_and(policy_omitted)
            AND count(DISTINCT exchange_policy_id) >= CAST(:plan_of_policies AS integer),
          CAST(coalesce(sum(premium) FILTER (WHERE member_omitted), 0) AS double precision)
        FROM expected GROUP BY plan ORDER BY plan
        """,
        {"omitted": pa.bool_(), "omitted_premium": _DOLLARS},
    ),
}


@dataclass(frozen=True)
class WhoIsNamed:
    """Whom the files name, and who should be named: in force on the day, or of a coverage year."""

    partner_id: str
    on_day: date
    plan_of_policies: int  # a plan with fewer policies is not told as left out
    coverage_year: int | None = None


def omitted(
    conn: sa.Connection, named: pa.Table, asked: WhoIsNamed, of: str
) -> dict[str, pa.Table]:
    """By `policies_of_…`, `members_of_…` and `plans_of_…`, a row each and whether it is left out.

    `named` has the columns of NAMED. A plan has the dollars a month of those left out of it, too.
    """
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.expected"))
    copy_to_temporary(conn, "named", named.cast(NAMED))
    conn.execute(
        _EXPECTED,
        {"partner_id": asked.partner_id, "on_day": asked.on_day, "year": asked.coverage_year},
    )
    found = {}
    for name, (question, columns) in _TABLES.items():
        query = sa.text(question)
        if "plan_of_policies" in query.compile().params:
            query = query.bindparams(plan_of_policies=asked.plan_of_policies)
        found[f"{name}_of_{of}"] = copy_out(conn, query, pa.schema(columns))
    return found


def nothing_to_omit(of: str) -> dict[str, pa.Table]:
    """The same tables where no such file came."""
    return {
        f"{name}_of_{of}": pa.Table.from_batches([], schema=pa.schema(columns))
        for name, (_, columns) in _TABLES.items()
    }
