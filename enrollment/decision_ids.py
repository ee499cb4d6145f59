"""The issuer's ids: what the exchange has not been told, and without what it takes nothing.

What it has been told stands in `book.identifier`, with what it said itself. An id that the carrier
does not have takes nothing back.
"""

import sqlalchemy as sa

from schemas.awaited import AWAITED

# What a carrier's record says otherwise than the book, one row for each id of a member who is
# covered: only they are told.
_UNTOLD = sa.text("""
CREATE TEMPORARY TABLE untold_id ON COMMIT DROP AS
WITH told AS (
  SELECT i.exchange_policy_id, i.exchange_member_id,
    max(i.value) FILTER (WHERE i.kind = 'issuer_subscriber_id') AS issuer_subscriber_id,
    max(i.value) FILTER (WHERE i.kind = 'issuer_member_id') AS issuer_member_id,
    max(i.value) FILTER (WHERE i.kind = 'issuer_policy_id') AS issuer_policy_id
  FROM book.identifier i
  WHERE i.partner_id = :partner_id AND i.known_to = 'infinity' AND i.valid_to IS NULL
  GROUP BY i.exchange_policy_id, i.exchange_member_id
), told_policy AS (
  SELECT exchange_policy_id, max(issuer_policy_id) AS issuer_policy_id
  FROM told GROUP BY exchange_policy_id
)
SELECT DISTINCT c.exchange_policy_id,
  CASE WHEN i.kind <> 'issuer_policy_id' THEN c.exchange_member_id END AS exchange_member_id,
  i.kind, i.value, i.former
FROM issuer_id c
JOIN standing s USING (exchange_policy_id)
JOIN decision_accepts a ON a.kind = 'maintenance' AND a.standing = s.standing
JOIN book.member m ON m.exchange_policy_id = c.exchange_policy_id AND m.partner_id = :partner_id
  AND m.exchange_member_id = c.exchange_member_id AND m.known_to = 'infinity'
LEFT JOIN told t ON t.exchange_policy_id = c.exchange_policy_id
  AND t.exchange_member_id = c.exchange_member_id
LEFT JOIN told_policy p ON p.exchange_policy_id = c.exchange_policy_id
CROSS JOIN LATERAL (VALUES
  ('issuer_subscriber_id', c.issuer_subscriber_id, t.issuer_subscriber_id),
  ('issuer_member_id', c.issuer_member_id, t.issuer_member_id),
  ('issuer_policy_id', c.issuer_policy_id, p.issuer_policy_id)
) i (kind, value, former)
WHERE i.value IS NOT NULL AND i.value IS DISTINCT FROM i.former
  AND EXISTS (
    SELECT FROM book.effective_coverage v
    WHERE v.exchange_policy_id = c.exchange_policy_id AND v.partner_id = :partner_id
      AND v.exchange_member_id = c.exchange_member_id AND v.known_to = 'infinity')
""")

_MAINTENANCES = sa.text("""
INSERT INTO candidate
SELECT u.exchange_policy_id, r.rule, r.additional, NULL, NULL, NULL, NULL, NULL, NULL,
  jsonb_build_object('ids', u.ids)
FROM (
  SELECT exchange_policy_id, bool_or(former IS NOT NULL) AS has_changed,
    jsonb_agg(jsonb_strip_nulls(jsonb_build_object('member', exchange_member_id, 'kind', kind,
      'value', value, 'former', former)) ORDER BY exchange_member_id, kind) AS ids
  FROM untold_id GROUP BY exchange_policy_id
) u
JOIN decision_rule r
  ON r.rule = CASE WHEN u.has_changed THEN 'issuer-ids-changed' ELSE 'issuer-ids-known' END
""")

# The carrier's ids of each member; of a policy, one id for all.
ISSUER_IDS = sa.text("""
CREATE TEMPORARY TABLE issuer_id ON COMMIT DROP AS
SELECT exchange_policy_id, exchange_member_id,
  max(issuer_subscriber_id) AS issuer_subscriber_id, max(issuer_member_id) AS issuer_member_id,
  max(max(issuer_policy_id)) OVER (PARTITION BY exchange_policy_id) AS issuer_policy_id
FROM carrier_member
GROUP BY exchange_policy_id, exchange_member_id
""")

