"""The SQL by which payments meet the book. Amounts are whole cents, months their first days."""

_CENTS = "((coalesce(amount, 0) + coalesce(adjustment_amount, 0)) * 100)::BIGINT AS cents"
_PAID = f"""row_number() OVER () AS payment, set_ordinal, exchange_policy_id, issuer_policy_id,
  exchange_subscriber_id, plan_id, payment_type, period_begin, period_end, byte_start, byte_end,
  {_CENTS}"""
PAID = f"""
CREATE TABLE paid AS SELECT false AS is_earlier, {_PAID} FROM payments
UNION ALL SELECT true, {_PAID} FROM earlier
"""  # noqa: S608, our own columns

# Loops 2000 that name a policy of the book, by the first id that names just one; in the order of
# `identifier.place`. Of a payment that names a policy which the book does not have, another id
# finds one that covers its months only: that of last year was not paid, an 834 is missing.
MATCHED = """
CREATE TABLE named AS
SELECT place, identifier, id, min(policy) AS policy FROM (
  SELECT place, identifier, exchange_policy_id AS policy, CASE identifier {ids} END AS id
  FROM (SELECT DISTINCT exchange_policy_id, issuer_policy_id, exchange_subscriber_id
        FROM segment), identifier
) known WHERE id IS NOT NULL GROUP BY place, identifier, id HAVING count(DISTINCT policy) = 1;

CREATE TABLE matched AS
SELECT p.is_earlier, p.payment, arg_min(n.policy, n.place) AS policy,
  arg_min(n.identifier, n.place) AS matched_by
FROM (SELECT is_earlier, payment, exchange_policy_id, place, identifier,
        period_begin, coalesce(period_end, period_begin) AS period_end,
        CASE identifier {ids} END AS id
      FROM paid, identifier) p
JOIN named n USING (place, id)
WHERE n.identifier = 'exchange_policy_id'
  OR regexp_full_match(coalesce(p.exchange_policy_id, ''), '0*')
  OR EXISTS (SELECT 1 FROM segment s WHERE s.exchange_policy_id = n.policy
    AND s.segment_begin <= p.period_end
    AND coalesce(s.segment_end, DATE '9999-12-31') >= p.period_begin)
GROUP BY p.is_earlier, p.payment;
"""

# A payment of several months is split into equal parts, the cents that are left on the first ones.
# What has no month stays whole.
PARTS = """
CREATE TABLE part AS
SELECT p.is_earlier, p.payment, m.policy, m.matched_by, t.amount AS amount_type, t.role,
  month::DATE AS month, p.byte_start, p.byte_end,
  sign(p.cents)::BIGINT * (abs(p.cents) // months
    + CASE WHEN place < abs(p.cents) % months THEN 1 ELSE 0 END) AS cents,
  CASE
    WHEN t.code IS NULL THEN 'unknown_type'
    WHEN t.role = 'program' THEN 'program'
    WHEN m.policy IS NULL AND left(p.plan_id, 5) NOT IN (SELECT id FROM issuer)
      THEN 'other_issuer'
    WHEN m.policy IS NULL THEN 'unknown_policy'
    WHEN month IS NULL THEN 'without_period' END AS outside,
  p.exchange_policy_id, p.payment_type
FROM (
  SELECT *, list_transform(range(months), lambda i: i) AS places
  FROM (SELECT *, greatest(1, coalesce(date_diff('month', period_begin, period_end) + 1, 1))
          AS months FROM paid)
) p
CROSS JOIN LATERAL (
  SELECT unnest(places) AS place
) s
CROSS JOIN LATERAL (
  SELECT date_trunc('month', period_begin) + to_months(place::INTEGER) AS month
) d
LEFT JOIN payment_type t ON t.code = p.payment_type
LEFT JOIN matched m ON m.is_earlier = p.is_earlier AND m.payment = p.payment;
"""

# What is due of each policy and month, of all amounts: the share of the month that each financial
# segment covers. `covered` has also the months in which nothing is due. Whole numbers, millionths
# of a cent times days, as half a cent is no binary fraction; it is rounded away from zero.
EXPECTED = """
CREATE TABLE wanted AS
SELECT DISTINCT month, policy FROM part WHERE outside IS NULL
UNION
SELECT month, policy FROM (
  SELECT month FROM in_scope WHERE month IS NOT NULL
), (SELECT DISTINCT exchange_policy_id AS policy FROM segment);

CREATE TABLE covered AS
SELECT w.policy, w.month, s.policy_status, s.premium_total, s.aptc, s.csr,
  least(coalesce(s.segment_end, DATE '9999-12-31'), last_day(w.month))
    - greatest(s.segment_begin, w.month) + 1 AS days,
  extract(day FROM last_day(w.month)) AS days_of_month
FROM wanted w
JOIN segment s ON s.exchange_policy_id = w.policy AND s.segment_begin <= last_day(w.month)
  AND coalesce(s.segment_end, DATE '9999-12-31') >= w.month
  AND s.is_confirmed AND s.policy_status IN (SELECT status FROM paid_status);

CREATE TABLE due AS
SELECT policy, month, amount_type,
  (sign(shares) * ((2 * abs(shares) + whole) // (2 * whole)))::BIGINT AS cents
FROM (
  SELECT policy, month, amount_type, max(days_of_month)::HUGEINT * 1000000 AS whole,
    sum(millionths * CASE WHEN is_prorated THEN days ELSE days_of_month END)::HUGEINT AS shares
  FROM (
    SELECT c.*, r.amount_type, r.is_prorated,
      CASE r.amount_type WHEN 'aptc' THEN round(aptc * 100)::HUGEINT * 1000000
        WHEN 'csr' THEN round(csr * 100)::HUGEINT * 1000000
        ELSE -round(premium_total * 100)::HUGEINT * round(f.rate * 1000000)::HUGEINT
      END AS millionths
    FROM covered c CROSS JOIN amount_rule r
    LEFT JOIN user_fee f ON f.plan_year = year(c.month)
  ) WHERE millionths IS NOT NULL
  GROUP BY policy, month, amount_type
) WHERE cents <> 0;
"""

