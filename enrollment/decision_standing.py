"""Where each policy stands when decisions are made: `standing`, `ending`, and what is paid.

A policy of which something is staged at the gate does not stand anywhere: that may be its end. Of
payments, those count whose day has come; one without a day counts as in time. A reversal is a
payment below zero and counts as what it is.
"""

import sqlalchemy as sa

# Spellings of an ADDL MAINT REASON are equal without blanks and dashes.
NORMAL = "upper(regexp_replace(coalesce({}, ''), '[\\s\\-\u2010-\u2015]+', '', 'g'))"

# The binder is what the subscriber owes for the first day; where coverage begins before the
# enrollment came, its deadline counts from the receipt (45 CFR 155.400(e)).
_STANDING = sa.text("""
CREATE TEMPORARY TABLE standing ON COMMIT DROP AS
SELECT p.exchange_policy_id, p.initial_event_id AS event_id, p.needs_effectuation,
  CASE WHEN p.status <> 'terminated' THEN p.status
       WHEN p.needs_effectuation THEN 'terminated-from-initial'
       ELSE 'terminated-from-effectuated' END AS standing,
  p.insurance_line, p.benefit_begin, p.benefit_end,
  CAST(date_trunc('month', p.benefit_begin) + interval '1 month - 1 day' AS date) AS month_end,
  make_date(CAST(t.plan_year AS int), 12, 31) AS year_end, f.received_on,
  m.exchange_member_id AS subscriber_id, t.plan_year,
  greatest(p.benefit_begin + CAST(t.binder_days_after_begin AS int),
    CASE WHEN p.benefit_begin < f.received_on
      THEN f.received_on + CAST(t.binder_days_after_receipt AS int) END) AS deadline,
  a.amount AS responsible,
  ceil(a.amount * coalesce(t.threshold_net_percent, 100)) / 100 AS binder_least,
  p.benefit_begin + CAST(t.cancel_end_offset AS int) AS cancelled_end,
  greatest(p.benefit_begin, f.received_on) + CAST(t.free_look_days AS int) AS free_look_end
FROM book.policy p
JOIN decision_term t ON t.plan_year = extract(year FROM p.benefit_begin)
JOIN book.event e ON e.event_id = p.initial_event_id
JOIN (
  SELECT file_id, CAST(recorded_at AT TIME ZONE :time_zone AS date) AS received_on
  FROM ledger.file WHERE partner_id = :partner_id
) f USING (file_id)
JOIN book.member m ON m.partner_id = p.partner_id
  AND m.exchange_policy_id = p.exchange_policy_id AND m.is_subscriber AND m.known_to = 'infinity'
LEFT JOIN book.amount a ON a.partner_id = p.partner_id
  AND a.exchange_policy_id = p.exchange_policy_id
  AND a.exchange_member_id = m.exchange_member_id AND a.name = 'TOT RES AMT'
  AND a.known_to = 'infinity'
  AND a.valid_from <= p.benefit_begin AND coalesce(a.valid_to, 'infinity') >= p.benefit_begin
WHERE p.partner_id = :partner_id AND p.known_to = 'infinity'
  AND p.exchange_policy_id NOT IN (
    SELECT exchange_policy_id FROM book.set_at_gate
    WHERE partner_id = :partner_id AND exchange_policy_id IS NOT NULL
  )
""")