# Some exchanges take no transaction without them: it waits until the carrier has given them.
_INCOMPLETE = sa.text("""
CREATE TEMPORARY TABLE incomplete ON COMMIT DROP AS
SELECT c.exchange_policy_id, c.rule, q.kind, q.name,
  count(DISTINCT m.exchange_member_id) AS members
FROM candidate c
JOIN decision_rule r USING (rule)
JOIN decision_required q ON q.kind = r.kind
JOIN book.policy p ON p.exchange_policy_id = c.exchange_policy_id
  AND p.partner_id = :partner_id AND p.known_to = 'infinity'
JOIN book.member m ON m.exchange_policy_id = p.exchange_policy_id
  AND m.partner_id = p.partner_id AND m.known_to = 'infinity'
LEFT JOIN issuer_id i ON i.exchange_policy_id = m.exchange_policy_id
  AND i.exchange_member_id = m.exchange_member_id
LEFT JOIN (SELECT DISTINCT exchange_policy_id, issuer_policy_id FROM issuer_id) o
  ON o.exchange_policy_id = c.exchange_policy_id
WHERE CASE q.name
    WHEN 'issuer_policy_id' THEN coalesce(o.issuer_policy_id, p.issuer_policy_id)
    WHEN 'issuer_member_id' THEN coalesce(i.issuer_member_id, m.issuer_member_id)
    ELSE coalesce(i.issuer_subscriber_id, m.issuer_subscriber_id) END IS NULL
  AND (m.is_subscriber OR q.of_all AND EXISTS (
    SELECT FROM book.effective_coverage v
    WHERE v.exchange_policy_id = m.exchange_policy_id AND v.partner_id = m.partner_id
      AND v.exchange_member_id = m.exchange_member_id AND v.known_to = 'infinity'))
GROUP BY c.exchange_policy_id, c.rule, q.kind, q.name
""")

# An effectuation names everybody whom the enrollment brought (section 7.2.4), and no second one is
# taken (table 16): it waits for whom our verdict kept out, until he has come, until the exchange
# does not tell of him any more, or until persons have said that he does not come: a waiver of the
# case, with none left open.
_SHORT = sa.text(f"""
CREATE TEMPORARY TABLE short ON COMMIT DROP AS
SELECT c.exchange_policy_id, c.rule, r.kind, k.members, coalesce(said.is_let_go, false) AS is_let_go
FROM candidate c
JOIN decision_rule r ON r.rule = c.rule AND r.kind = 'effectuation'
JOIN standing s USING (exchange_policy_id)
JOIN book.event e ON e.event_id = s.event_id
JOIN book.event_set i ON i.file_id = e.file_id AND i.set_ordinal = e.set_ordinal
  AND i.members_fallen > 0
CROSS JOIN LATERAL (SELECT {AWAITED} AS members) k
CROSS JOIN LATERAL (
  SELECT bool_and(w.state = 'waived') AS is_let_go FROM ledger.case w
  WHERE w.exchange_policy_id = c.exchange_policy_id AND w.partner_id = :partner_id
    AND w.kind = 'rejected' AND w.maintenance_type = '021' AND w.state <> 'resolved'
) said
WHERE k.members > 0
""")
_AWAITING = sa.text("""
INSERT INTO incomplete
SELECT exchange_policy_id, rule, kind, 'member', members FROM short WHERE NOT is_let_go
""")
# What persons have let go says so.
_SAY_SO = sa.text("""
UPDATE candidate c
SET evidence = coalesce(c.evidence, '{}') || jsonb_build_object('without_members', t.members)
FROM short t
WHERE t.is_let_go AND t.exchange_policy_id = c.exchange_policy_id AND t.rule = c.rule
""")

LET_GO = sa.text("""
SELECT DISTINCT exchange_policy_id FROM short WHERE is_let_go ORDER BY exchange_policy_id
""")

_LEAVE_INCOMPLETE = sa.text("""
DELETE FROM candidate c USING incomplete i
WHERE i.exchange_policy_id = c.exchange_policy_id AND i.rule = c.rule
""")

STATEMENTS = (
    _UNTOLD,
    sa.text("ANALYZE untold_id (exchange_policy_id)"),
    _MAINTENANCES,
    _INCOMPLETE,
    _SHORT,
    _AWAITING,
    _SAY_SO,
    sa.text("ANALYZE incomplete (exchange_policy_id, rule)"),
    _LEAVE_INCOMPLETE,
)
