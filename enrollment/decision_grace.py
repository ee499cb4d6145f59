"""Whose grace is over: `balance`, `behind`, `owed_item`, `owed_month`, `grace_over`.

What is owed and what was paid, month by month, in dollars (docs/decisions/0061). It is reckoned
only for those who were behind when the last month ended: nobody else's grace can be over.
"""

import sqlalchemy as sa

# What is owed through a month less what may be missing. Of the first month only the share of the
# net premium may.
_TOLERATED = """greatest({net} * (100 - coalesce(t.threshold_net_percent, 100)) / 100,
    CASE WHEN {later} THEN greatest(
      {gross} * (100 - coalesce(t.threshold_gross_percent, 100)) / 100, t.threshold_fixed) END)"""
_NEED = f"{{net}} - {_TOLERATED}"
_TODAY = _NEED.format(net="o.net", gross="o.gross", later=":on_day > s.month_end")
_LAST_MONTH = _NEED.format(
    net="o.net_before", gross="o.gross_before", later="o.before > s.month_end"
)

# Months that begin, each on its first day, the first one with the coverage.
_MONTHS = """CASE WHEN span.first <= {last} THEN
      12 * (extract(year FROM {last}) - extract(year FROM span.first))
      + extract(month FROM {last}) - extract(month FROM span.first)
      + CASE WHEN span.first = s.benefit_begin OR extract(day FROM span.first) = 1
          THEN 1 ELSE 0 END
    ELSE 0 END"""

# What ended for want of payment is owed on, for as long as it may come back.
_ENDED_UNPAID = "coalesce(g.by_issuer AND g.rule IN ('grace-over', 'grace-over-aptc'), false)"

# What is owed until today, and until the end of the month before, by what is believed now.
_BALANCE = sa.text(f"""
CREATE TEMPORARY TABLE balance ON COMMIT DROP AS
SELECT s.exchange_policy_id, o.last_owed, o.ended_unpaid, coalesce(p.total, 0) AS total,
  o.before, {_TODAY} AS need, {_LAST_MONTH} AS need_before
FROM (
  SELECT s.exchange_policy_id, last.owed AS last_owed, last.ended_unpaid, last.before,
    sum(a.amount * n.months) FILTER (WHERE a.name = 'TOT RES AMT') AS net,
    coalesce(sum(a.amount * n.months) FILTER (WHERE a.name = 'PRE AMT TOT'), 0) AS gross,
    sum(a.amount * n.before) FILTER (WHERE a.name = 'TOT RES AMT') AS net_before,
    coalesce(sum(a.amount * n.before) FILTER (WHERE a.name = 'PRE AMT TOT'), 0) AS gross_before
  FROM standing s
  LEFT JOIN ending g USING (exchange_policy_id)
  CROSS JOIN LATERAL (
    SELECT {_ENDED_UNPAID} AS ended_unpaid,
      CASE WHEN {_ENDED_UNPAID} THEN s.year_end ELSE least(s.benefit_end, s.year_end) END AS owed,
      CAST(date_trunc('month', CAST(:on_day AS date)) AS date) - 1 AS before
  ) last
  JOIN book.amount a ON a.exchange_policy_id = s.exchange_policy_id
    AND a.partner_id = :partner_id AND a.exchange_member_id = s.subscriber_id
    AND a.known_to = 'infinity' AND a.name IN ('TOT RES AMT', 'PRE AMT TOT')
  CROSS JOIN LATERAL (
    SELECT greatest(a.valid_from, s.benefit_begin) AS first,
      least(a.valid_to, last.owed, CAST(:on_day AS date)) AS last,
      least(a.valid_to, last.owed, last.before) AS last_before
  ) span
  CROSS JOIN LATERAL (
    SELECT {_MONTHS.format(last="span.last")} AS months,
      {_MONTHS.format(last="span.last_before")} AS before
  ) n
  WHERE s.standing IN ('effectuated', 'terminated-from-effectuated')
  GROUP BY s.exchange_policy_id, last.owed, last.ended_unpaid, last.before
) o
JOIN standing s USING (exchange_policy_id)
JOIN decision_term t USING (plan_year)
LEFT JOIN paid p USING (exchange_policy_id)
WHERE o.net IS NOT NULL
""")

