"""What the carrier asks for: each policy's newest request becomes a candidate or a finding.

An extract holds requests for as long as the carrier likes: what has been said to the exchange
because of one is done, and older requests of a policy are history.
"""

import sqlalchemy as sa

from enrollment.decision_standing import NORMAL

_NEWEST = sa.text(f"""
CREATE TEMPORARY TABLE newest_request ON COMMIT DROP AS
SELECT q.*, k.kind, {NORMAL.format("q.additional_maintenance_reason")} AS reason,
  jsonb_strip_nulls(jsonb_build_object('request', q.request,
    'reason', q.additional_maintenance_reason, 'coverage_end', q.coverage_end,
    'requested_on', q.requested_on)) AS figures
FROM (
  SELECT DISTINCT r.*, dense_rank() OVER (
    PARTITION BY exchange_policy_id ORDER BY coalesce(requested_on, :on_day) DESC) AS place
  FROM carrier_request r
) q
LEFT JOIN (VALUES ('cancel', 'cancellation'), ('terminate', 'termination'),
  ('reinstate', 'reinstatement')) k (request, kind) USING (request)
WHERE q.place = 1
""")

# A window is about one day of the year on which coverage ends, or allows no other.
OUTSIDE_WINDOW = f"""EXISTS (
  SELECT FROM decision_window w
  CROSS JOIN LATERAL (SELECT CAST(extract(year FROM {{end}}) + w.years_later AS int) AS year) y
  WHERE w.reason = {NORMAL.format("{reason}")} AND coalesce(w.aptc = {{aptc}}, true)
    AND CASE WHEN extract(month FROM {{end}}) = w.end_month
        AND extract(day FROM {{end}}) = w.end_day
      THEN CAST(:on_day AS date) < make_date(y.year, CAST(w.opens_month AS int),
          CAST(w.opens_day AS int))
        OR CAST(:on_day AS date) > make_date(y.year, CAST(w.closes_month AS int),
          CAST(w.closes_day AS int))
      ELSE w.only_end END
)"""

# Somebody of the policy has other coverage of the line in its plan year: it would be twice.
_COVERED_ELSEWHERE = """EXISTS (
  SELECT FROM book.coverage m
  JOIN book.effective_coverage o ON o.exchange_member_id = m.exchange_member_id
    AND o.partner_id = :partner_id AND o.exchange_policy_id <> m.exchange_policy_id
    AND o.known_to = 'infinity' AND coalesce(o.insurance_line = m.insurance_line, true)
    AND o.benefit_begin <= least(m.benefit_end, c.year_end)
    AND coalesce(o.benefit_end, make_date(CAST(extract(year FROM o.benefit_begin) AS int), 12, 31))
      >= m.benefit_begin
  WHERE m.exchange_policy_id = c.exchange_policy_id AND m.partner_id = :partner_id
    AND m.known_to = 'infinity' AND m.benefit_end IS DISTINCT FROM m.benefit_begin
)"""

# An end may be taken back if it was the issuer's own and the exchange told none beside it, or one
# of the few of the exchange; and a termination only if its day had come when it was sent.
_NOT_TO_TAKE_BACK = """NOT EXISTS (
  SELECT FROM ending g JOIN decision_reinstatable b ON b.by_issuer = g.by_issuer
    AND b.reason = g.reason AND coalesce(b.insurance_line = c.insurance_line, true)
  WHERE g.exchange_policy_id = c.exchange_policy_id AND NOT g.by_exchange_too
)"""
_TOLD_AHEAD = """c.standing <> 'cancelled' AND EXISTS (
  SELECT FROM ending g
  WHERE g.exchange_policy_id = c.exchange_policy_id AND c.benefit_end > g.said_on
)"""
CANNOT_REINSTATE = f"""CASE
  WHEN {_NOT_TO_TAKE_BACK} THEN 'ended-by-exchange'
  WHEN {_TOLD_AHEAD} THEN 'end-told-ahead'
  WHEN {_COVERED_ELSEWHERE} THEN 'covered-elsewhere' END"""

# Of what was said and stands nothing follows again, whatever has become of the policy since.
_DONE = """EXISTS (
  SELECT FROM book.decision d
  WHERE d.exchange_policy_id = q.exchange_policy_id AND d.partner_id = :partner_id
    AND d.event_id = s.event_id AND d.kind = q.kind AND d.state = 'sent'
    AND d.evidence -> 'request' = q.figures
)"""

