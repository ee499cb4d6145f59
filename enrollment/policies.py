"""The statements that write new versions of policies for one round of applied sets."""

import sqlalchemy as sa

CLOSE_POLICIES = sa.text("""
UPDATE book.policy p SET known_to = :known_at
FROM round_set r
WHERE r.outcome = 'applied' AND p.policy_version_id = r.policy_version_id
""")

# The header of the last set that describes the whole group is kept, because an effectuation
# returns it; a cancellation or termination carries the subscriber only (CMS guide 7.2, section
# 7.2.4 and tables 18 to 20). A CSR variant change moves the last two characters of the plan id
# and stays on the policy (section 6.6).
INSERT_POLICIES = sa.text("""
INSERT INTO book.policy (partner_id, exchange_policy_id, exchange_subscriber_id, plan_id,
  insurance_line, issuer_policy_id, status, benefit_begin, benefit_end, needs_effectuation,
  initial_event_id, reference, total_count, dependent_count, sponsor_name, sponsor_qualifier,
  sponsor_id, payer_name, payer_id, broker_name, broker_id, known_from, event_id)
SELECT :partner_id, r.exchange_policy_id,
  coalesce(p.exchange_subscriber_id, e.exchange_subscriber_id),
  coalesce(e.plan_id, p.plan_id), coalesce(e.insurance_line, p.insurance_line),
  coalesce(e.issuer_policy_id, p.issuer_policy_id),
  CASE r.transaction
    WHEN 'cancellation' THEN 'cancelled'
    WHEN 'termination' THEN 'terminated'
    WHEN 'change' THEN p.status
    ELSE CASE WHEN r.needs_effectuation THEN 'initial' ELSE 'effectuated' END END,
  coalesce(p.benefit_begin, e.benefit_begin),
  CASE r.transaction
    WHEN 'cancellation' THEN p.benefit_begin
    WHEN 'change' THEN p.benefit_end
    ELSE e.benefit_end END,
  CASE WHEN p.policy_version_id IS NULL THEN r.needs_effectuation
       ELSE p.needs_effectuation AND r.transaction <> 'cancellation' END,
  coalesce(p.initial_event_id, e.event_id),
  CASE WHEN g.whole THEN coalesce(t.reference, p.reference) ELSE p.reference END,
  CASE WHEN g.whole THEN coalesce(t.total_count, p.total_count) ELSE p.total_count END,
  CASE WHEN g.whole AND t.total_count IS NOT NULL THEN t.dependent_count
       ELSE p.dependent_count END,
  coalesce(t.sponsor_name, p.sponsor_name), coalesce(t.sponsor_qualifier, p.sponsor_qualifier),
  coalesce(t.sponsor_id, p.sponsor_id), coalesce(t.payer_name, p.payer_name),
  coalesce(t.payer_id, p.payer_id), coalesce(t.broker_name, p.broker_name),
  coalesce(t.broker_id, p.broker_id), :known_at, r.event_id
FROM round_set r
CROSS JOIN LATERAL (SELECT r.transaction NOT IN ('cancellation', 'termination') AS whole) g
JOIN book.event e ON e.event_id = r.event_id
JOIN ledger.transaction_set t ON t.file_id = r.file_id AND t.set_ordinal = r.set_ordinal
LEFT JOIN book.policy p ON p.policy_version_id = r.policy_version_id
WHERE r.outcome = 'applied'
""")

STATEMENTS = (CLOSE_POLICIES, INSERT_POLICIES)