# What the binder was when it was confirmed, where that may matter.
_CONFIRMED = sa.text("""
CREATE TEMPORARY TABLE confirmed ON COMMIT DROP AS
SELECT DISTINCT ON (s.exchange_policy_id) s.exchange_policy_id, d.responsible_amount AS amount
FROM standing s
JOIN paid p USING (exchange_policy_id)
LEFT JOIN balance b USING (exchange_policy_id)
JOIN book.decision d ON d.exchange_policy_id = s.exchange_policy_id
  AND d.partner_id = :partner_id AND d.event_id = s.event_id AND d.kind = 'effectuation'
  AND d.state = 'sent'
WHERE NOT s.needs_effectuation AND (p.reversed OR b.total < b.need)
ORDER BY s.exchange_policy_id, d.decision_id DESC
""")

# The first month counts as it was confirmed, or else as it was paid for: what it lacks is told, and
# ends nobody. Who never paid for it at all has no grace that we know of.
_BEHIND = sa.text("""
CREATE TEMPORARY TABLE behind ON COMMIT DROP AS
SELECT b.exchange_policy_id, s.subscriber_id, s.benefit_begin, s.plan_year, s.month_end,
  b.last_owed, b.before, s.responsible, f.amount AS confirmed, c.first_covers, c.first_net,
  least(s.responsible, greatest(0,
    coalesce(f.amount, s.responsible - greatest(c.first_short, 0)))) AS first_owed
FROM balance b
JOIN standing s USING (exchange_policy_id)
JOIN decision_term t USING (plan_year)
LEFT JOIN settled c USING (exchange_policy_id)
LEFT JOIN confirmed f USING (exchange_policy_id)
LEFT JOIN (
  SELECT d.exchange_policy_id,
    sum(d.amount) FILTER (WHERE d.amount < 0 OR coalesce(d.received_on, '-infinity') <= n.before)
      AS before,
    sum(d.amount) FILTER (WHERE d.amount < 0 OR coalesce(d.received_on, '-infinity') <=
      n.before + CAST(e.grace_days AS int)) AS within_days
  FROM counted_payment d
  JOIN balance n USING (exchange_policy_id)
  JOIN standing o USING (exchange_policy_id)
  JOIN decision_term e USING (plan_year)
  GROUP BY d.exchange_policy_id
) p USING (exchange_policy_id)
WHERE (coalesce(s.responsible, 0) = 0 OR b.total > 0)
  AND (b.ended_unpaid OR coalesce(p.before, 0) < b.need_before
    OR coalesce(p.within_days, 0) < b.need
      AND b.before + CAST(t.grace_days AS int) < CAST(:on_day AS date))
""")

# What a month owes is owed from its first day on; the part of it of which we learnt later, from the
# begin of the month after that day. A part is known since the last day on which less was believed:
# a lower amount, or a month that was not covered. An end for want of payment is no such belief.
_ITEMS = sa.text("""
CREATE TEMPORARY TABLE owed_item ON COMMIT DROP AS
SELECT exchange_policy_id, due, known_on, level - below AS amount,
  CASE WHEN known_on <= due THEN due
    ELSE CAST(date_trunc('month', known_on - 1) + interval '1 month' AS date) END AS counts_from
FROM (
  SELECT exchange_policy_id, due, level, is_believed,
    CAST(greatest(known_from, covered_from) AT TIME ZONE :time_zone AS date) AS known_on,
    lag(level, 1, 0) OVER (PARTITION BY exchange_policy_id, due ORDER BY known_from) AS below
  FROM (
    SELECT b.exchange_policy_id, m.due, m.covered_from, a.known_from,
      min(a.amount) OVER (PARTITION BY b.exchange_policy_id, m.due ORDER BY a.known_from
        ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS level,
      bool_or(a.known_to = 'infinity') OVER (PARTITION BY b.exchange_policy_id, m.due)
        AS is_believed
    FROM behind b
    CROSS JOIN LATERAL (
      SELECT month.due, (
        SELECT max(p.known_to) FROM book.policy p
        WHERE p.exchange_policy_id = b.exchange_policy_id AND p.partner_id = :partner_id
          AND p.known_to < 'infinity' AND (p.status = 'cancelled' OR p.benefit_end < month.due)
          AND NOT EXISTS (SELECT FROM book.decision d
            WHERE d.exchange_policy_id = b.exchange_policy_id AND d.partner_id = :partner_id
              AND d.rule IN ('grace-over', 'grace-over-aptc') AND d.sent_file_id IS NOT NULL
              AND d.coverage_end = p.benefit_end)
      ) AS covered_from
      FROM (
        SELECT CAST(day AS date) AS due FROM generate_series(
          date_trunc('month', b.benefit_begin) + interval '1 month',
          least(b.last_owed, CAST(:on_day AS date)), interval '1 month') day
      ) month
    ) m
    JOIN book.amount a ON a.exchange_policy_id = b.exchange_policy_id
      AND a.partner_id = :partner_id AND a.exchange_member_id = b.subscriber_id
      AND a.name = 'TOT RES AMT' AND a.valid_from <= m.due
      AND coalesce(a.valid_to, 'infinity') >= m.due
  ) version
) part
WHERE is_believed AND level > below
""")

