"""What follows from payments and deadlines: candidates for decisions, any number of a policy.

Each statement adds to `candidate` by the rules of `schemas/decisions.toml` that it names. Which of
a policy's candidates is decided, and whether the exchange takes it, is `decision_choice.py`.
"""

import sqlalchemy as sa

from enrollment.decision_standing import NORMAL

MAKE_CANDIDATES = sa.text("""
CREATE TEMPORARY TABLE candidate (exchange_policy_id text, rule text, reason text,
  coverage_end date, responsible_amount numeric, paid_amount numeric, paid_on date,
  paid_through date, aptc boolean, evidence jsonb) ON COMMIT DROP
""")

_BINDER_EVIDENCE = """jsonb_strip_nulls(jsonb_build_object(
    'payments', coalesce(p.rows, '[]'), 'deadline', s.deadline,
    'threshold', CASE WHEN s.binder_least < s.responsible THEN s.binder_least END,
    'terms', jsonb_build_array(CASE WHEN s.benefit_begin < s.received_on
      THEN t.binder_days_after_receipt_row ELSE t.binder_days_after_begin_row END)
      || CASE WHEN t.threshold_net_percent_row IS NULL THEN '[]'
           ELSE jsonb_build_array(t.threshold_net_percent_row) END))"""

# What was paid in time and is still there: a binder that was taken back is not paid.
_BINDER_PAID = "least(coalesce(p.in_time, 0), coalesce(p.total, 0)) >= s.binder_least"
_BINDER = f"""
SELECT s.*, p.total, p.in_time, p.paid_on, p.paid_through, p.reversed,
  t.threshold_net_percent, {_BINDER_PAID} AS is_paid,
  {_BINDER_EVIDENCE} AS evidence
FROM standing s
JOIN decision_term t USING (plan_year)
LEFT JOIN paid p USING (exchange_policy_id)
WHERE s.responsible IS NOT NULL"""

# What is confirmed is paid for the first month at least, also without any payment.
EFFECTUATIONS = sa.text(f"""
INSERT INTO candidate
SELECT b.exchange_policy_id, r.rule, r.additional, NULL, b.responsible, coalesce(b.total, 0),
  b.paid_on, greatest(c.covered_through, b.month_end), NULL, b.evidence
FROM ({_BINDER} AND s.needs_effectuation) b
JOIN decision_rule r
  ON r.rule = CASE WHEN b.responsible > 0 THEN 'binder-paid' ELSE 'nothing-owed' END
LEFT JOIN settled c USING (exchange_policy_id)
WHERE b.is_paid
""")

# Unpaid binders of those whom the exchange may have effectuated by itself, because of the policy of
# the plan year before. Whether one is owed at all is for persons to say.
CONTINUED = sa.text(f"""
CREATE TEMPORARY TABLE continued ON COMMIT DROP AS
SELECT b.exchange_policy_id, b.responsible, coalesce(b.total, 0) AS total, b.deadline,
  min(before.exchange_policy_id) AS continues
FROM ({_BINDER} AND s.needs_effectuation) b
JOIN book.event e ON e.event_id = b.event_id
JOIN decision_continued c ON c.reason = {NORMAL.format("e.additional_maintenance_reason")}
JOIN book.policy p ON p.partner_id = :partner_id AND p.known_to = 'infinity'
  AND p.exchange_policy_id = b.exchange_policy_id
JOIN book.policy before ON before.partner_id = :partner_id AND before.known_to = 'infinity'
  AND before.exchange_subscriber_id = p.exchange_subscriber_id
  AND before.insurance_line = p.insurance_line
  AND left(before.plan_id, 5) = left(p.plan_id, 5)
  AND extract(year FROM before.benefit_begin) = b.plan_year - 1
  AND before.status <> 'cancelled' AND NOT before.needs_effectuation
WHERE NOT b.is_paid AND b.deadline < :on_day AND b.standing <> 'cancelled'
GROUP BY b.exchange_policy_id, b.responsible, b.total, b.deadline
""")

# A binder that was confirmed is measured by what it was then, or is now if that is less. What never
# had one, as a plain renewal, has nothing that could be taken back.
_REVERSED = """b.reversed AND least(coalesce(b.in_time, 0), b.total) < ceil(
    least(f.amount, b.responsible) * coalesce(b.threshold_net_percent, 100)) / 100
  AND EXISTS (SELECT FROM book.event e JOIN book.event_set i USING (file_id, set_ordinal)
    WHERE e.event_id = b.event_id AND i.needs_effectuation)"""

