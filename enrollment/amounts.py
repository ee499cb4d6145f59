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
  a.valid_from, a.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
JOIN book.event_amount a USING (event_id)
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

PLAIN = """
SELECT t.exchange_policy_id, e.exchange_member_id, a.name, a.amount, a.valid_from,
  lead(a.valid_from) OVER (PARTITION BY a.event_id, a.name ORDER BY a.valid_from) - 1 AS valid_to,
  a.event_id
FROM told_set t
JOIN book.event e USING (file_id, set_ordinal)
JOIN book.event_amount a USING (event_id)
WHERE t.describes AND NOT t.grown AND t.fresh = {fresh}
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