# A reversal counts as of the payment before it: what was taken back was never paid. Of the first
# month is owed what was confirmed, or what the first payments are for; a part that came in a later
# month, from the next one on.
_MONTHS_OWED = sa.text(f"""
CREATE TEMPORARY TABLE owed_month ON COMMIT DROP AS
WITH dated AS (
  SELECT exchange_policy_id, amount, covers, coalesce(CASE WHEN amount < 0 THEN max(received_on)
      FILTER (WHERE amount > 0) OVER (PARTITION BY exchange_policy_id
        ORDER BY received_on NULLS FIRST) END, received_on, '-infinity') AS counts_on
  FROM counted_payment JOIN behind USING (exchange_policy_id)
), first_month AS (
  SELECT exchange_policy_id, benefit_begin AS counts_from, first_owed AS amount FROM behind
  WHERE confirmed IS NOT NULL
  UNION ALL
  SELECT exchange_policy_id, counts_from, owed - lag(owed, 1, 0) OVER (
    PARTITION BY exchange_policy_id ORDER BY counts_from)
  FROM (
    SELECT exchange_policy_id, counts_from, greatest(0, responsible - greatest(0, first_net
      - sum(sum(amount)) OVER (PARTITION BY exchange_policy_id ORDER BY counts_from))) AS owed
    FROM (
      SELECT b.*, d.amount, CASE WHEN d.counts_on <= b.month_end THEN b.benefit_begin
        ELSE CAST(date_trunc('month', d.counts_on) + interval '1 month' AS date) END AS counts_from
      FROM behind b
      JOIN dated d ON d.exchange_policy_id = b.exchange_policy_id AND d.covers = b.first_covers
      WHERE b.confirmed IS NULL
    ) paid
    GROUP BY exchange_policy_id, counts_from, responsible, first_net
  ) level
), month AS (
  SELECT b.exchange_policy_id, b.benefit_begin, b.month_end AS first_end, b.plan_year, b.before,
    b.last_owed, m.due, CAST(date_trunc('month', m.due) + interval '1 month' AS date) - 1
      AS month_end,
    m.due + CAST(t.grace_days AS int) - 1 AS deadline,
    coalesce(o.amount, 0) AS owed, coalesce(g.amount, 0) AS gross, coalesce(c.amount > 0, false)
      AS aptc
  FROM behind b
  JOIN decision_term t USING (plan_year)
  CROSS JOIN LATERAL (
    SELECT greatest(CAST(day AS date), b.benefit_begin) AS due FROM generate_series(
      date_trunc('month', b.benefit_begin), CAST(:on_day AS date), interval '1 month') day
  ) m
  LEFT JOIN (
    SELECT exchange_policy_id, counts_from, sum(amount) AS amount FROM (
      SELECT exchange_policy_id, counts_from, amount FROM owed_item
      UNION ALL SELECT exchange_policy_id, counts_from, amount FROM first_month
    ) item GROUP BY exchange_policy_id, counts_from
  ) o ON o.exchange_policy_id = b.exchange_policy_id AND o.counts_from = m.due
    AND m.due <= b.last_owed
  LEFT JOIN book.amount g ON g.exchange_policy_id = b.exchange_policy_id
    AND g.partner_id = :partner_id AND g.exchange_member_id = b.subscriber_id
    AND g.name = 'PRE AMT TOT' AND g.known_to = 'infinity' AND m.due <= b.last_owed
    AND m.due BETWEEN g.valid_from AND coalesce(g.valid_to, 'infinity')
  LEFT JOIN book.amount c ON c.exchange_policy_id = b.exchange_policy_id
    AND c.partner_id = :partner_id AND c.exchange_member_id = b.subscriber_id
    AND c.name = 'APTC AMT' AND c.known_to = 'infinity'
    AND m.due BETWEEN c.valid_from AND coalesce(c.valid_to, 'infinity')
), summed AS (
  SELECT m.*, sum(owed) OVER through AS net_through, sum(gross) OVER through AS gross_through
  FROM month m WINDOW through AS (PARTITION BY exchange_policy_id ORDER BY due)
)
SELECT m.exchange_policy_id, m.benefit_begin, m.before, m.last_owed, m.due, m.month_end,
  m.deadline, m.aptc,
  {_NEED.format(net="m.net_through", gross="m.gross_through", later="m.due > m.benefit_begin")}
    AS need,
  coalesce(sum(d.amount) FILTER (WHERE d.counts_on <= m.month_end), 0) AS paid_by_end,
  coalesce(sum(d.amount) FILTER (WHERE d.counts_on <= m.deadline), 0) AS paid_by_deadline,
  coalesce(sum(d.amount) FILTER (WHERE d.counts_on <= m.before), 0) AS paid_before
FROM summed m
JOIN decision_term t USING (plan_year)
LEFT JOIN dated d USING (exchange_policy_id)
GROUP BY m.exchange_policy_id, m.benefit_begin, m.before, m.last_owed, m.due, m.month_end,
  m.deadline, m.aptc, m.net_through, m.gross_through, t.threshold_net_percent,
  t.threshold_gross_percent, t.threshold_fixed
""")