# An end that the exchange told as well, and that nobody has taken back: our reinstatement does so
# only when it answered that very end.
_TOLD_BY_EXCHANGE = """EXISTS (
  SELECT FROM book.event_set x
  WHERE x.exchange_policy_id = s.exchange_policy_id AND x.partner_id = :partner_id
    AND x.transaction IN ('cancellation', 'termination') AND x.moment >= i.moment
    AND (x.state = 'applied' OR x.state = 'duplicate' AND x.reason IS NULL)
    AND NOT EXISTS (
      SELECT FROM book.event_set r
      WHERE r.exchange_policy_id = x.exchange_policy_id AND r.partner_id = :partner_id
        AND r.state = 'applied' AND r.moment > x.moment
        AND (r.transaction = 'reinstatement' OR r.transaction = 'issuer_reinstatement'
          AND NOT EXISTS (
            SELECT FROM book.event_set b
            WHERE b.exchange_policy_id = x.exchange_policy_id AND b.partner_id = :partner_id
              AND b.state = 'applied'
              AND b.transaction IN ('issuer_cancellation', 'issuer_termination')
              AND b.moment BETWEEN x.moment AND r.moment)))
)"""

# What ended a policy last, and if it was us, by what evidence. What we have taken back since ended
# nothing.
_ENDING = sa.text(f"""
CREATE TEMPORARY TABLE ending ON COMMIT DROP AS
SELECT DISTINCT ON (s.exchange_policy_id) s.exchange_policy_id, by_issuer.by_issuer,
  by_issuer.by_issuer AND {_TOLD_BY_EXCHANGE} AS by_exchange_too,
  {NORMAL.format("e.additional_maintenance_reason")} AS reason, o.moment,
  CAST(f.recorded_at AT TIME ZONE :time_zone AS date) AS said_on, d.rule,
  CAST(d.evidence ->> 'deadline' AS date) AS deadline,
  CAST(d.evidence ->> 'grace_begin' AS date) AS grace_begin,
  f.recorded_at AS said_at, d.evidence -> 'payments' AS payments
FROM standing s
JOIN book.event n ON n.event_id = s.event_id
JOIN book.event_set i ON i.file_id = n.file_id AND i.set_ordinal = n.set_ordinal
JOIN book.event_set o ON o.exchange_policy_id = s.exchange_policy_id
  AND o.partner_id = :partner_id AND o.state = 'applied' AND o.transaction IN
    ('cancellation', 'termination', 'issuer_cancellation', 'issuer_termination')
CROSS JOIN LATERAL (SELECT starts_with(o.transaction, 'issuer_') AS by_issuer) by_issuer
JOIN book.event e ON e.file_id = o.file_id AND e.set_ordinal = o.set_ordinal AND e.is_subscriber
JOIN ledger.file f ON f.file_id = o.file_id
LEFT JOIN book.decision d ON d.sent_file_id = o.file_id AND d.set_ordinal = o.set_ordinal
WHERE s.standing NOT IN ('initial', 'effectuated')
  AND NOT (by_issuer.by_issuer AND EXISTS (
    SELECT FROM book.event_set r
    WHERE r.exchange_policy_id = s.exchange_policy_id AND r.partner_id = :partner_id
      AND r.state = 'applied' AND r.transaction = 'issuer_reinstatement' AND r.moment > o.moment))
ORDER BY s.exchange_policy_id, o.moment DESC
""")

_COUNTED = sa.text("""
CREATE TEMPORARY TABLE counted_payment ON COMMIT DROP AS
SELECT exchange_policy_id, c.amount, c.received_on, c.paid_through,
  greatest(c.paid_through, s.month_end) AS covers
FROM payment c JOIN standing s USING (exchange_policy_id)
WHERE coalesce(c.received_on, :on_day) <= CAST(:on_day AS date) AND c.amount IS NOT NULL
""")

_PAID = sa.text("""
CREATE TEMPORARY TABLE paid ON COMMIT DROP AS
SELECT exchange_policy_id, sum(c.amount) AS total,
  coalesce(sum(c.amount) FILTER (WHERE coalesce(c.received_on, s.deadline) <= s.deadline), 0)
    AS in_time,
  max(c.received_on) FILTER (WHERE c.amount > 0) AS paid_on, bool_or(c.amount < 0) AS reversed,
  max(c.paid_through) FILTER (WHERE c.amount > 0) AS paid_through,
  jsonb_agg(jsonb_build_object('amount', c.amount, 'received_on', c.received_on,
    'paid_through', c.paid_through) ORDER BY c.received_on, c.paid_through, c.amount) AS rows
FROM counted_payment c JOIN standing s USING (exchange_policy_id)
GROUP BY exchange_policy_id
""")

