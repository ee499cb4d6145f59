"""The views of the book in the first revision: what is in effect, of what was told.

A cancelled policy covers nothing, a terminated one nothing after its end, and what was told of its
members stays as it was: when the end is taken back, all is in effect again (CMS guide 7.2, section
7.2.7). Each row holds for the time for which we believed both it and its policy.
"""

BOOK_VIEWS = """
-- What is known after each of some statements, of which a later one replaces what it speaks of.
CREATE AGGREGATE book.last_said(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');

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
"""
