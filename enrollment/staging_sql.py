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
    "former_issuer_subscriber_id",
    "former_issuer_member_id",
    "former_issuer_policy_id",
    "benefit_begin",
    "benefit_end",
    "further_lines",
    "categories",
)


def _subscribers(*names: str) -> str:
    """The subscriber's values of a household."""
    return ", ".join(f"max({name}) FILTER (WHERE is_subscriber) AS {name}" for name in names)


# A member's row, and the meaning of its combination.
_WITH_MEANING = """
staged_event e
LEFT JOIN combination c
  ON c.maintenance_type = e.maintenance_type
  AND c.maintenance_reason = coalesce(e.maintenance_reason, '')
  AND c.additional = e.normalised_reason
  AND (e.is_subscriber OR NOT c.subscriber_only)
"""

# One row per transaction set: what it is, or the reason why it can be nothing. A change may carry
# members that are added or removed, whose rows have the combinations of an enrollment and of an
# end of coverage (CMS guide 7.2, tables 22 and 30), and state exchanges let an audit's row stand
# for a member whom it leaves alone; all other transactions have one meaning for everybody. The hash
# leaves out what differs when the exchange sends the same thing again; a change of broker is told
# in the header.
JUDGED_SETS = sa.text(f"""
CREATE TEMPORARY TABLE judged_set ON COMMIT DROP AS
WITH member AS (
  SELECT e.set_ordinal, e.is_subscriber, e.exchange_member_id, e.maintenance_type,
    {", ".join(f"e.{name}" for name in _OF_SUBSCRIBER)},
    c.transaction, c.circumstance, c.needs_effectuation, c.kind,
    CAST(ROW({", ".join(f"e.{name}" for name in _CONTENT)}) AS text) AS content
  FROM {_WITH_MEANING}
), household AS (
  SELECT set_ordinal, {_subscribers("transaction", "circumstance", *_OF_SUBSCRIBER)},
    count(*) FILTER (WHERE is_subscriber) AS subscribers,
    count(DISTINCT exchange_member_id) = count(*) AS ids_differ,
    count(transaction) = count(*) AS all_known, min(transaction) = max(transaction) AS all_alike,
    coalesce(bool_or(needs_effectuation) FILTER (WHERE is_subscriber), false)
      AS needs_effectuation,
    bool_and(benefit_begin IS NOT NULL) FILTER (WHERE maintenance_type = '021') AS begins,
    bool_and(benefit_end IS NOT NULL) FILTER (WHERE maintenance_type = '024') AS ends,
    encode(sha256(convert_to(string_agg(content, ',' ORDER BY exchange_member_id, content)
      || CASE WHEN bool_or(kind = 'broker change') THEN (
        SELECT CAST(ROW(h.broker_name, h.broker_id) AS text) FROM ledger.transaction_set h
        WHERE h.file_id = :file_id AND h.set_ordinal = member.set_ordinal) ELSE '' END,
      'UTF8')), 'hex') AS content_hash
  FROM member GROUP BY set_ordinal
)
SELECT household.*,
  CASE WHEN subscribers <> 1 THEN 'not-one-subscriber'
       WHEN NOT (all_known AND (transaction = 'change' OR all_alike)) THEN 'unknown-combination'
       WHEN exchange_policy_id IS NULL THEN 'no-policy-id'
       WHEN NOT ids_differ THEN 'member-ids-not-unique'
       WHEN transaction IN ('initial', 'renewal') AND plan_id IS NULL THEN 'no-plan-id'
       WHEN NOT begins THEN 'no-begin-date'
       WHEN transaction <> 'cancellation' AND NOT ends THEN 'no-end-date' END AS reason
FROM household
""")

# Where a set belongs among those of its policy: docs/decisions/0021. Without a clock of its own it
# belongs to the day of its file's name, before what has one; what we say, to the moment at which we
# do.
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
    WHEN f.direction = 'issuer_to_exchange'
      THEN to_char(f.recorded_at AT TIME ZONE :zone, 'YYYYMMDDHH24MISS')
    ELSE coalesce(to_char(f.named_at, 'YYYYMMDD'), '') END, 16, '0'),
  j.content_hash, CASE WHEN j.reason IS NULL THEN 'staged' ELSE 'refused' END, j.reason, :run_id
FROM judged_set j
JOIN ledger.file f ON f.file_id = :file_id
LEFT JOIN function_rank r ON r.function_code = f.function_code
""")

REFUSED_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = 'rejected', reason = j.reason, decided_in_run = :run_id
FROM judged_set j JOIN staged_event e USING (set_ordinal)
WHERE j.reason IS NOT NULL AND d.file_id = :file_id AND d.member_ordinal = e.member_ordinal
""")


# A member's row on a change may have the combination of an enrollment or of an end of coverage.
_OTHERWISE = {
    "kind": """
CASE WHEN j.transaction <> 'change' OR c.transaction = 'change' THEN c.kind
     WHEN c.transaction = 'initial' THEN 'member added'
     WHEN c.transaction IN ('cancellation', 'termination') THEN 'member removed'
     ELSE c.kind END
""",
    "amounts_from": "CAST(e.amounts_from AS date[])",
    "amounts": "CAST(e.amounts AS numeric(12, 2)[])",
}


def _insert_events() -> sa.TextClause:
    names = [column.name for column in event.columns if column.name not in {"event_id", "file_id"}]
    values = [_OTHERWISE.get(name, f"e.{name}") for name in names]
    return sa.text(
        f"INSERT INTO book.event (file_id, {', '.join(names)})"
        f" SELECT :file_id, {', '.join(values)}"
        f" FROM {_WITH_MEANING} JOIN judged_set j ON j.set_ordinal = e.set_ordinal"
    )


EVENTS = _insert_events()
STATEMENTS = (JUDGED_SETS, EVENT_SETS, EVENTS, REFUSED_DISPOSITIONS)
# Of a file of ours nothing was accepted or refused by us.
STATEMENTS_OF_OURS = (JUDGED_SETS, EVENT_SETS, EVENTS)
