"""Open items: what in the book somebody has to look at, or that waits for the exchange.

A transaction that waits, half of a change in circumstance, a member whom two policies of one
insurance line cover on the same day, what an audit says otherwise, a change that names another
begin of coverage than the book's or a later end than before, further coverages on one INS, of which
a policy has one only, what nothing follows from of the carrier's payments and requests, and what of
ours the exchange rejects, has not answered, may have or not, or is not sent yet
(`enrollment/sending_items.py`).
Nothing here changes the book: the exchange decides on eligibility, and nobody is left without
coverage by waiting.
"""

from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from enrollment.newer_word import BY_EXCHANGE
from enrollment.sending_items import SENDING_ITEMS, late_answers_at
from schemas.partners import Exchange
from schemas.postgres_copy import copy_out
from schemas.tables import ORDINAL, TEXT

OPEN_ITEMS = pa.schema(
    [
        # waits | half-a-change | covered-twice | other-begin | later-end | further-coverage
        # | payment | request | member | rejected | held | cannot-be-sent | answer | answer-missing
        # | in-doubt
        ("kind", TEXT),
        ("partner_id", TEXT),
        ("exchange_policy_id", TEXT),
        # why it waits, the missing half, the other policy, the field, the member, the insurance
        # lines, the rule, what hinders it, the name of a file of ours
        ("reason", TEXT),
        ("transaction", TEXT),  # null for what is covered twice and of the carrier's records
        ("file_id", pa.int64()),  # the file and set that brought it; null as above
        ("set_ordinal", ORDINAL),
    ]
)

