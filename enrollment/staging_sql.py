"""The statements of staging: each works on all members and transaction sets of a file at once.

They read the temporary tables that `enrollment/staging.py` fills, and take `:file_id` and
`:run_id`.
"""

import sqlalchemy as sa

from schemas.book import event
from schemas.columns import PERSON

# REQUEST SUBMIT TIMESTAMP as the guide wants it: CCYYMMDDHHMMSSss, hundredths left out or not.
HAS_CLOCK = "{}.submitted_at ~ '^[0-9]{{14}}([0-9]{{2}})?$'"

_OF_SUBSCRIBER = (
    "exchange_policy_id",
    "circumstance",
    "plan_id",
    "insurance_line",
    "benefit_begin",
    "benefit_end",
    "maintenance_effective",
    "submitted_at",
)
_CONTENT = (
    "is_subscriber",
    "exchange_member_id",
    "exchange_policy_id",
    "maintenance_type",
    "maintenance_reason",
    "additional_maintenance_reason",
    "maintenance_effective",
    *PERSON,
    "eligibility_begin",
    "plan_id",
    "insurance_line",
    "issuer_policy_id",
    "benefit_begin",
    "benefit_end",
    "categories",
)

# One row per accepted member: the meaning of its combination, and its first coverage. Benefit
# dates of loop 2300 come first, eligibility dates of loop 2000 where there is no 2300, as in a
# cancellation or termination (CMS guide 7.2, tables 19 and 20). `categories` stands for what the
# reporting categories say, in whatever order.
STAGED_EVENTS = sa.text("""
CREATE TEMPORARY TABLE staged_event ON COMMIT DROP AS
SELECT m.interchange_control_number, m.group_control_number, m.transaction_set_control_number,
  m.set_ordinal, m.member_ordinal, coalesce(m.is_subscriber, false) AS is_subscriber,
  m.exchange_member_id, m.maintenance_type, m.maintenance_reason,
  m.additional_maintenance_reason, m.relationship_code,
  coalesce(m.maintenance_effective, v.maintenance_effective) AS maintenance_effective,
  m.exchange_subscriber_id, m.issuer_subscriber_id, m.issuer_member_id, m.ssn, m.birth_date,
  m.gender_code, m.marital_status, m.phone, m.email, m.tobacco_code, m.last_name, m.first_name,
  m.middle_name, m.name_suffix, m.address_line_1, m.address_line_2, m.city, m.state,
  m.postal_code, m.county_code, m.mailing_line_1, m.mailing_line_2, m.mailing_city,
  m.mailing_state, m.mailing_postal_code, m.eligibility_begin, m.byte_start, m.byte_end,
  coalesce(m.exchange_policy_id, v.exchange_policy_id) AS exchange_policy_id,
  replace(v.plan_id, '-', '') AS plan_id, v.insurance_line, v.issuer_policy_id,
  coalesce(v.benefit_begin, m.eligibility_begin) AS benefit_begin,
  coalesce(v.benefit_end, m.eligibility_end) AS benefit_end,
  c.transaction, c.kind AS kind_of_row, c.circumstance,
  coalesce(c.needs_effectuation, false) AS needs_effectuation,
  r.submitted_at, r.categories
FROM staged_member m
JOIN ledger.disposition d
  ON d.file_id = :file_id AND d.member_ordinal = m.member_ordinal AND d.state = 'accepted'
LEFT JOIN combination c
  ON c.maintenance_type = m.maintenance_type
  AND c.maintenance_reason = coalesce(m.maintenance_reason, '')
  AND c.additional = m.normalised_reason
  AND (m.is_subscriber OR NOT c.subscriber_only)
LEFT JOIN (
  SELECT DISTINCT ON (member_ordinal) *
  FROM staged_coverage ORDER BY member_ordinal, coverage_ordinal
) v ON v.member_ordinal = m.member_ordinal
LEFT JOIN (
  SELECT member_ordinal,
    max(value) FILTER (WHERE name = 'REQUEST SUBMIT TIMESTAMP') AS submitted_at,
    sum(hashtextextended(concat_ws('=', name, value, effective_begin), 834))
      FILTER (WHERE name IS DISTINCT FROM 'REQUEST SUBMIT TIMESTAMP') AS categories
  FROM staged_category GROUP BY member_ordinal
) r ON r.member_ordinal = m.member_ordinal
WHERE m.set_ordinal IS NOT NULL
""")

