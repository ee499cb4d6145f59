"""What the book should believe of amounts: `next_amount`.

The exchange sends no end dates for amounts: a new amount holds from its own date on, and the one
before it ends on the day before (CMS guide 7.2, section 6.11). What was told of a dependent ends
when a change removes him.
"""

import sqlalchemy as sa

from enrollment.coverages import COVERED
from enrollment.timelines import timeline

_KEY = ("exchange_policy_id", "exchange_member_id", "name")

_STATEMENTS = """
SELECT t.exchange_policy_id, e.exchange_member_id, a.name, a.amount, 2 * t.said AS said,
  a.valid_from, e.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
CROSS JOIN LATERAL unnest(e.amount_names, e.amounts_from, e.amounts) a (name, valid_from, amount)
WHERE t.describes AND t.grown AND e.maintenance_type <> '030'
"""

# Whoever is removed has no amounts any more: a statement without one for each that was ever told.
_ENDS = f"""
SELECT exchange_policy_id, exchange_member_id, name, CAST(NULL AS numeric), said, valid_from,
  event_id
FROM ({COVERED}) removal
JOIN (SELECT DISTINCT {", ".join(_KEY)} FROM ({_STATEMENTS}) told) known
  USING (exchange_policy_id, exchange_member_id)
WHERE NOT covered AND maintenance_type = '024' AND NOT is_subscriber
"""

# An event's amounts stand in the order of their names and days. Lists are unnested side by side in
# what is selected: as a table of their own they would be stored for each event, which takes longer.
PLAIN = """
SELECT exchange_policy_id, exchange_member_id, name, amount, valid_from,
  CASE WHEN next_name = name THEN next_from - 1 END AS valid_to, event_id
FROM (
  SELECT t.exchange_policy_id, e.exchange_member_id, e.event_id, unnest(e.amount_names) AS name,
    unnest(e.amounts_from) AS valid_from, unnest(e.amounts) AS amount,
    unnest(e.amount_names[2:]) AS next_name, unnest(e.amounts_from[2:]) AS next_from
  FROM told_set t
  JOIN book.event e USING (file_id, set_ordinal)
  WHERE t.describes AND NOT t.grown AND t.fresh = {fresh}
) a
"""
_NEXT_AMOUNTS = sa.text(f"""
CREATE TEMPORARY TABLE next_amount ON COMMIT DROP AS
{PLAIN.format(fresh="false")}
UNION ALL
SELECT exchange_policy_id, exchange_member_id, name, amount, valid_from, valid_to, event_id
FROM ({timeline(_KEY, ("amount",), f"{_STATEMENTS} UNION ALL {_ENDS}")}) span
WHERE amount IS NOT NULL
""")

STATEMENTS = (_NEXT_AMOUNTS,)