_OPEN_ITEMS = f"""
SELECT 'waits', partner_id, exchange_policy_id, reason, transaction, file_id, set_ordinal
FROM book.event_set
WHERE partner_id = :partner_id AND state = 'pending' AND reason IS NOT NULL
UNION ALL
SELECT 'half-a-change', s.partner_id, s.exchange_policy_id,
  CASE s.circumstance WHEN 'enters' THEN 'no-policy-left' ELSE 'no-policy-entered' END,
  s.transaction, s.file_id, s.set_ordinal
FROM book.event_set s
WHERE s.partner_id = :partner_id AND s.circumstance IS NOT NULL
  AND s.state IN ('applied', 'pending')
  AND (s.file_id, s.set_ordinal) NOT IN (
    SELECT half.file_id, half.set_ordinal
    FROM book.change_in_circumstance c
    CROSS JOIN LATERAL (VALUES (c.left_file_id, c.left_set_ordinal),
      (c.entered_file_id, c.entered_set_ordinal)) half (file_id, set_ordinal)
    WHERE c.partner_id = :partner_id AND coalesce(c.days_apart <= :days_apart_max, true)
  )
UNION ALL
SELECT DISTINCT 'covered-twice', m.partner_id, a.exchange_policy_id, b.exchange_policy_id,
  CAST(NULL AS text), e.file_id, e.set_ordinal
FROM (
  SELECT partner_id, array_agg(ROW(exchange_policy_id, insurance_line, benefit_begin, last_day,
    event_id)) AS coverages
  FROM book.effective_coverage
  WHERE partner_id = :partner_id AND known_to = 'infinity'
  GROUP BY partner_id, exchange_member_id
  HAVING min(exchange_policy_id) <> max(exchange_policy_id)
) m
CROSS JOIN LATERAL unnest(m.coverages) AS a(exchange_policy_id text, insurance_line text,
  first_day date, last_day date, event_id bigint)
CROSS JOIN LATERAL unnest(m.coverages) AS b(exchange_policy_id text, insurance_line text,
  first_day date, last_day date, event_id bigint)
JOIN book.event e ON e.event_id = greatest(a.event_id, b.event_id)
WHERE b.exchange_policy_id > a.exchange_policy_id
  AND coalesce(b.insurance_line = a.insurance_line, true)
  AND b.first_day <= a.last_day AND a.first_day <= b.last_day
UNION ALL
SELECT CASE e.maintenance_type WHEN '024' THEN 'later-end' ELSE 'other-begin' END, s.partner_id,
  s.exchange_policy_id, e.exchange_member_id, s.transaction, s.file_id, s.set_ordinal
FROM book.event e
JOIN book.event_set s USING (file_id, set_ordinal)
WHERE s.partner_id = :partner_id AND s.state = 'applied' AND s.transaction = 'change'
  AND (e.maintenance_type = '001' OR e.maintenance_type IN ('021', '024') AND NOT e.is_subscriber)
  AND CASE e.maintenance_type WHEN '024' THEN e.benefit_end ELSE e.benefit_begin END IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM book.coverage c
    WHERE c.exchange_policy_id = s.exchange_policy_id AND c.partner_id = s.partner_id
      AND c.exchange_member_id = e.exchange_member_id AND c.known_to = 'infinity'
      AND CASE e.maintenance_type
        WHEN '024' THEN coalesce(c.benefit_end, 'infinity') >= e.benefit_end
        ELSE c.benefit_begin = e.benefit_begin END
  )
  AND NOT EXISTS (
    SELECT FROM book.event_set newer
    WHERE newer.exchange_policy_id = s.exchange_policy_id AND newer.partner_id = s.partner_id
      AND newer.state = 'applied' AND {BY_EXCHANGE} AND newer.moment > s.moment
  )
UNION ALL
SELECT 'further-coverage', partner_id, exchange_policy_id, further_lines, transaction, file_id,
  set_ordinal
FROM (
  SELECT DISTINCT ON (s.exchange_policy_id, e.further_lines) s.*, e.further_lines
  FROM book.event e
  JOIN book.event_set s USING (file_id, set_ordinal)
  JOIN book.policy p ON p.exchange_policy_id = s.exchange_policy_id
    AND p.partner_id = s.partner_id AND p.known_to = 'infinity' AND p.status <> 'cancelled'
  WHERE s.partner_id = :partner_id AND s.state = 'applied' AND e.further_lines IS NOT NULL
  ORDER BY s.exchange_policy_id, e.further_lines, s.moment DESC, s.file_id DESC, s.set_ordinal
) told
UNION ALL
SELECT kind, partner_id, exchange_policy_id, rule, CAST(NULL AS text), CAST(NULL AS bigint),
  CAST(NULL AS bigint)
FROM book.carrier_finding
WHERE partner_id = :partner_id
UNION ALL {SENDING_ITEMS}
ORDER BY 1, 3, 4, 6, 7
"""


def open_items(conn: sa.Connection, partner_id: str, exchange: Exchange) -> pa.Table:
    """What is open at a partner (OPEN_ITEMS), ordered by kind and policy.

    What a change says otherwise is open until the exchange says something newer of its policy.
    Answers of the exchange are due by its own drop times, as of the clock of the last run.
    """
    asked = sa.text(_OPEN_ITEMS).bindparams(
        partner_id=partner_id,
        days_apart_max=exchange.change_in_circumstance.days_between_halves_max,
        **_of_drops(exchange),
    )
    return copy_out(conn, asked, OPEN_ITEMS)


def late_answers(
    conn: sa.Connection, partner_id: str, exchange: Exchange, clock: datetime
) -> pa.Table:
    """The open items (OPEN_ITEMS) that are answers of the exchange which are late at that moment.

    `reason` says which of TA1 and 999 has not come, `file_id` to which file of ours.
    """
    asked = sa.text(f"{late_answers_at(':clock')} ORDER BY f.file_id").bindparams(
        partner_id=partner_id, clock=clock, **_of_drops(exchange)
    )
    return copy_out(conn, asked, OPEN_ITEMS)


def _of_drops(exchange: Exchange) -> dict[str, Any]:
    return {
        "zone": exchange.time_zone,
        "drop_times": list(exchange.schedule.drop_times),
        "drops": exchange.schedule.answers_due_drops,
    }
