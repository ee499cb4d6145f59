"""The statements that record what became of the sets, in the book and in the ledger.

What was decided before may change when an older set comes late: a duplicate may become the one
that counts. Each change goes to the set, to the dispositions of its members, and by the database's
triggers to the audit trail.
"""

import sqlalchemy as sa

from schemas.said_order import CORRECTED

COUNT_OUTCOMES = sa.text("""
SELECT state, count(*) AS sets FROM decided_set GROUP BY state
""")

# A set that waits in the end is pending; that it is a duplicate is a reason, too.
_DECIDED_SETS = sa.text("""
CREATE TEMPORARY TABLE decided_set ON COMMIT DROP AS
SELECT file_id, set_ordinal, former_state, state, reason
FROM (
  SELECT file_id, set_ordinal, former_state, former_reason,
    CASE outcome WHEN 'waits' THEN 'pending' ELSE outcome END AS state,
    CASE outcome WHEN 'waits' THEN reason
      WHEN 'duplicate' THEN coalesce(reason, 'transaction-duplicate') END
      AS reason
  FROM fold_set
) told
WHERE (state, reason) IS DISTINCT FROM (former_state, former_reason)
""")

_RECORD_SETS = sa.text("""
UPDATE book.event_set s SET state = d.state, reason = d.reason, run_id = :run_id
FROM decided_set d WHERE s.file_id = d.file_id AND s.set_ordinal = d.set_ordinal
""")

# A duplicate is accepted without effect, and the ledger says so: what it tells is in the book
# already. On the usual path every member is accepted as it was, and no row is written.
_RECORD_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition m
SET state = CASE WHEN d.state = 'pending' THEN 'pending' ELSE 'accepted' END,
  reason = d.reason, decided_in_run = :run_id
FROM decided_set d JOIN book.event e USING (file_id, set_ordinal)
WHERE (d.former_state <> 'staged' OR d.reason IS NOT NULL)
  AND m.file_id = e.file_id AND m.member_ordinal = e.member_ordinal
""")

REFUSE_SETS = sa.text("""
UPDATE book.event_set SET state = 'refused', reason = :reason, run_id = :run_id
WHERE file_id = ANY(CAST(:file_ids AS bigint[])) AND state = 'staged'
""")

REFUSE_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = 'rejected', reason = :reason, decided_in_run = :run_id
FROM book.event_set s
WHERE s.file_id = ANY(CAST(:file_ids AS bigint[])) AND s.state = 'staged'
  AND d.file_id = s.file_id AND d.set_ordinal = s.set_ordinal AND d.state = 'accepted'
""")

# A person has corrected a set wrongly, and again: what was taken in before and waits is not waited
# with any longer, so that nothing takes effect twice.
_CORRECTED_AGAIN = sa.text(f"""
CREATE TEMPORARY TABLE corrected_again ON COMMIT DROP AS
WITH corrected AS MATERIALIZED ({CORRECTED})
SELECT DISTINCT s.file_id, s.set_ordinal
FROM corrected n
JOIN book.event_set t ON t.file_id = n.file_id AND t.state = 'staged'
  AND t.file_id = ANY(CAST(:file_ids AS bigint[]))
JOIN corrected k ON (k.parent_id, k.set_ordinal) = (n.parent_id, n.set_ordinal)
  AND k.times < n.times
JOIN book.event_set s ON s.file_id = k.file_id AND s.state = 'pending'
""")
_GIVE_UP_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = 'rejected', reason = 'corrected-again', decided_in_run = :run_id
FROM corrected_again JOIN book.event e USING (file_id, set_ordinal)
WHERE d.file_id = e.file_id AND d.member_ordinal = e.member_ordinal
""")
_GIVE_UP_SETS = sa.text("""
UPDATE book.event_set s SET state = 'refused', reason = 'corrected-again', run_id = :run_id
FROM corrected_again a WHERE s.file_id = a.file_id AND s.set_ordinal = a.set_ordinal
""")
GIVE_UP = (_CORRECTED_AGAIN, _GIVE_UP_DISPOSITIONS, _GIVE_UP_SETS)

STATEMENTS = (
    _DECIDED_SETS,
    sa.text("ANALYZE decided_set"),
    _RECORD_SETS,
    _RECORD_DISPOSITIONS,
)
