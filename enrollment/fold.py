"""The statements of the fold: which sets of a policy apply, tried one after another.

A policy of which something new has come is folded again from its first set, in the one order that
the sets themselves tell (docs/decisions/0021). So the book does not depend on the order in
which they arrived, on how they were split into files and nights, nor on what came twice. All
policies take a step at once: a round tries the next set of each.

`fold_set` holds the sets in their order with what became of them, `fold_policy` what the exchange
has made of each policy so far, and `fold_member` whom.
"""

import sqlalchemy as sa

from enrollment.following import HOLDS
from schemas.said_order import CORRECTED, SAID

# What is staged must have passed the gate with its file. An audit changes nothing. What we have
# said is staged with the file that we sent.
TOUCHED_POLICIES = sa.text("""
CREATE TEMPORARY TABLE fold_policy WITH (fillfactor = 45) ON COMMIT DROP AS
SELECT DISTINCT exchange_policy_id, 'none' AS status, false AS effectuated,
  CAST(0 AS bigint) AS place, CAST(0 AS bigint) AS began, 0 AS enrollment,
  CAST(NULL AS date) AS benefit_begin, CAST(NULL AS date) AS benefit_end,
  CAST(NULL AS date) AS told_end, CAST(NULL AS date) AS left_end,
  CAST(NULL AS bigint) AS left_place, CAST(NULL AS text) AS plan_id
FROM book.event_set
WHERE partner_id = :partner_id AND (state = 'staged' AND transaction <> 'audit'
  AND file_id = ANY(CAST(:file_ids AS bigint[]))
  OR exchange_policy_id = ANY(CAST(:policy_ids AS text[])))
""")

# Copies of a set stand together, the one that arrived first before the others: what has been
# believed because of it keeps its source. Without a clock nothing tells a copy from a second
# statement, and each stands where its file does: files whose names tell no time in the order of
# their arrival. A correction stands where what it corrects does, and behind it. Of enrollments of
# one moment that of which more members fell comes first: the other one is mended. An enrollment's
# number counts the times that the policy began: what came before the last of them is of no effect
# any more.
SETS_IN_ORDER = sa.text(f"""
CREATE TEMPORARY TABLE fold_set WITH (fillfactor = 45) ON COMMIT DROP AS
SELECT exchange_policy_id,
  row_number() OVER (
    PARTITION BY exchange_policy_id
    ORDER BY moment, fallen DESC, first_rank, first_name, first_file, first_ordinal, first_times,
      content_hash, file_id, set_ordinal
  ) AS place,
  file_id, set_ordinal, transaction, transaction = ANY(:ours) AS is_ours,
  needs_effectuation, benefit_begin, benefit_end, plan_id,
  insurance_line, maintenance_effective, submitted_at, has_clock, members_fallen, content_hash,
  state AS former_state, reason AS former_reason,
  CAST(NULL AS text) AS outcome, CAST(NULL AS text) AS reason, CAST(NULL AS int) AS enrollment
FROM (
  SELECT s.*, first_value(function_rank) OVER copies AS first_rank,
    first_value(said_name) OVER copies AS first_name,
    first_value(said_file) OVER copies AS first_file,
    first_value(said_ordinal) OVER copies AS first_ordinal,
    first_value(times) OVER copies AS first_times,
    CASE WHEN transaction IN ('initial', 'renewal') THEN members_fallen ELSE 0 END AS fallen
  FROM (
    SELECT s.*, {SAID}, coalesce(
      length(submitted_at) IN (14, 16) AND rpad(submitted_at, 16, '0') = moment, false
    ) AS has_clock
    FROM book.event_set s LEFT JOIN ({CORRECTED}) corrected ON corrected.file_id = s.file_id
  ) s
  JOIN fold_policy p USING (exchange_policy_id)
  WHERE s.partner_id = :partner_id AND s.transaction <> 'audit'
    AND (s.state IN ('applied', 'duplicate', 'pending')
      OR s.state = 'staged' AND s.file_id = ANY(CAST(:file_ids AS bigint[])))
  WINDOW copies AS (
    PARTITION BY s.exchange_policy_id, s.moment, s.content_hash, s.transaction, s.members_fallen,
      CASE WHEN NOT has_clock THEN s.file_id END, CASE WHEN NOT has_clock THEN s.set_ordinal END
    ORDER BY s.function_rank, s.said_name, s.said_file, s.said_ordinal, s.times
  )
) said
""")