# Whether APTC is paid on the last day that is asked for: its window may be another one.
_APTC = """EXISTS (
  SELECT FROM book.amount a
  WHERE a.exchange_policy_id = q.exchange_policy_id AND a.partner_id = :partner_id
    AND a.exchange_member_id = s.subscriber_id AND a.name = 'APTC AMT' AND a.amount > 0
    AND a.known_to = 'infinity'
    AND q.coverage_end BETWEEN a.valid_from AND coalesce(a.valid_to, 'infinity')
)"""

# The first that holds is told. Null: it can be followed, or waits, or was.
_JUDGED = sa.text(f"""
CREATE TEMPORARY TABLE judged_request ON COMMIT DROP AS
WITH request AS (
  SELECT q.*, s.event_id, s.standing, s.benefit_begin, s.benefit_end, s.year_end,
    s.free_look_end, s.insurance_line, s.cancelled_end, c.additional, c.on_first_day,
    x.only_initial, x.within_free_look, s.event_id IS NULL AS is_unknown,
    a.kind IS NOT NULL AS is_accepted,
    coalesce(a.end_earlier, false) AS end_earlier,
    count(*) OVER (PARTITION BY q.exchange_policy_id) > 1 AS is_ambiguous,
    coalesce(q.coverage_end, s.cancelled_end) AS cancels_on, {_DONE} AS is_done,
    {_APTC} AS aptc
  FROM newest_request q
  LEFT JOIN standing s USING (exchange_policy_id)
  LEFT JOIN decision_code c ON c.kind = q.kind
    AND (c.reason = q.reason OR q.kind = 'reinstatement' AND q.reason = '')
  LEFT JOIN decision_reason x ON x.reason = q.reason
  LEFT JOIN decision_accepts a ON a.kind = q.kind AND a.standing = s.standing
), waiting AS (
  SELECT exchange_policy_id FROM book.set_at_gate
  WHERE partner_id = :partner_id AND exchange_policy_id IS NOT NULL
)
SELECT c.*, CASE
  WHEN c.is_unknown THEN CASE
    WHEN exchange_policy_id NOT IN (SELECT exchange_policy_id FROM waiting)
    THEN 'unknown-policy' END
  WHEN c.is_ambiguous THEN 'requests-contradict'
  WHEN c.requested_on > :on_day THEN 'in-the-future'
  WHEN c.kind IS NULL THEN 'request-unknown'
  WHEN c.additional IS NULL THEN 'reason-unknown'
  WHEN c.is_done THEN NULL
  WHEN NOT c.is_accepted THEN 'wrong-status'
  WHEN c.only_initial AND c.standing <> 'initial' THEN 'not-initial'
  WHEN c.within_free_look AND coalesce(c.requested_on, :on_day) > c.free_look_end
    THEN 'free-look-over'
  WHEN c.kind = 'cancellation' AND c.benefit_begin - c.cancels_on NOT IN (0, 1)
    THEN 'end-not-begin'
  WHEN c.kind = 'termination' THEN CASE
    WHEN c.coverage_end IS NULL THEN 'end-missing'
    WHEN c.coverage_end < c.benefit_begin
      OR c.coverage_end = c.benefit_begin AND NOT c.on_first_day THEN 'end-not-after-begin'
    WHEN c.coverage_end > c.year_end THEN 'end-after-plan-year'
    WHEN c.end_earlier AND c.coverage_end >= c.benefit_end THEN 'end-not-earlier'
    WHEN {OUTSIDE_WINDOW.format(reason="c.reason", end="c.coverage_end", aptc="c.aptc")}
      THEN 'outside-window' END
  WHEN c.kind = 'reinstatement' THEN {CANNOT_REINSTATE} END AS finding
FROM request c
""")

_FOLLOWED = sa.text("""
INSERT INTO candidate
SELECT q.exchange_policy_id, r.rule, coalesce(r.additional, q.additional),
  CASE q.kind WHEN 'cancellation' THEN q.cancels_on WHEN 'termination' THEN q.coverage_end END,
  NULL, NULL, NULL, NULL, q.aptc,
  jsonb_strip_nulls(jsonb_build_object('request', q.figures, 'reverses', g.moment))
FROM judged_request q
JOIN decision_rule r ON r.rule = q.kind || '-requested'
LEFT JOIN ending g ON g.exchange_policy_id = q.exchange_policy_id AND q.kind = 'reinstatement'
WHERE q.finding IS NULL AND NOT q.is_unknown AND NOT q.is_done
""")

STATEMENTS = (
    _NEWEST,
    sa.text("ANALYZE newest_request"),
    _JUDGED,
    sa.text("ANALYZE judged_request"),
    _FOLLOWED,
)
