"""The balance of a night: what came in equals what is accounted for, as in bookkeeping."""

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_out
from schemas.tables import COUNT, TEXT

BALANCE = pa.schema(
    [
        ("partner_id", TEXT),
        ("level", TEXT),  # files | transaction sets | members
        ("received", COUNT),
        ("accepted", COUNT),
        ("rejected", COUNT),
        ("held", COUNT),
        ("pending", COUNT),
    ]
)

# `received` is counted from what was found in the files, the parts from what was decided about
# it: two independent counts, so that a lost or doubled member shows as an imbalance.
_BALANCE = """
WITH received AS (
  SELECT f.partner_id, f.file_id, f.state, f.verdict, b.state <> 'passed' AS is_held,
    CASE WHEN f.state = 'quarantined' THEN 'pending'
         WHEN f.state IN ('duplicate', 'refused') OR f.verdict = 'rejected' THEN 'rejected'
         WHEN f.state = 'applied' THEN 'accepted'
         WHEN b.state <> 'passed' THEN 'held'
         ELSE 'pending' END AS part
  FROM ledger.file f
  LEFT JOIN ledger.gate_file USING (file_id) LEFT JOIN ledger.gate_batch b USING (batch_id)
  WHERE f.run_id = :run_id AND f.direction = 'exchange_to_issuer'
), decided AS (
  SELECT r.partner_id, d.file_id, d.set_ordinal,
    CASE WHEN d.state <> 'accepted' OR r.state = 'applied' THEN d.state
         WHEN r.is_held THEN 'held'
         ELSE 'pending' END AS part
  FROM received r JOIN ledger.disposition d USING (file_id)
), sets_of_members AS (
  SELECT file_id, set_ordinal,
    CASE WHEN bool_and(part = 'accepted') THEN 'accepted'
         WHEN bool_and(part = 'rejected') THEN 'rejected'
         WHEN bool_or(part = 'held') THEN 'held'
         ELSE 'pending' END AS part
  FROM decided GROUP BY file_id, set_ordinal
), sets AS (
  SELECT r.partner_id, s.member_count,
    CASE WHEN s.ack = 'R' THEN 'rejected'
         WHEN s.member_count = 0 AND s.ack IN ('A', 'E') THEN 'accepted'
         ELSE m.part END AS part
  FROM received r JOIN ledger.transaction_set s USING (file_id)
  LEFT JOIN sets_of_members m USING (file_id, set_ordinal)
), counted AS (
  SELECT partner_id, 1 AS rank, 'files' AS level, 1 AS received, part FROM received
  UNION ALL SELECT partner_id, 2, 'transaction sets', 1, part FROM sets
  UNION ALL SELECT partner_id, 3, 'members', member_count, NULL FROM sets
  UNION ALL SELECT partner_id, 3, 'members', 0, part FROM decided
)
SELECT partner_id, level, sum(received),
  count(*) FILTER (WHERE part = 'accepted'),
  count(*) FILTER (WHERE part = 'rejected'),
  count(*) FILTER (WHERE part = 'held'),
  count(*) FILTER (WHERE part = 'pending')
FROM counted GROUP BY partner_id, rank, level ORDER BY partner_id, rank
"""


def balance(conn: sa.Connection, run_id: int) -> pa.Table:
    """What came in during the run and where it is now, one row per partner and level (BALANCE).

    A file is accepted when at least a part of it is; rejected also when it is a duplicate or was
    refused at the gate; held while the gate keeps it from the book; pending while it is in
    quarantine or unfinished. A transaction set is accepted when all of its members are, rejected
    when its acknowledgement is R or all of its members are, held when one of them is, else pending.
    A member counts as accepted only when its file has been applied to the book.

    Only what this run received is counted, in all columns. A member that waits from a former
    night and goes through tonight moves from pending to accepted in that night's balance; both
    nights' equations hold before and after.
    """
    query = sa.text(_BALANCE).bindparams(run_id=run_id)
    return copy_out(conn, query, BALANCE)
