"""Findings about the carrier's payments, requests and ids: what nothing follows from, and why.

They are told in `book.carrier_finding`, by policy, rule and figures; each run replaces what the one
before found.
"""

import sqlalchemy as sa

from enrollment.decision_requests import CANNOT_REINSTATE
from enrollment.decision_words import let_out, same_words, undone

FORGET = sa.text("DELETE FROM book.carrier_finding WHERE partner_id = :partner_id")

_TELL = """
INSERT INTO book.carrier_finding (partner_id, exchange_policy_id, kind, rule, figures, run_id)
SELECT :partner_id, f.exchange_policy_id, '{kind}', f.rule, f.figures, :run_id
FROM ({found}) f
ORDER BY f.exchange_policy_id, f.rule
"""

# Each payment by itself. What waits at the gate is no unknown policy.
_PAYMENTS = """
SELECT c.exchange_policy_id, r.rule, jsonb_strip_nulls(jsonb_build_object('amount', c.amount,
  'received_on', c.received_on, 'paid_through', c.paid_through)) AS figures
FROM payment c
LEFT JOIN standing s USING (exchange_policy_id)
CROSS JOIN LATERAL (VALUES
  ('unknown-policy', s.exchange_policy_id IS NULL AND c.exchange_policy_id NOT IN (
    SELECT exchange_policy_id FROM book.set_at_gate
    WHERE partner_id = :partner_id AND exchange_policy_id IS NOT NULL)),
  ('reversal', c.amount < 0),
  ('in-the-future', c.received_on > :on_day),
  ('without-amount', c.amount IS NULL),
  ('without-day', c.received_on IS NULL),
  ('without-paid-through', c.paid_through IS NULL AND c.amount > 0
    AND c.received_on > greatest(s.month_end, s.deadline))
) r (rule, holds)
WHERE r.holds"""

# Two payments of the whole binder on different days: the earlier one counts.
_BINDER_DATES = """
SELECT c.exchange_policy_id, 'two-binder-dates' AS rule, jsonb_build_object(
  'received_on', jsonb_agg(DISTINCT c.received_on), 'responsible_amount', min(s.responsible))
  AS figures
FROM counted_payment c JOIN standing s USING (exchange_policy_id)
WHERE s.responsible > 0 AND c.amount >= s.binder_least AND c.covers = s.month_end
GROUP BY c.exchange_policy_id
HAVING count(DISTINCT c.received_on) > 1"""

_SURPLUS = """
SELECT exchange_policy_id, 'more-than-owed' AS rule, jsonb_build_object('paid', p.total,
  'surplus', c.surplus, 'paid_through', p.paid_through) AS figures
FROM settled c JOIN paid p USING (exchange_policy_id)
WHERE c.surplus > 0"""

# Effectuated, and nothing is left of what was paid, as of a renewal that never was: no grace is
# known for that. A binder that was taken back is decided.
_NEVER_PAID = """
SELECT exchange_policy_id, 'never-paid' AS rule, jsonb_build_object(
  'owed_since', s.benefit_begin, 'responsible_amount', s.responsible) AS figures
FROM balance b JOIN standing s USING (exchange_policy_id)
WHERE b.total <= 0 AND s.responsible > 0 AND s.deadline < :on_day
  AND s.exchange_policy_id NOT IN (
    SELECT exchange_policy_id FROM candidate WHERE rule = 'binder-reversed')"""

# Nothing was paid in time for what the exchange may have effectuated by itself.
_CONTINUED_UNPAID = """
SELECT exchange_policy_id, 'continued-unpaid' AS rule, jsonb_build_object('continues', continues,
  'responsible_amount', responsible, 'paid', total, 'deadline', deadline) AS figures
FROM continued"""

# What ends nobody: the first month counts as it was confirmed. What is missing where we have ended
# the coverage for want of payment leaves nothing to do, here and below.
_FIRST_MONTH_SHORT = """
SELECT exchange_policy_id, 'first-month-short' AS rule, jsonb_build_object(
  'responsible_amount', s.responsible, 'counted', h.first_owed) AS figures
FROM behind h JOIN standing s USING (exchange_policy_id) JOIN balance b USING (exchange_policy_id)
WHERE h.first_owed < s.binder_least AND s.deadline < :on_day AND b.total < b.need
  AND NOT b.ended_unpaid"""

