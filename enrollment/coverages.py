"""What the book should believe of the coverage of members: `next_coverage`.

Who is covered when is told of each member; in which plan, of the policy: one plan a policy, of
which only the CSR variant may change (CMS guide 7.2, section 6.6). A span of both is a coverage.
"""

import sqlalchemy as sa

from enrollment.timelines import news, timeline

_MEMBER = ("exchange_policy_id", "exchange_member_id")

# The plan of which a change speaks is in force from the date of the maintenance on.
_PLANS = news(
    ("exchange_policy_id",),
    ("plan_id",),
    """
SELECT t.exchange_policy_id, t.plan_id, t.said, e.event_id,
  CASE WHEN t.said = 1 THEN CAST('-infinity' AS date)
       ELSE coalesce(e.maintenance_effective, e.benefit_begin, t.policy_begin) END AS valid_from,
  e.kind
FROM told_set t
JOIN book.event e ON e.file_id = t.file_id AND e.set_ordinal = t.set_ordinal AND e.is_subscriber
WHERE t.describes AND t.grown AND t.plan_id IS NOT NULL
""",
    unless="kind = 'CSR variant change'",
)

# Whoever is added is covered from a day on, to one when the exchange gives it; whoever is removed
# is not covered after a day, or not at all when that is the day of the begin. `begun` is the begin
# that was told last before. Each set has two places in the order: an end comes after all else.
COVERED = """
SELECT exchange_policy_id, exchange_member_id, s.said, s.valid_from, s.covered, event_id,
  is_subscriber, maintenance_type
FROM (
  SELECT *, first_value(benefit_begin) OVER (
    PARTITION BY exchange_policy_id, exchange_member_id, times_added ORDER BY said
  ) AS begun
  FROM (
    SELECT t.exchange_policy_id, t.said, e.exchange_member_id, e.event_id, e.maintenance_type,
      e.is_subscriber, e.benefit_begin, e.benefit_end,
      count(*) FILTER (WHERE e.maintenance_type = '021') OVER (
        PARTITION BY t.exchange_policy_id, e.exchange_member_id ORDER BY t.said
      ) AS times_added
    FROM told_set t
    JOIN book.event e USING (file_id, set_ordinal)
    WHERE t.describes AND t.grown AND e.maintenance_type IN ('021', '024')
  ) counted
) told
CROSS JOIN LATERAL (VALUES
  (2 * said, benefit_begin, true, maintenance_type = '021'),
  (2 * said + 1,
    CASE WHEN benefit_end = begun THEN begun ELSE benefit_end + 1 END,
    false, benefit_end IS NOT NULL)
) s (said, valid_from, covered, is_said)
WHERE s.is_said AND s.valid_from IS NOT NULL
"""

_GROWN_MEMBERS = sa.text(f"""
CREATE TEMPORARY TABLE member_span ON COMMIT DROP AS
SELECT exchange_policy_id, exchange_member_id, valid_from AS benefit_begin,
  valid_to AS benefit_end, coalesce(closed_by, event_id) AS event_id
FROM ({timeline(_MEMBER, ("covered",), COVERED)}) span
WHERE covered
""")

# A member of whom nothing is covered stays in the book, with an end on the day of the begin.
_NEVER_COVERED = sa.text(f"""
INSERT INTO member_span
SELECT DISTINCT ON (exchange_policy_id, exchange_member_id) exchange_policy_id,
  exchange_member_id, valid_from, valid_from,
  last_value(event_id) OVER (
    PARTITION BY exchange_policy_id, exchange_member_id ORDER BY said
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
FROM ({COVERED}) said
WHERE NOT EXISTS (
  SELECT FROM member_span m
  WHERE m.exchange_policy_id = said.exchange_policy_id
    AND m.exchange_member_id = said.exchange_member_id
)
ORDER BY exchange_policy_id, exchange_member_id, covered DESC, said DESC
""")

_PLAN_SPANS = sa.text(f"""
CREATE TEMPORARY TABLE plan_span ON COMMIT DROP AS
{timeline(("exchange_policy_id",), ("plan_id",), _PLANS)}
""")

PLAIN = """
SELECT t.exchange_policy_id, e.exchange_member_id, t.insurance_line, t.plan_id, e.benefit_begin,
  CASE WHEN e.benefit_end < e.benefit_begin THEN e.benefit_begin ELSE e.benefit_end END
    AS benefit_end,
  e.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
WHERE t.describes AND NOT t.grown AND t.fresh = {fresh}
"""
_NEXT_COVERAGES = sa.text(f"""
CREATE TEMPORARY TABLE next_coverage ON COMMIT DROP AS
{PLAIN.format(fresh="false")}
UNION ALL
SELECT m.exchange_policy_id, m.exchange_member_id, n.insurance_line, p.plan_id,
  greatest(m.benefit_begin, p.valid_from), least(m.benefit_end, p.valid_to),
  CASE WHEN p.valid_to < coalesce(m.benefit_end, 'infinity') THEN p.closed_by
       WHEN p.valid_from >= m.benefit_begin THEN p.event_id
       ELSE m.event_id END
FROM member_span m
JOIN next_policy n ON n.exchange_policy_id = m.exchange_policy_id
JOIN plan_span p ON p.exchange_policy_id = m.exchange_policy_id
  AND p.valid_from <= coalesce(m.benefit_end, 'infinity')
  AND coalesce(p.valid_to, 'infinity') >= m.benefit_begin
""")

STATEMENTS = (
    _GROWN_MEMBERS,
    _NEVER_COVERED,
    _PLAN_SPANS,
    sa.text("ANALYZE member_span"),
    sa.text("ANALYZE plan_span"),
    _NEXT_COVERAGES,
)