# One row per policy, month and amount: payments of this file, of earlier ones, and what is due; of
# the months of the file all of them, of others what the file is about.
MONTHS = """
CREATE TABLE met AS
SELECT coalesce(p.policy, d.policy) AS policy, coalesce(p.month, d.month) AS month,
  coalesce(p.amount_type, d.amount_type) AS amount_type, d.cents AS expected,
  coalesce(p.before, 0) AS before, coalesce(p.payments, 0) AS payments,
  coalesce(p.charges, 0) AS charges, coalesce(p.adjusted, 0) AS adjusted,
  coalesce(p.payment_count, 0) AS payment_count, p.matched_by, p.byte_start, p.byte_end
FROM (
  SELECT policy, month, amount_type,
    sum(cents) FILTER (WHERE is_earlier) AS before,
    sum(cents) FILTER (WHERE NOT is_earlier AND cents > 0) AS payments,
    sum(cents) FILTER (WHERE NOT is_earlier AND cents < 0) AS charges,
    sum(cents) FILTER (WHERE NOT is_earlier AND role = 'adjustment') AS adjusted,
    count(*) FILTER (WHERE NOT is_earlier) AS payment_count,
    min(matched_by) FILTER (WHERE NOT is_earlier) AS matched_by,
    min(byte_start) FILTER (WHERE NOT is_earlier) AS byte_start,
    arg_min(byte_end, byte_start) FILTER (WHERE NOT is_earlier) AS byte_end
  FROM part WHERE outside IS NULL GROUP BY policy, month, amount_type
) p FULL JOIN due d USING (policy, month, amount_type)
WHERE coalesce(p.payment_count, 0) > 0
  OR coalesce(p.month, d.month) IN (SELECT month FROM in_scope);
"""

RESULT = """
SELECT CASE
    WHEN is_covered AND expected IS NULL AND amount_type = 'user_fee' AND NOT has_fee
      THEN 'not_expected'
    WHEN NOT is_covered AND difference = 0 THEN 'agreed'
    WHEN NOT is_covered AND month > last_covered THEN 'paid_after_end'
    WHEN NOT is_covered THEN 'not_covered'
    WHEN abs(difference) <= tolerance THEN 'agreed'
    WHEN payment_count = 0 AND before = 0 THEN 'not_paid'
    WHEN difference * CASE amount_type WHEN 'user_fee' THEN -1 ELSE 1 END < 0 THEN 'short'
    ELSE 'over' END AS category,
  policy AS exchange_policy_id, month, amount_type, expected, before AS paid_before, payments,
  charges, adjusted, difference, matched_by, payment_count, byte_start, byte_end
FROM (
  SELECT m.*, before + payments + charges - coalesce(expected, 0) AS difference,
    c.policy IS NOT NULL AS is_covered, f.plan_year IS NOT NULL AS has_fee, r.tolerance,
    e.last_covered
  FROM met m
  JOIN amount_rule r USING (amount_type)
  LEFT JOIN (SELECT DISTINCT policy, month FROM covered) c USING (policy, month)
  LEFT JOIN user_fee f ON f.plan_year = year(m.month)
  LEFT JOIN (SELECT exchange_policy_id AS policy,
      max(coalesce(segment_end, DATE '9999-12-31')) AS last_covered
    FROM segment WHERE is_confirmed AND policy_status IN (SELECT status FROM paid_status)
    GROUP BY ALL
  ) e USING (policy)
)
UNION ALL
SELECT outside, exchange_policy_id, month, coalesce(amount_type, payment_type), NULL,
  coalesce(sum(cents) FILTER (WHERE is_earlier), 0),
  coalesce(sum(cents) FILTER (WHERE NOT is_earlier AND cents > 0), 0),
  coalesce(sum(cents) FILTER (WHERE NOT is_earlier AND cents < 0), 0),
  coalesce(sum(cents) FILTER (WHERE NOT is_earlier AND role = 'adjustment'), 0), sum(cents),
  min(matched_by) FILTER (WHERE NOT is_earlier), count(*) FILTER (WHERE NOT is_earlier),
  min(byte_start) FILTER (WHERE NOT is_earlier),
  arg_min(byte_end, byte_start) FILTER (WHERE NOT is_earlier)
FROM part WHERE outside IS NOT NULL AND (NOT is_earlier OR outside = 'unknown_policy')
GROUP BY outside, exchange_policy_id, month, coalesce(amount_type, payment_type)
HAVING bool_or(NOT is_earlier)
  OR (coalesce(month, DATE '0001-01-01') IN
    (SELECT coalesce(month, DATE '0001-01-01') FROM in_scope) AND sum(cents) <> 0)
UNION ALL
SELECT 'unitemised', NULL, NULL, 'BPR02', NULL, 0, greatest(missing, 0), least(missing, 0), 0,
  missing, NULL, 0, byte_start, byte_end
FROM (
  SELECT t.cents - coalesce(sum(p.cents), 0) AS missing, t.byte_start, t.byte_end
  FROM total t LEFT JOIN paid p ON p.set_ordinal = t.set_ordinal AND NOT p.is_earlier
  GROUP BY t.set_ordinal, t.cents, t.byte_start, t.byte_end
) WHERE missing <> 0
ORDER BY category, exchange_policy_id, month, amount_type, byte_start
"""