# The carrier says to which day a payment covers, the first month at least; it counts when all that
# was owed until then is paid, within the threshold. What is owed for a month is what holds on its
# first day, or on the first day of coverage. Of the first month's threshold only the share of the
# net premium counts. Of what we ended ourselves for want of payment, what came after its grace does
# not count.
_SETTLED = sa.text("""
CREATE TEMPORARY TABLE settled ON COMMIT DROP AS
WITH running AS (
  SELECT c.exchange_policy_id, c.covers,
    sum(sum(c.amount)) OVER (PARTITION BY c.exchange_policy_id ORDER BY c.covers) AS paid
  FROM counted_payment c
  LEFT JOIN ending g USING (exchange_policy_id)
  WHERE coalesce(c.received_on, '-infinity') <= coalesce(g.deadline, 'infinity')
  GROUP BY c.exchange_policy_id, c.covers
), owing AS (
  SELECT r.exchange_policy_id, r.covers, r.paid, s.month_end, s.plan_year,
    coalesce(sum(a.amount * n.months) FILTER (WHERE a.name = 'TOT RES AMT'), 0) AS net,
    coalesce(sum(a.amount * n.months) FILTER (WHERE a.name = 'PRE AMT TOT'), 0) AS gross
  FROM running r
  JOIN standing s USING (exchange_policy_id)
  JOIN book.amount a ON a.exchange_policy_id = s.exchange_policy_id
    AND a.partner_id = :partner_id AND a.exchange_member_id = s.subscriber_id
    AND a.known_to = 'infinity' AND a.name IN ('TOT RES AMT', 'PRE AMT TOT')
  CROSS JOIN LATERAL (
    SELECT greatest(a.valid_from, s.benefit_begin) AS first,
      least(a.valid_to, r.covers, s.year_end) AS last
  ) span
  CROSS JOIN LATERAL (
    SELECT 12 * (extract(year FROM span.last) - extract(year FROM span.first))
      + extract(month FROM span.last) - extract(month FROM span.first)
      + CASE WHEN span.first = s.benefit_begin OR extract(day FROM span.first) = 1
          THEN 1 ELSE 0 END AS months
  ) n
  WHERE span.first <= span.last
  GROUP BY r.exchange_policy_id, r.covers, r.paid, s.month_end, s.plan_year
)
SELECT o.exchange_policy_id,
  max(o.covers) FILTER (WHERE o.paid >= o.net - greatest(
    o.net * (100 - coalesce(t.threshold_net_percent, 100)) / 100,
    CASE WHEN o.covers > o.month_end THEN greatest(
      o.gross * (100 - coalesce(t.threshold_gross_percent, 100)) / 100, t.threshold_fixed) END
  )) AS covered_through,
  (array_agg(o.paid - o.net ORDER BY o.covers DESC))[1] AS surplus,
  min(o.covers) AS first_covers, (array_agg(o.net ORDER BY o.covers))[1] AS first_net,
  (array_agg(o.net - o.paid ORDER BY o.covers))[1] AS first_short
FROM owing o JOIN decision_term t USING (plan_year)
GROUP BY o.exchange_policy_id
""")

STATEMENTS = (
    _STANDING,
    sa.text("CREATE UNIQUE INDEX ON standing (exchange_policy_id)"),
    sa.text("ANALYZE standing"),
    _ENDING,
    sa.text("ANALYZE ending"),
    _COUNTED,
    sa.text("ANALYZE counted_payment"),
    _PAID,
    sa.text("ANALYZE paid"),
    _SETTLED,
    sa.text("ANALYZE settled"),
)
