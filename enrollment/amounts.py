"""The statements that write new amount spans for one round of applied sets.

The exchange sends no end dates for amounts: a new amount holds from its own date on, and the one
before it ends on the day before (CMS guide 7.2, section 6.11). What the exchange says last about
an amount replaces everything that was believed from the first of its new dates on.
"""

import sqlalchemy as sa

_NEXT_AMOUNTS = sa.text("""
CREATE TEMPORARY TABLE next_amount ON COMMIT DROP AS
SELECT r.exchange_policy_id, e.exchange_member_id, a.name, a.amount, a.valid_from, a.event_id,
  lead(a.valid_from) OVER (PARTITION BY a.event_id, a.name ORDER BY a.valid_from) - 1 AS valid_to,
  min(a.valid_from) OVER (PARTITION BY a.event_id, a.name) AS first_from
FROM round_set r
JOIN book.event e USING (file_id, set_ordinal)
JOIN book.event_amount a ON a.event_id = e.event_id
WHERE r.outcome = 'applied' AND r.transaction IN ('initial', 'renewal', 'change')
""")

_DROP_UNCHANGED = sa.text("""
WITH said AS (
  SELECT exchange_policy_id, exchange_member_id, name, first_from,
    string_agg(concat_ws(' ', valid_from, amount), ',' ORDER BY valid_from) AS spans
  FROM next_amount GROUP BY exchange_policy_id, exchange_member_id, name, first_from
), believed AS (
  SELECT s.exchange_policy_id, s.exchange_member_id, s.name,
    string_agg(concat_ws(' ', a.valid_from, a.amount), ',' ORDER BY a.valid_from) AS spans
  FROM said s JOIN book.amount a USING (exchange_policy_id, exchange_member_id, name)
  WHERE a.partner_id = :partner_id AND a.known_to = 'infinity' AND a.valid_from >= s.first_from
  GROUP BY s.exchange_policy_id, s.exchange_member_id, s.name
)
DELETE FROM next_amount n
USING said s JOIN believed b USING (exchange_policy_id, exchange_member_id, name, spans)
WHERE n.exchange_policy_id = s.exchange_policy_id
  AND n.exchange_member_id = s.exchange_member_id AND n.name = s.name
""")

_CLOSE_BEFORE = sa.text("""
WITH closed AS (
  UPDATE book.amount a SET known_to = :known_at
  FROM (
    SELECT DISTINCT ON (event_id, name) *
    FROM next_amount ORDER BY event_id, name, valid_from
  ) n
  WHERE a.partner_id = :partner_id AND a.exchange_policy_id = n.exchange_policy_id
    AND a.exchange_member_id = n.exchange_member_id AND a.name = n.name
    AND a.known_to = 'infinity' AND (a.valid_to IS NULL OR a.valid_to >= n.first_from)
  RETURNING a.exchange_policy_id, a.exchange_member_id, a.name, a.amount, a.valid_from,
    n.first_from, n.event_id
)
INSERT INTO book.amount (partner_id, exchange_policy_id, exchange_member_id, name, amount,
  valid_from, valid_to, known_from, event_id)
SELECT :partner_id, exchange_policy_id, exchange_member_id, name, amount,
  valid_from, first_from - 1, :known_at, event_id
FROM closed WHERE valid_from < first_from
""")

_INSERT_AMOUNTS = sa.text("""
INSERT INTO book.amount (partner_id, exchange_policy_id, exchange_member_id, name, amount,
  valid_from, valid_to, known_from, event_id)
SELECT :partner_id, exchange_policy_id, exchange_member_id, name, amount,
  valid_from, valid_to, :known_at, event_id
FROM next_amount
""")

STATEMENTS = (
    _NEXT_AMOUNTS,
    _DROP_UNCHANGED,
    _CLOSE_BEFORE,
    _INSERT_AMOUNTS,
    sa.text("DROP TABLE next_amount"),
)
