"""Figures that are worked out once, when their night ends, so that no report reads the rows again.

What they count does not change afterwards: the months of a posted file of payments, and which
transaction sets of a run were right at the first try.
"""

import sqlalchemy as sa

# The parts; all of it is what the file states (`reconciliation.premium_file`).
_PAYMENTS = """
INSERT INTO reconciliation.premium_figure
  (file_id, fate, insurance_line, plan_year, measure, ours, theirs)
SELECT m.file_id,
  CASE m.category WHEN 'agreed' THEN 'matched' WHEN 'not_paid' THEN 'missing_there'
    WHEN 'unknown_policy' THEN 'missing_here'
    WHEN 'short' THEN 'differing' WHEN 'over' THEN 'differing'
    WHEN 'paid_after_end' THEN 'differing' WHEN 'not_covered' THEN 'differing'
    WHEN 'not_expected' THEN 'differing' ELSE 'other' END,
  coalesce(p.insurance_line, 'not told'),
  coalesce(CAST(extract(year FROM m.month) AS text), 'not told'), d.measure, sum(d.ours),
  sum(d.theirs)
FROM reconciliation.premium_month m JOIN reconciliation.premium_file f USING (file_id)
LEFT JOIN book.policy p ON p.exchange_policy_id = m.exchange_policy_id
  AND p.partner_id = f.partner_id AND p.known_to = 'infinity'
CROSS JOIN LATERAL (VALUES
  ('rows', CAST(m.expected IS NOT NULL AS integer),
    CAST(m.payment_count > 0 OR m.paid_before <> 0 AS integer)),
  (CASE WHEN m.amount_type IN ('aptc', 'csr', 'user_fee') THEN m.amount_type ELSE 'other' END,
    coalesce(m.expected, 0), m.payments + m.charges)) d (measure, ours, theirs)
WHERE f.file_id = :file_id
GROUP BY 1, 2, 3, 4, 5
"""


def _sets(of_files: str) -> str:
    """SQL of `sets`: a row for each transaction set of those files, copies left out.

    Line and year are the policy's as the run left it; what never became an event, as it was
    rejected, has none. `good`: without an error, and in the book after the run that received it.
    """
    return f"""
sets AS (
  SELECT f.partner_id, f.file_id, t.set_ordinal, f.name, t.byte_start, t.byte_end,
    coalesce(s.insurance_line, p.insurance_line, 'not told') AS insurance_line,
    coalesce(CAST(extract(year FROM coalesce(p.benefit_begin, s.benefit_begin)) AS text),
      'not told') AS plan_year,
    s.exchange_policy_id, coalesce(s.state, 'not in the book') AS state,
    coalesce(s.state = 'applied' AND s.run_id = f.run_id AND i.file_id IS NULL, false) AS good
  FROM ledger.file f JOIN ledger.run r USING (run_id)
  JOIN ledger.transaction_set t ON t.file_id = f.file_id
  LEFT JOIN book.event_set s ON s.file_id = t.file_id AND s.set_ordinal = t.set_ordinal
  LEFT JOIN book.policy p ON p.exchange_policy_id = s.exchange_policy_id
    AND p.partner_id = s.partner_id AND p.known_from <= r.as_of AND p.known_to > r.as_of
  LEFT JOIN (
    SELECT DISTINCT i.file_id, i.set_ordinal FROM ledger.issue i JOIN ledger.file f USING (file_id)
    WHERE i.severity IN ('reject', 'error') AND {of_files}
  ) i ON i.file_id = t.file_id AND i.set_ordinal = t.set_ordinal
  WHERE f.direction = 'exchange_to_issuer' AND f.kind = 'enrollment' AND f.state <> 'duplicate'
    AND s.state IS DISTINCT FROM 'duplicate' AND {of_files}
)
"""  # noqa: S608


_COUNT_SETS = f"""
WITH {_sets("f.run_id = :run_id")}
INSERT INTO reconciliation.set_figure (file_id, insurance_line, plan_year, good, sets)
SELECT file_id, insurance_line, plan_year, count(*) FILTER (WHERE good), count(*)
FROM sets GROUP BY 1, 2, 3
ON CONFLICT DO NOTHING
"""  # noqa: S608
# A page of them. Which files they are in is known first, as the counts of files are.
_SETS_OF_FILES = f"""
WITH {_sets("f.file_id = ANY(:file_ids)")}
SELECT partner_id, file_id, set_ordinal AS place, name, byte_start, byte_end, exchange_policy_id,
  state, good, CAST(NULL AS timestamptz) AS since, CAST(NULL AS timestamptz) AS due,
  CAST(NULL AS timestamptz) AS answered
FROM sets WHERE (file_id, set_ordinal) > (:file_id, :place)
  AND (:line = '' OR insurance_line = :line) AND (:year = '' OR plan_year = :year)
ORDER BY file_id, set_ordinal LIMIT :most
"""  # noqa: S608


def add_up_payments(conn: sa.Connection, file_id: int) -> None:
    """Adds up the months of a file that has just been posted."""
    conn.execute(sa.text(_PAYMENTS), {"file_id": file_id})


def count_sets(conn: sa.Connection, run_id: int) -> None:
    """Counts the transaction sets of a run that is about to be closed; once."""
    conn.execute(sa.text(_COUNT_SETS), {"run_id": run_id})


def sets_of_files(
    conn: sa.Connection, file_ids: list[int], told: dict[str, object]
) -> list[sa.Row[tuple[object, ...]]]:
    """Those files' sets behind the file and place that `told` names, by line and year."""
    return list(conn.execute(sa.text(_SETS_OF_FILES), {**told, "file_ids": file_ids}).all())
