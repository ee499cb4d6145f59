"""The statements that judge one round: the next waiting transaction set of every policy.

`worklist` orders the waiting sets of each policy; `round_set` holds the first of each that may be
tried, with what becomes of it. What may follow what is in the CMS guide 7.2, sections 7.1 and
7.2, and table 16.
"""

import sqlalchemy as sa

# Order of application: function code, date and time in the file's name, place in the file,
# REQUEST SUBMIT TIMESTAMP (CMS guide 7.2, section 7.2.10). The file id only settles a draw. What is
# staged must have passed the gate with its file; what waits has passed it in a former night.
OPEN_WORKLIST = sa.text("""
CREATE TEMPORARY TABLE worklist ON COMMIT DROP AS
SELECT file_id, set_ordinal, exchange_policy_id, false AS done, false AS waits,
  row_number() OVER (
    PARTITION BY exchange_policy_id
    ORDER BY function_rank, named_at, set_ordinal, submitted_at, file_id
  ) AS place
FROM book.event_set
WHERE partner_id = :partner_id
  AND (state = 'pending'
    OR state = 'staged' AND file_id = ANY(CAST(:file_ids AS bigint[])))
""")

# `outcome` is applied, duplicate or pending. A set that waits is tried again in the same night
# after another one has changed its policy, and otherwise the next night. A change from an older
# file than the last one applied would bring old data back: it waits for a person.
JUDGE_ROUND = sa.text("""
CREATE TEMPORARY TABLE round_set ON COMMIT DROP AS
WITH next AS (
  SELECT DISTINCT ON (exchange_policy_id) file_id, set_ordinal
  FROM worklist WHERE NOT done AND NOT waits
  ORDER BY exchange_policy_id, place
), known AS (
  SELECT s.file_id, s.set_ordinal, s.exchange_policy_id, s.transaction, s.needs_effectuation,
    e.event_id, e.benefit_end, p.policy_version_id, p.status, p.benefit_begin AS policy_begin,
    p.benefit_end AS policy_end,
    EXISTS (
      SELECT FROM book.event_set before
      WHERE before.partner_id = s.partner_id
        AND before.exchange_policy_id = s.exchange_policy_id
        AND before.state = 'applied' AND before.transaction = s.transaction
        AND before.content_hash = s.content_hash
        AND (s.transaction <> 'change' OR before.submitted_at IS NOT DISTINCT FROM s.submitted_at)
    ) AS was_applied,
    s.transaction = 'change' AND EXISTS (
      SELECT FROM book.event_set after
      WHERE after.partner_id = s.partner_id
        AND after.exchange_policy_id = s.exchange_policy_id
        AND after.state = 'applied' AND after.transaction = 'change'
        AND after.named_at > s.named_at AND after.submitted_at > s.submitted_at
    ) AS is_overtaken,
    s.transaction = 'change' AND EXISTS (
      SELECT FROM book.event o LEFT JOIN book.member m
        ON m.partner_id = s.partner_id AND m.exchange_policy_id = s.exchange_policy_id
        AND m.exchange_member_id = o.exchange_member_id AND m.known_to = 'infinity'
      WHERE o.file_id = s.file_id AND o.set_ordinal = s.set_ordinal
        AND o.maintenance_type <> '021' AND m.member_version_id IS NULL
    ) AS has_unknown_member
  FROM next
  JOIN book.event_set s USING (file_id, set_ordinal)
  JOIN book.event e USING (file_id, set_ordinal)
  LEFT JOIN book.policy p
    ON p.partner_id = s.partner_id AND p.exchange_policy_id = s.exchange_policy_id
    AND p.known_to = 'infinity'
  WHERE e.is_subscriber
), judged AS (
  SELECT known.*,
    CASE
      WHEN transaction IN ('initial', 'renewal') THEN
        CASE WHEN status IS NULL THEN 'applied'
             WHEN was_applied THEN 'duplicate'
             ELSE 'policy-exists' END
      WHEN status IS NULL THEN 'unknown-policy'
      WHEN transaction = 'cancellation' THEN
        CASE WHEN status = 'cancelled' THEN 'duplicate'
             WHEN benefit_end > policy_begin THEN 'cancellation-after-begin'
             ELSE 'applied' END
      WHEN status = 'cancelled' THEN
        CASE WHEN was_applied THEN 'duplicate' ELSE 'policy-cancelled' END
      WHEN transaction = 'termination' THEN
        CASE WHEN benefit_end <= policy_begin THEN 'end-not-after-begin'
             WHEN benefit_end > policy_end THEN 'later-end-needs-reinstatement'
             WHEN benefit_end = policy_end AND status = 'terminated' THEN 'duplicate'
             ELSE 'applied' END
      WHEN was_applied THEN 'duplicate'
      WHEN is_overtaken THEN 'newer-change-applied'
      WHEN has_unknown_member THEN 'unknown-member'
      ELSE 'applied' END AS judgement
  FROM known
)
SELECT judged.*,
  CASE WHEN judgement IN ('applied', 'duplicate') THEN judgement ELSE 'pending' END AS outcome,
  CASE judgement WHEN 'applied' THEN NULL WHEN 'duplicate' THEN 'transaction-duplicate'
    ELSE judgement END AS reason
FROM judged
""")

COUNT_OUTCOMES = sa.text("SELECT outcome, count(*) AS sets FROM round_set GROUP BY outcome")

RECORD_OUTCOMES = sa.text("""
UPDATE book.event_set s SET state = r.outcome, reason = r.reason, run_id = :run_id
FROM round_set r WHERE s.file_id = r.file_id AND s.set_ordinal = r.set_ordinal
""")

# A duplicate is accepted without effect, and the ledger says so: what it tells is in the book
# already. On the usual path every member is
# accepted as it was, and no row is written.
RECORD_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = CASE WHEN r.outcome = 'pending' THEN 'pending' ELSE 'accepted' END,
  reason = r.reason, decided_in_run = :run_id
FROM round_set r JOIN book.event e USING (file_id, set_ordinal)
WHERE d.file_id = e.file_id AND d.member_ordinal = e.member_ordinal
  AND (d.state, d.reason) IS DISTINCT FROM
    (CASE WHEN r.outcome = 'pending' THEN 'pending' ELSE 'accepted' END, r.reason)
""")

CLOSE_TRIED = sa.text("""
UPDATE worklist w SET done = r.outcome <> 'pending', waits = r.outcome = 'pending'
FROM round_set r WHERE w.file_id = r.file_id AND w.set_ordinal = r.set_ordinal
""")

RELEASE_WAITING = sa.text("""
UPDATE worklist w SET waits = false
FROM round_set r
WHERE w.exchange_policy_id = r.exchange_policy_id AND r.outcome = 'applied' AND w.waits
""")

REFUSE_SETS = sa.text("""
UPDATE book.event_set SET state = 'refused', reason = 'gate-refused', run_id = :run_id
WHERE file_id = ANY(CAST(:file_ids AS bigint[])) AND state = 'staged'
""")

REFUSE_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = 'rejected', reason = 'gate-refused', decided_in_run = :run_id
FROM book.event_set s
WHERE s.file_id = ANY(CAST(:file_ids AS bigint[])) AND s.state = 'staged'
  AND d.file_id = s.file_id AND d.set_ordinal = s.set_ordinal AND d.state = 'accepted'
""")

AFTER_ROUND = (RECORD_OUTCOMES, RECORD_DISPOSITIONS, CLOSE_TRIED, RELEASE_WAITING)