# What is owed for months that had begun when we learnt of it, until all is paid: today, or at the
# end of a month since it counts. What counts after the last day of coverage is in no month.
_OWED_ANEW = """
SELECT exchange_policy_id, 'owed-anew' AS rule, jsonb_build_object('amount', sum(i.amount),
  'owed_since', min(i.due), 'known_on', max(i.known_on), 'due', max(i.counts_from)) AS figures
FROM owed_item i JOIN balance b USING (exchange_policy_id)
WHERE i.counts_from > i.due AND b.total < b.need AND NOT b.ended_unpaid
  AND NOT EXISTS (SELECT FROM owed_month m
    WHERE m.exchange_policy_id = i.exchange_policy_id AND i.counts_from <= m.last_owed
      AND m.due >= i.counts_from AND m.month_end <= m.before AND m.paid_by_end >= m.need)
GROUP BY exchange_policy_id"""

# Candidates that the exchange takes as the policy stands.
_TAKEN = """
  SELECT c.*, s.event_id, r.kind FROM candidate c
  JOIN standing s USING (exchange_policy_id)
  JOIN decision_rule r USING (rule)
  JOIN decision_accepts a ON a.kind = r.kind AND a.standing = s.standing
    AND NOT (a.end_earlier AND c.coverage_end >= coalesce(s.benefit_end, 'infinity'))"""
_SAME = same_words("d", "c", candidate=True)
_WORDS = """'transaction', d.kind, 'reason', c.reason, 'coverage_end', c.coverage_end"""

# What persons refused and what follows still, until somebody lets it out (`edi834 outgoing again`).
_REFUSED = f"""
SELECT DISTINCT c.exchange_policy_id, 'refused-by-persons' AS rule, jsonb_strip_nulls(
  jsonb_build_object({_WORDS}, 'hold', d.hold_id)) AS figures
FROM book.decision d
JOIN ({_TAKEN}) c ON c.exchange_policy_id = d.exchange_policy_id AND {_SAME}
WHERE d.partner_id = :partner_id AND d.state = 'refused' AND NOT {let_out("d")}
  AND {{of_requests}} (d.evidence ? 'request')"""

# An end for want of payment that follows still, and that the carrier or the exchange has taken
# back: it is not said again, and the coverage goes on unpaid.
_ENDED_BEFORE = f"""
SELECT DISTINCT c.exchange_policy_id, 'ended-before' AS rule,
  jsonb_strip_nulls(jsonb_build_object({_WORDS})) AS figures
FROM book.decision d
JOIN book.event_set o ON o.file_id = d.sent_file_id AND o.set_ordinal = d.set_ordinal
  AND o.state = 'applied'
JOIN ({_TAKEN}) c ON c.exchange_policy_id = d.exchange_policy_id AND {_SAME}
WHERE d.partner_id = :partner_id AND d.state = 'sent'
  AND d.kind IN ('cancellation', 'termination') AND NOT d.evidence ? 'request'
  AND NOT {undone("d")}"""

# The payment for whose want we ended the policy had come in time, and the exchange lets us take
# nothing back: a person asks it to.
_NOT_REINSTATED = f"""
SELECT exchange_policy_id, obstacle AS rule, jsonb_strip_nulls(jsonb_build_object(
  'transaction', 'reinstatement', 'paid', paid_amount, 'paid_on', paid_on)) AS figures
FROM (
  SELECT c.*, {CANNOT_REINSTATE} AS obstacle
  FROM (SELECT * FROM candidate JOIN standing USING (exchange_policy_id)
    WHERE rule = 'paid-in-time') c
) judged
WHERE obstacle IS NOT NULL"""

_INCOMPLETE = """
SELECT exchange_policy_id, name || '-missing' AS rule,
  jsonb_build_object('transaction', kind, 'members', members) AS figures
FROM incomplete"""

_REQUESTS = """
SELECT exchange_policy_id, finding AS rule, figures FROM judged_request
WHERE finding IS NOT NULL"""


def _tell(kind: str, found: str) -> sa.TextClause:
    return sa.text(_TELL.format(kind=kind, found=found))


_OF_PAYMENTS = (
    *(_PAYMENTS, _BINDER_DATES, _SURPLUS),
    *(_NEVER_PAID, _CONTINUED_UNPAID, _FIRST_MONTH_SHORT, _OWED_ANEW),
)
STATEMENTS = (
    FORGET,
    *(_tell("payment", found) for found in _OF_PAYMENTS),
    _tell("payment", _REFUSED.format(of_requests="NOT")),
    _tell("payment", _ENDED_BEFORE),
    _tell("payment", _NOT_REINSTATED),
    _tell("request", _REQUESTS),
    _tell("request", _REFUSED.format(of_requests="")),
    _tell("member", _INCOMPLETE),
)
