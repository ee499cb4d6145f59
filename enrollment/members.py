"""What the book should believe of the members of the folded policies: `next_member`."""

import sqlalchemy as sa

from schemas.columns import NAME, SINGLE

_SAYS = ("is_subscriber", *SINGLE, "eligibility_begin")
_COLUMNS = (*_SAYS, *NAME)

# What an event leaves out stays as it was; a name is replaced as a whole. An audit's row changes
# nothing.
PLAIN = f"""
SELECT t.exchange_policy_id, e.exchange_member_id, {", ".join(f"e.{name}" for name in _COLUMNS)},
  e.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
WHERE t.describes AND NOT t.grown AND t.fresh = {{fresh}}
"""
_NEXT_MEMBERS = sa.text(f"""
CREATE TEMPORARY TABLE next_member ON COMMIT DROP AS
{PLAIN.format(fresh="false")}
UNION ALL
SELECT last.exchange_policy_id, last.exchange_member_id,
  {", ".join(f"known.{name}" for name in _COLUMNS)}, last.event_id
FROM (
  SELECT DISTINCT ON (exchange_policy_id, exchange_member_id) *
  FROM (
    SELECT *, knows IS DISTINCT FROM lag(knows) OVER said_of_member AS changes
    FROM (
      SELECT *, book.last_said(says) OVER said_of_member AS knows
      FROM (
        SELECT t.exchange_policy_id, t.said, e.exchange_member_id, e.event_id,
          jsonb_strip_nulls(jsonb_build_object(
            {", ".join(f"'{name}', e.{name}" for name in _SAYS)}))
          || CASE WHEN e.last_name IS NULL THEN '{{}}' ELSE jsonb_build_object(
            {", ".join(f"'{name}', e.{name}" for name in NAME)}) END AS says
        FROM told_set t
        JOIN book.event e USING (file_id, set_ordinal)
        WHERE t.describes AND t.grown AND e.maintenance_type <> '030'
      ) told
      WINDOW said_of_member AS (PARTITION BY exchange_policy_id, exchange_member_id ORDER BY said)
    ) known_then
    WINDOW said_of_member AS (PARTITION BY exchange_policy_id, exchange_member_id ORDER BY said)
  ) changed
  WHERE changes
  ORDER BY exchange_policy_id, exchange_member_id, said DESC
) last
CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS book.member), last.knows) known
""")

STATEMENTS = (_NEXT_MEMBERS,)
