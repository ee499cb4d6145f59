"""What a batch of staged files would do to the book, as tables that hold no person.

One table for each thing that `schemas/gate.toml` counts, one row for each of them, with truths,
codes and counts only: ids, names and amounts stay in the database.
"""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import sqlalchemy as sa

from enrollment.last_day import LAST_DAY
from enrollment.omitted import WhoIsNamed, nothing_to_omit, omitted
from schemas.database import transaction_set
from schemas.gate import load_gate
from schemas.postgres_copy import copy_out
from schemas.tables import COUNT, TEXT

_TRUTH = pa.bool_()
_FULL = ["4", "RX"]  # BGN08: verify, replace

# The members that may go into the book: a refused set changes nothing.
_STAGED = sa.text("""
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
SELECT s.file_id, s.set_ordinal, s.exchange_policy_id, s.transaction,
  e.event_id, e.is_subscriber, e.maintenance_type, e.ssn IS NULL AS missing_ssn
FROM book.event_set s JOIN book.event e USING (file_id, set_ordinal)
WHERE s.file_id = ANY(CAST(:file_ids AS bigint[])) AND s.state = 'staged'
""")

# What the questions below speak of; PostgreSQL works out only what a question names. A policy is
# in force when it is not cancelled and its last day is not over. A full set (BGN08) says that
# everybody stands in the file; one that was rejected says nothing.
_BATCH = f"""
WITH batch_file AS (
  SELECT unnest(CAST(:file_ids AS bigint[])) AS file_id
), ending AS (
  SELECT exchange_policy_id FROM staged WHERE transaction IN ('cancellation', 'termination')
), in_force AS (
  SELECT exchange_policy_id FROM book.policy
  WHERE partner_id = :partner_id AND known_to = 'infinity' AND status <> 'cancelled'
    AND {LAST_DAY.format("policy")} >= CAST(:on_day AS date)
), sent_set AS (
  SELECT file_id, set_ordinal, action_code, action_code = ANY(:full) AS is_full
  FROM batch_file JOIN ledger.transaction_set USING (file_id)
  WHERE action_code IS NOT NULL AND ack <> 'R'
)
"""

_QUESTIONS = {
    "members": "SELECT maintenance_type FROM staged",
    "enrolled_members": "SELECT missing_ssn FROM staged WHERE maintenance_type = '021'",
    "enrolled_households": """
        SELECT count(*) FROM staged WHERE transaction IN ('initial', 'renewal')
        GROUP BY file_id, set_ordinal
    """,
    "sets": """
        SELECT transaction IN ('cancellation', 'termination') FROM staged WHERE is_subscriber
    """,
    # A premium is told by the band it lies in, named after its lower bound in dollars.
    "premiums": """
        SELECT coalesce(
          (ARRAY['0', '25', '50', '100', '200', '400', '800', '1600', '3200', '6400'])[width_bucket(
            a.amount,
            CAST(ARRAY[0, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400] AS numeric[])
          )], 'below 0')
        FROM staged JOIN book.event e USING (event_id)
        CROSS JOIN LATERAL unnest(e.amount_names, e.amounts) a (name, amount)
        WHERE a.name = 'PRE AMT TOT'
    """,
    "policies": """
        SELECT exchange_policy_id IN (SELECT exchange_policy_id FROM ending) FROM in_force
    """,
    "files": """
        SELECT bool_or(is_full) AND bool_or(action_code = '2') FROM sent_set GROUP BY file_id
    """,
    "received_members": """
        SELECT state = 'rejected' FROM batch_file JOIN ledger.disposition USING (file_id)
    """,
}
_COLUMNS = {
    "members": {"maintenance_type": TEXT},
    "enrolled_members": {"missing_ssn": _TRUTH},
    "enrolled_households": {"members": COUNT},
    "sets": {"ends": _TRUTH},
    "premiums": {"band": TEXT},
    "policies": {"ended": _TRUTH},
    "files": {"mixed": _TRUTH},
    "received_members": {"rejected": _TRUTH},
}


@dataclass(frozen=True)
class StagedFiles:
    """The files of a batch. `in_full_files`: whom its full files name (NAMED); None without any.

    Whoever stands in such a file is not left out, even when nothing of it can be staged.
    """

    partner_id: str
    file_ids: list[int]
    in_full_files: pa.Table | None = None


def full_files(conn: sa.Connection, file_ids: list[int]) -> list[int]:
    """Those of the files that hold full sets."""
    full = (
        sa.select(transaction_set.c.file_id)
        .distinct()
        .where(
            transaction_set.c.file_id.in_(file_ids),
            transaction_set.c.action_code.in_(_FULL),
            transaction_set.c.ack != "R",
        )
    )
    return list(conn.execute(full).scalars())


def batch_tables(conn: sa.Connection, staged: StagedFiles, on_day: date) -> dict[str, pa.Table]:
    """By name, one table for each thing that the gate counts in the files of a batch.

    `on_day` decides which policies of the book are in force. No value is null.
    """
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.staged"))
    conn.execute(_STAGED, {"file_ids": staged.file_ids})
    conn.execute(sa.text("ANALYZE staged"))
    asked = {
        "partner_id": staged.partner_id,
        "file_ids": staged.file_ids,
        "on_day": on_day,
        "full": _FULL,
    }
    tables = {}
    for name, question in _QUESTIONS.items():
        query = sa.text(_BATCH + question).bindparams(**asked)
        tables[name] = copy_out(conn, query, pa.schema(_COLUMNS[name]))
    if staged.in_full_files is None:
        return tables | nothing_to_omit("full_file")
    who = WhoIsNamed(staged.partner_id, on_day, load_gate().plan_of_policies)
    return tables | omitted(conn, staged.in_full_files, who, "full_file")
