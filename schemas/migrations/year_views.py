"""Two views of the book as they are since revision 0004.

Coverage without an end has a last day all the same: an enrollment ends with its year (CMS guide
7.2, section 6.9). And a set may stand at a moment that no calendar has, which was staged before
that revision: it is of no day.
"""

EFFECTIVE_COVERAGE = """
CREATE OR REPLACE VIEW book.effective_coverage AS
SELECT c.partner_id, c.exchange_policy_id, c.exchange_member_id, c.insurance_line, c.plan_id,
  greatest(c.benefit_begin, p.benefit_begin) AS benefit_begin,
  least(c.benefit_end, p.benefit_end) AS benefit_end,
  greatest(c.known_from, p.known_from) AS known_from,
  least(c.known_to, p.known_to) AS known_to, c.event_id,
  coalesce(least(c.benefit_end, p.benefit_end),
    make_date(CAST(extract(year FROM p.benefit_begin) AS int), 12, 31)) AS last_day
FROM book.coverage c
JOIN book.policy p ON p.exchange_policy_id = c.exchange_policy_id AND p.partner_id = c.partner_id
  AND p.known_from < c.known_to AND c.known_from < p.known_to
WHERE p.status <> 'cancelled' AND c.benefit_end IS DISTINCT FROM c.benefit_begin
  AND greatest(c.benefit_begin, p.benefit_begin)
    <= coalesce(least(c.benefit_end, p.benefit_end), 'infinity');
"""

CHANGE_IN_CIRCUMSTANCE = """
CREATE OR REPLACE VIEW book.change_in_circumstance AS
WITH said AS (
  SELECT s.partner_id, s.exchange_policy_id, s.file_id, s.set_ordinal, s.circumstance,
    s.transaction, coalesce(s.insurance_line, (
      SELECT max(o.insurance_line) FROM book.event_set o
      WHERE o.exchange_policy_id = s.exchange_policy_id AND o.partner_id = s.partner_id
    )) AS line,
    CASE WHEN pg_input_is_valid(left(s.moment, 8), 'date')
      THEN CAST(left(s.moment, 8) AS date) END AS day
  FROM book.event_set s
  WHERE s.state IN ('applied', 'pending')
    AND (s.circumstance = 'enters' OR s.transaction IN ('cancellation', 'termination'))
), of_member AS (
  SELECT DISTINCT h.*, e.exchange_member_id
  FROM said h
  JOIN book.event_set s ON s.exchange_policy_id = h.exchange_policy_id
    AND s.partner_id = h.partner_id AND s.state IN ('applied', 'pending')
  JOIN book.event e ON e.file_id = s.file_id AND e.set_ordinal = s.set_ordinal
    AND e.exchange_member_id IS NOT NULL
), halves AS (
  SELECT partner_id, exchange_member_id,
    array_agg(ROW(exchange_policy_id, file_id, set_ordinal, line, day))
      FILTER (WHERE circumstance = 'enters') AS entered,
    array_agg(ROW(exchange_policy_id, file_id, set_ordinal, line, day))
      FILTER (WHERE transaction IN ('cancellation', 'termination')) AS ended
  FROM of_member
  GROUP BY partner_id, exchange_member_id
)
SELECT DISTINCT h.partner_id, l.exchange_policy_id AS left_policy_id,
  n.exchange_policy_id AS entered_policy_id,
  l.file_id AS left_file_id, l.set_ordinal AS left_set_ordinal,
  n.file_id AS entered_file_id, n.set_ordinal AS entered_set_ordinal,
  abs(n.day - l.day) AS days_apart
FROM halves h
CROSS JOIN LATERAL unnest(h.entered)
  AS n(exchange_policy_id text, file_id bigint, set_ordinal bigint, line text, day date)
CROSS JOIN LATERAL unnest(h.ended)
  AS l(exchange_policy_id text, file_id bigint, set_ordinal bigint, line text, day date)
WHERE n.exchange_policy_id <> l.exchange_policy_id AND coalesce(n.line = l.line, true);
"""