PREPARE = (
    sa.text("ANALYZE fold_policy"),
    SETS_IN_ORDER,
    sa.text("CREATE INDEX ON fold_set (exchange_policy_id)"),
    sa.text("""
CREATE TEMPORARY TABLE fold_member (exchange_policy_id text, exchange_member_id text,
  enrollment int, is_subscriber boolean) ON COMMIT DROP
"""),
    sa.text("CREATE INDEX ON fold_member (exchange_policy_id, exchange_member_id)"),
    sa.text("ANALYZE fold_set"),
)

# What waited is tried again with its policy's next set, all of it as the policy stands; what comes
# after the first that applies is left for the next round. So there are at most two rounds for each
# set of a policy.
_FIRST = """
  SELECT DISTINCT ON (exchange_policy_id) * FROM fold_set ORDER BY exchange_policy_id, place
"""
_NEXT = """
  (SELECT DISTINCT ON (exchange_policy_id) s.*
    FROM open_policy JOIN fold_set s USING (exchange_policy_id)
    WHERE s.outcome IS NULL AND s.reason IS NULL
    ORDER BY exchange_policy_id, place)
  UNION ALL
  SELECT s.* FROM open_policy JOIN fold_set s USING (exchange_policy_id)
  WHERE s.outcome IS NULL AND s.reason IS NOT NULL
"""


def _judge(tried: str) -> sa.TextClause:
    return sa.text(f"""
CREATE TEMPORARY TABLE round_set ON COMMIT DROP AS
WITH next AS ({tried}
), held AS (
  SELECT s.exchange_policy_id, s.place, s.transaction, s.needs_effectuation, s.plan_id,
    s.benefit_begin, s.benefit_end, p.status, p.enrollment, {HOLDS} AS holds,
    s.transaction <> 'change' OR EXISTS (
      SELECT FROM book.event e
      WHERE e.file_id = s.file_id AND e.set_ordinal = s.set_ordinal AND e.maintenance_type = '021'
    ) AS brings
  FROM next s JOIN fold_policy p USING (exchange_policy_id)
), judged AS (
  SELECT DISTINCT ON (h.exchange_policy_id, h.place) h.exchange_policy_id, h.place,
    h.needs_effectuation, h.plan_id, h.benefit_begin, h.benefit_end,
    coalesce(f.outcome, 'waits') AS outcome,
    CASE WHEN f.outcome IS NULL THEN 'not-foreseen' ELSE f.reason END AS reason, f.becomes,
    h.transaction, h.transaction IN ('initial', 'renewal') AS begins, h.brings,
    CASE WHEN f.outcome = 'applied' AND h.transaction IN ('initial', 'renewal')
        AND f.becomes IS NOT NULL
      THEN h.enrollment + 1 ELSE h.enrollment END AS enrollment
  FROM held h
  LEFT JOIN follow f ON f.status = h.status AND f.transaction = h.transaction
    AND h.holds & f.needs = f.needs
  ORDER BY h.exchange_policy_id, h.place, f.place
)
SELECT * FROM (
  SELECT *, min(place) FILTER (WHERE outcome = 'applied') OVER (PARTITION BY exchange_policy_id)
    AS applies
  FROM judged
) tried
WHERE applies IS NULL OR place <= applies
""")


FIRST_ROUND, NEXT_ROUND = _judge(_FIRST), _judge(_NEXT)

RECORD_ROUND = sa.text("""
UPDATE fold_set s
SET outcome = r.outcome, reason = r.reason,
  enrollment = CASE WHEN r.outcome = 'applied' THEN r.enrollment END
FROM round_set r
WHERE s.exchange_policy_id = r.exchange_policy_id AND s.place = r.place
""")

# What waits is tried again, in its order, as soon as something has changed its policy. What speaks
# of a member whom nobody has brought waits on through a change that `brings` nobody.
RELEASE_WAITING = sa.text("""
UPDATE fold_set s SET outcome = NULL
FROM round_set r
WHERE s.exchange_policy_id = r.exchange_policy_id AND s.outcome = 'waits'
  AND r.outcome = 'applied' AND (r.brings OR s.reason <> 'unknown-member')
""")