# One row per transaction set: what it is, or the reason why it can be nothing. A change may carry
# members that are added or removed, whose rows have the combinations of an enrollment and of an
# end of coverage (CMS guide 7.2, tables 22 and 30), and state exchanges let an audit's row stand
# for a member whom it leaves alone; all other transactions have one meaning for everybody. The hash
# leaves out what differs when the exchange sends the same thing again; a change of broker is told
# in the header.
JUDGED_SETS = sa.text(f"""
CREATE TEMPORARY TABLE judged_set ON COMMIT DROP AS
WITH member AS (
  SELECT e.*,
    max(transaction) FILTER (WHERE is_subscriber) OVER (PARTITION BY set_ordinal) AS of_set,
    CAST(ROW({", ".join(f"e.{name}" for name in _CONTENT)}) AS text) AS content
  FROM staged_event e
), household AS (
  SELECT set_ordinal, min(of_set) AS transaction,
    count(*) FILTER (WHERE is_subscriber) AS subscribers,
    count(DISTINCT exchange_member_id) = count(*) AS ids_differ,
    bool_and(coalesce(transaction = of_set OR (of_set = 'change' AND transaction IS NOT NULL),
      false)) AS combinations_known,
    {", ".join(f"max({name}) FILTER (WHERE is_subscriber) AS {name}" for name in _OF_SUBSCRIBER)},
    coalesce(bool_or(needs_effectuation) FILTER (WHERE is_subscriber), false)
      AS needs_effectuation,
    bool_and(benefit_begin IS NOT NULL) FILTER (WHERE maintenance_type = '021') AS begins,
    bool_and(benefit_end IS NOT NULL)
      FILTER (WHERE maintenance_type = '024' AND of_set <> 'cancellation') AS ends,
    encode(sha256(convert_to(string_agg(content, ',' ORDER BY exchange_member_id, content)
      || CASE WHEN bool_or(kind_of_row = 'broker change') THEN (
        SELECT CAST(ROW(h.broker_name, h.broker_id) AS text) FROM ledger.transaction_set h
        WHERE h.file_id = :file_id AND h.set_ordinal = member.set_ordinal) ELSE '' END,
      'UTF8')), 'hex') AS content_hash
  FROM member GROUP BY set_ordinal
)
SELECT household.*,
  CASE WHEN subscribers <> 1 THEN 'not-one-subscriber'
       WHEN NOT combinations_known THEN 'unknown-combination'
       WHEN exchange_policy_id IS NULL THEN 'no-policy-id'
       WHEN NOT ids_differ THEN 'member-ids-not-unique'
       WHEN transaction IN ('initial', 'renewal') AND plan_id IS NULL THEN 'no-plan-id'
       WHEN NOT begins THEN 'no-begin-date'
       WHEN NOT ends THEN 'no-end-date' END AS reason
FROM household
""")

# Where a set belongs among those of its policy: docs/decisions/0021. Without a clock of its own it
# belongs to the day of its file's name, before what has one.
EVENT_SETS = sa.text(f"""
INSERT INTO book.event_set (file_id, set_ordinal, partner_id, exchange_policy_id, transaction,
  circumstance, needs_effectuation, plan_id, insurance_line, benefit_begin, benefit_end,
  maintenance_effective, function_rank, named_at, submitted_at, moment, content_hash, state,
  reason, run_id)
SELECT f.file_id, j.set_ordinal, f.partner_id, j.exchange_policy_id, j.transaction,
  j.circumstance, j.needs_effectuation, j.plan_id, j.insurance_line, j.benefit_begin,
  j.benefit_end, j.maintenance_effective,
  coalesce(r.rank, (SELECT count(*) FROM function_rank)), f.named_at, j.submitted_at,
  rpad(CASE WHEN {HAS_CLOCK.format("j")} THEN j.submitted_at
    ELSE coalesce(to_char(f.named_at, 'YYYYMMDD'), '') END, 16, '0'),
  j.content_hash, CASE WHEN j.reason IS NULL THEN 'staged' ELSE 'refused' END, j.reason, :run_id
FROM judged_set j
JOIN ledger.file f ON f.file_id = :file_id
LEFT JOIN function_rank r ON r.function_code = f.function_code
""")

# Any 2750 category with an amount's qualifier and a number for its value: exchanges name more
# amounts than the CMS guide does (7.2, table 10), and an unknown one is kept.
AMOUNTS = sa.text("""
INSERT INTO book.event_amount (event_id, name, valid_from, amount)
SELECT DISTINCT ON (e.event_id, c.name, coalesce(c.effective_begin, e.benefit_begin))
  e.event_id, c.name, coalesce(c.effective_begin, e.benefit_begin), CAST(c.value AS numeric(12, 2))
FROM (
  SELECT * FROM staged_category
  WHERE qualifier IN ('9V', '9X') AND name IS NOT NULL
    AND value ~ '^-?([0-9]{1,10}([.][0-9]{0,2})?|[.][0-9]{1,2})$'
) c
JOIN book.event e ON e.file_id = :file_id AND e.member_ordinal = c.member_ordinal
WHERE coalesce(c.effective_begin, e.benefit_begin) IS NOT NULL
ORDER BY e.event_id, c.name, coalesce(c.effective_begin, e.benefit_begin), c.byte_start DESC
""")

REFUSED_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = 'rejected', reason = j.reason, decided_in_run = :run_id
FROM judged_set j JOIN staged_event e USING (set_ordinal)
WHERE j.reason IS NOT NULL AND d.file_id = :file_id AND d.member_ordinal = e.member_ordinal
""")


# A member's row on a change may have the combination of an enrollment or of an end of coverage.
_KIND = """
CASE WHEN j.transaction <> 'change' OR e.transaction = 'change' THEN e.kind_of_row
     WHEN e.transaction = 'initial' THEN 'member added'
     WHEN e.transaction IN ('cancellation', 'termination') THEN 'member removed'
     ELSE e.kind_of_row END
"""


def _insert_events() -> sa.TextClause:
    names = [column.name for column in event.columns if column.name not in {"event_id", "file_id"}]
    values = [_KIND if name == "kind" else f"e.{name}" for name in names]
    return sa.text(
        f"INSERT INTO book.event (file_id, {', '.join(names)})"
        f" SELECT :file_id, {', '.join(values)}"
        " FROM staged_event e JOIN judged_set j USING (set_ordinal) ORDER BY e.member_ordinal"
    )


EVENTS = _insert_events()
STATEMENTS = (
    STAGED_EVENTS,
    JUDGED_SETS,
    EVENT_SETS,
    EVENTS,
    AMOUNTS,
    REFUSED_DISPOSITIONS,
)