BINDER_CANCELLATIONS = sa.text(f"""
INSERT INTO candidate
SELECT b.exchange_policy_id, r.rule, r.additional, b.cancelled_end, b.responsible,
  coalesce(b.total, 0), b.paid_on, NULL, NULL, b.evidence
FROM ({_BINDER}) b
JOIN decision_rule r
  ON r.rule = CASE WHEN b.needs_effectuation THEN 'binder-unpaid' ELSE 'binder-reversed' END
LEFT JOIN confirmed f USING (exchange_policy_id)
WHERE b.deadline < :on_day AND b.standing <> 'cancelled'
  AND CASE WHEN b.needs_effectuation THEN NOT b.is_paid ELSE {_REVERSED} END
  AND b.exchange_policy_id NOT IN (SELECT exchange_policy_id FROM continued)
""")

# Of the months of grace with APTC the first ones stay covered; otherwise coverage ends with what
# was paid. What is owed, and whether APTC is paid, is what holds when the grace begins.
_GRACE = """
SELECT s.*, u.due, u.aptc, u.grace_end, o.amount AS owed, t.grace_days_row,
  t.aptc_grace_months_row, t.aptc_covered_months_row,
  CASE WHEN u.aptc
    THEN CAST(u.due + make_interval(months => CAST(t.aptc_covered_months AS int)) AS date) - 1
    ELSE u.due - 1 END AS coverage_end
FROM grace_over u
JOIN standing s USING (exchange_policy_id)
JOIN decision_term t USING (plan_year)
LEFT JOIN book.amount o ON o.exchange_policy_id = s.exchange_policy_id
  AND o.partner_id = :partner_id AND o.exchange_member_id = s.subscriber_id
  AND o.name = 'TOT RES AMT' AND o.known_to = 'infinity'
  AND u.due BETWEEN o.valid_from AND coalesce(o.valid_to, 'infinity')"""

GRACE_TERMINATIONS = sa.text(f"""
INSERT INTO candidate
SELECT g.exchange_policy_id, r.rule, r.additional, g.coverage_end, g.owed, coalesce(p.total, 0),
  p.paid_on, c.covered_through, g.aptc, jsonb_strip_nulls(jsonb_build_object(
    'payments', coalesce(p.rows, '[]'), 'grace_begin', g.due, 'deadline', g.grace_end,
    'owed_through', least(g.year_end, CASE WHEN g.aptc THEN g.grace_end
      ELSE CAST(date_trunc('month', g.due) + interval '1 month - 1 day' AS date) END),
    'terms', CASE WHEN g.aptc
      THEN jsonb_build_array(g.aptc_grace_months_row, g.aptc_covered_months_row)
      ELSE jsonb_build_array(g.grace_days_row) END))
FROM ({_GRACE}) g
JOIN decision_rule r ON r.rule = CASE WHEN g.aptc THEN 'grace-over-aptc' ELSE 'grace-over' END
LEFT JOIN paid p USING (exchange_policy_id)
LEFT JOIN settled c USING (exchange_policy_id)
WHERE g.coverage_end > g.benefit_begin AND g.coverage_end <= g.year_end
""")

# Of payments or of what is owed something else is known than when the end was said. Other terms, or
# another reckoning, bring nobody back.
_SOMETHING_NEW = """(b.evidence -> 'payments' IS DISTINCT FROM g.payments OR EXISTS (
    SELECT FROM book.amount a WHERE a.exchange_policy_id = b.exchange_policy_id
      AND a.partner_id = :partner_id AND a.known_from > g.said_at))"""

# The end was ours, for want of a payment that has come to light since. Within the months of grace
# it is enough that nothing was owed at the end of one of them; days of grace are for their month.
REINSTATEMENTS = sa.text(f"""
INSERT INTO candidate
SELECT b.exchange_policy_id, r.rule, r.additional, NULL, b.responsible, b.total, b.paid_on,
  coalesce(c.covered_through, b.paid_through), NULL,
  b.evidence || jsonb_build_object('reverses', g.moment, 'deadline', g.deadline)
FROM ({_BINDER}) b
JOIN ending g USING (exchange_policy_id)
JOIN decision_rule r ON r.rule = 'paid-in-time'
LEFT JOIN settled c USING (exchange_policy_id)
WHERE g.by_issuer AND CASE g.rule
  WHEN 'binder-unpaid' THEN b.is_paid
  WHEN 'grace-over' THEN {_SOMETHING_NEW} AND EXISTS (
    SELECT FROM owed_month m WHERE m.exchange_policy_id = b.exchange_policy_id
      AND m.due = g.grace_begin AND m.paid_by_deadline >= m.need)
  WHEN 'grace-over-aptc' THEN {_SOMETHING_NEW} AND EXISTS (
    SELECT FROM owed_month m WHERE m.exchange_policy_id = b.exchange_policy_id
      AND m.due >= g.grace_begin AND m.month_end <= g.deadline AND m.paid_by_end >= m.need)
  ELSE false END
""")