# A reinstatement of ours takes back what we ended: beneath that an end may stand that the exchange
# had told, with the place of its set (docs/decisions/0071).
_FALLS_BACK = "r.transaction = 'issuer_reinstatement' AND p.left_place <> p.place"
_LEFT = f"""CASE
    WHEN r.transaction = 'termination' AND r.becomes = 'terminated' THEN r.{{said}}
    WHEN {_FALLS_BACK} THEN p.{{before}}
    WHEN starts_with(r.transaction, 'issuer_') AND r.becomes <> 'active' THEN p.{{before}} END"""

# A cancelled policy ends on the day it begins; a reinstated one has the end it was enrolled with,
# and is effectuated if it was. An enrollment that completes the one in force moves nothing.
MOVE_POLICIES = sa.text(f"""
UPDATE fold_policy p
SET status = CASE WHEN {_FALLS_BACK} THEN 'terminated' ELSE r.becomes END,
  place = CASE WHEN {_FALLS_BACK} THEN p.left_place ELSE r.place END, enrollment = r.enrollment,
  began = CASE WHEN r.begins THEN r.place ELSE p.began END,
  effectuated = CASE WHEN r.begins THEN NOT r.needs_effectuation ELSE p.effectuated END,
  plan_id = CASE WHEN r.begins THEN r.plan_id ELSE p.plan_id END,
  benefit_begin = CASE WHEN r.begins THEN r.benefit_begin ELSE p.benefit_begin END,
  told_end = CASE WHEN r.begins THEN r.benefit_end ELSE p.told_end END,
  left_end = {_LEFT.format(said="benefit_end", before="left_end")},
  left_place = {_LEFT.format(said="place", before="left_place")},
  benefit_end = CASE
    WHEN {_FALLS_BACK} THEN p.left_end
    WHEN r.becomes = 'cancelled' THEN p.benefit_begin
    WHEN r.becomes = 'terminated' OR r.begins THEN r.benefit_end
    ELSE p.told_end END
FROM round_set r
WHERE p.exchange_policy_id = r.exchange_policy_id AND r.outcome = 'applied'
  AND r.becomes <> 'effectuated'
""")

EFFECTUATE_POLICIES = sa.text("""
UPDATE fold_policy p SET effectuated = true
FROM round_set r
WHERE p.exchange_policy_id = r.exchange_policy_id AND r.outcome = 'applied'
  AND r.becomes = 'effectuated'
""")

# Those of which something is undecided still.
_OPEN_POLICIES = sa.text("""
CREATE TEMPORARY TABLE open_policy ON COMMIT DROP AS
SELECT DISTINCT s.exchange_policy_id
FROM round_set r JOIN fold_set s USING (exchange_policy_id)
WHERE s.outcome IS NULL
""")

AFTER_ROUND = (
    sa.text("ANALYZE round_set"),
    RECORD_ROUND,
    MOVE_POLICIES,
    EFFECTUATE_POLICIES,
    RELEASE_WAITING,
    sa.text("DROP TABLE IF EXISTS pg_temp.open_policy"),
    _OPEN_POLICIES,
)

# Whom the round has brought to policies of which more is to be judged.
_MEMBERS = sa.text("""
INSERT INTO fold_member
SELECT r.exchange_policy_id, e.exchange_member_id, r.enrollment, r.begins AND e.is_subscriber
FROM open_policy
JOIN round_set r USING (exchange_policy_id)
JOIN fold_set s USING (exchange_policy_id, place)
JOIN book.event e USING (file_id, set_ordinal)
WHERE r.outcome = 'applied' AND e.maintenance_type = '021'
""")

# Later rounds are of few policies, most often.
BEFORE_NEXT_ROUND = (
    sa.text("CREATE INDEX IF NOT EXISTS fold_policy_id ON fold_policy (exchange_policy_id)"),
    sa.text("ANALYZE open_policy"),
    _MEMBERS,
    sa.text("DROP TABLE round_set"),
)

COUNT_OPEN = sa.text("SELECT count(*) FROM open_policy")
