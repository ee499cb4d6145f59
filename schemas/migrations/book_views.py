"""The views of the book in the first revision: what is in effect, of what was told.

A cancelled policy covers nothing, a terminated one nothing after its end, and what was told of its
members stays as it was: when the end is taken back, all is in effect again (CMS guide 7.2, section
7.2.7). Each row holds for the time for which we believed both it and its policy.
"""

BOOK_VIEWS = """
-- What is known after each of some statements, of which a later one replaces what it speaks of.
CREATE AGGREGATE book.last_said(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');

-- What was said stays: every row of the book names the event that it comes from.
CREATE FUNCTION book.keep_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'What an exchange has said is never deleted.'
    USING ERRCODE = 'insufficient_privilege', TABLE = 'event';
END $$;
CREATE TRIGGER keep_events BEFORE DELETE OR TRUNCATE ON book.event
  FOR EACH STATEMENT EXECUTE FUNCTION book.keep_events();

CREATE VIEW book.effective_coverage AS
SELECT c.partner_id, c.exchange_policy_id, c.exchange_member_id, c.insurance_line, c.plan_id,
  greatest(c.benefit_begin, p.benefit_begin) AS benefit_begin,
  least(c.benefit_end, p.benefit_end) AS benefit_end,
  greatest(c.known_from, p.known_from) AS known_from,
  least(c.known_to, p.known_to) AS known_to, c.event_id
FROM book.coverage c
JOIN book.policy p ON p.exchange_policy_id = c.exchange_policy_id AND p.partner_id = c.partner_id
  AND p.known_from < c.known_to AND c.known_from < p.known_to
WHERE p.status <> 'cancelled' AND c.benefit_end IS DISTINCT FROM c.benefit_begin
  AND greatest(c.benefit_begin, p.benefit_begin)
    <= coalesce(least(c.benefit_end, p.benefit_end), 'infinity');

CREATE VIEW book.effective_amount AS
SELECT a.partner_id, a.exchange_policy_id, a.exchange_member_id, a.name, a.amount,
  greatest(a.valid_from, p.benefit_begin) AS valid_from,
  least(a.valid_to, p.benefit_end) AS valid_to,
  greatest(a.known_from, p.known_from) AS known_from,
  least(a.known_to, p.known_to) AS known_to, a.event_id
FROM book.amount a
JOIN book.policy p ON p.exchange_policy_id = a.exchange_policy_id AND p.partner_id = a.partner_id
  AND p.known_from < a.known_to AND a.known_from < p.known_to
WHERE p.status <> 'cancelled'
  AND greatest(a.valid_from, p.benefit_begin)
    <= coalesce(least(a.valid_to, p.benefit_end), 'infinity');

-- What waits at the gate, with its file. What we say ourselves never does.
CREATE VIEW book.set_at_gate AS
SELECT f.partner_id, s.file_id, s.set_ordinal, s.exchange_policy_id
FROM ledger.file f
JOIN book.event_set s USING (file_id)
WHERE f.state = 'staged' AND s.state = 'staged';

-- A policy that was entered by a change in circumstance, and the end of one that was left for it:
-- of the same exchange and insurance line, with a member in common (CMS guide 7.2, section 6.6).
-- The end is not always marked as one; what waits counts, too. `days_apart` lies between what was
-- said of the two; null where one of them has no day. Both are gathered for each member and paired
-- there: a join would be planned by a guess at how many they are, and the guess is bad.
CREATE VIEW book.change_in_circumstance AS
WITH said AS (
  SELECT s.partner_id, s.exchange_policy_id, s.file_id, s.set_ordinal, s.circumstance,
    s.transaction, coalesce(s.insurance_line, (
      SELECT max(o.insurance_line) FROM book.event_set o
      WHERE o.exchange_policy_id = s.exchange_policy_id AND o.partner_id = s.partner_id
    )) AS line,
    CASE WHEN s.moment >= '1000' THEN to_date(left(s.moment, 8), 'YYYYMMDD') END AS day
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