# The months after the last one at whose end nothing was owed: the first of them with APTC begins
# the months of grace, and each before it has its own days. What comes after a grace is over does
# not count, unless all was paid before this month: then it is the carrier's affair.
_GRACE_OVER = sa.text("""
CREATE TEMPORARY TABLE grace_over ON COMMIT DROP AS
WITH open_month AS (
  SELECT m.*,
    min(m.due) FILTER (WHERE m.aptc) OVER (PARTITION BY m.exchange_policy_id) AS first_aptc
  FROM (
    SELECT m.*, max(m.due) FILTER (WHERE m.month_end <= m.before
        AND (m.due = m.benefit_begin OR m.paid_by_end >= m.need))
      OVER (PARTITION BY m.exchange_policy_id) AS settled
    FROM owed_month m
  ) m
  WHERE m.due > m.settled AND m.due <= m.last_owed
)
SELECT DISTINCT ON (m.exchange_policy_id) m.exchange_policy_id, m.due, m.aptc,
  CASE WHEN m.aptc
    THEN CAST(m.due + make_interval(months => CAST(t.aptc_grace_months AS int)) AS date) - 1
    ELSE m.deadline END AS grace_end
FROM open_month m
JOIN standing s USING (exchange_policy_id)
JOIN decision_term t USING (plan_year)
WHERE CASE WHEN m.aptc
  THEN m.due = m.first_aptc
    AND m.due + make_interval(months => CAST(t.aptc_grace_months AS int)) <= CAST(:on_day AS date)
  ELSE m.due < coalesce(m.first_aptc, 'infinity') AND m.deadline < CAST(:on_day AS date)
    AND m.paid_by_deadline < m.need AND (m.deadline > m.before OR m.paid_before < m.need) END
ORDER BY m.exchange_policy_id, m.due
""")

STATEMENTS = (
    _BALANCE,
    sa.text("ANALYZE balance"),
    _CONFIRMED,
    sa.text("ANALYZE confirmed"),
    _BEHIND,
    sa.text("ANALYZE behind"),
    _ITEMS,
    sa.text("ANALYZE owed_item"),
    _MONTHS_OWED,
    sa.text("ANALYZE owed_month"),
    _GRACE_OVER,
    sa.text("ANALYZE grace_over"),
)
