"""What of our own sending is open.

Rejected, held, not to be sent, unanswered, in doubt whether it has arrived, and unknown answers.
"""

from enrollment.newer_word import BY_EXCHANGE
from schemas.answering import TO_NOTHING_OF_OURS, rejects

# A rejection is open until the same is decided again, or the exchange says something newer of its
# policy. An audit is no such word.
_REJECTED = f"""
SELECT 'rejected', d.partner_id, d.exchange_policy_id,
  d.rejected_by || coalesce(' ' || (
    SELECT string_agg(DISTINCT a.note, ' ' ORDER BY a.note) FROM ledger.answer a
    WHERE a.sent_file_id = d.sent_file_id AND a.state = 'counts' AND a.note <> '000'
      AND (a.level = 'interchange' OR a.level = 'business' AND a.ordinal = d.set_ordinal)), ''),
  s.transaction, d.sent_file_id, d.set_ordinal
FROM book.decision d
JOIN book.event_set s ON s.file_id = d.sent_file_id AND s.set_ordinal = d.set_ordinal
WHERE d.partner_id = :partner_id AND d.state = 'rejected'
  AND NOT EXISTS (
    SELECT FROM book.decision again
    WHERE again.exchange_policy_id = d.exchange_policy_id AND again.partner_id = d.partner_id
      AND again.kind = d.kind AND again.decision_id > d.decision_id
      AND again.state <> 'withdrawn')
  AND NOT EXISTS (
    SELECT FROM book.event_set newer
    WHERE newer.exchange_policy_id = d.exchange_policy_id AND newer.partner_id = d.partner_id
      AND newer.state = 'applied' AND {BY_EXCHANGE} AND newer.transaction <> 'audit'
      AND newer.moment > s.moment)
"""

_HELD = """
SELECT 'held', partner_id, exchange_policy_id, 'hold ' || hold_id, kind, CAST(NULL AS bigint),
  CAST(NULL AS bigint)
FROM book.decision WHERE partner_id = :partner_id AND state = 'held'
"""

_HINDERED = """
SELECT 'cannot-be-sent', partner_id, exchange_policy_id, obstacle, kind, CAST(NULL AS bigint),
  CAST(NULL AS bigint)
FROM book.decision WHERE partner_id = :partner_id AND obstacle IS NOT NULL
"""

# An answer that is about nothing of ours, or contradicts an earlier one, is told for two weeks.
# What rejects nothing of ours is told until a person closes its case: silence would be acceptance.
_ANSWERS = f"""
SELECT DISTINCT 'answer', a.partner_id, a.exchange_policy_id,
  CASE a.state WHEN 'unmatched' THEN 'unknown-number ' ELSE 'contradicts ' END
    || coalesce(a.set_number, a.group_number, a.interchange_number, ''),
  CAST(NULL AS text), a.file_id, CAST(NULL AS bigint)
FROM ledger.answer a JOIN ledger.file f USING (file_id)
WHERE a.partner_id = :partner_id AND a.state IN ('unmatched', 'contradicts')
  AND CASE WHEN a.state = 'unmatched' AND {rejects("a")}
    THEN NOT EXISTS (SELECT FROM ledger.case c WHERE c.file_id = a.file_id
      AND c.rule = '{TO_NOTHING_OF_OURS}' AND c.state = 'resolved')
    ELSE f.recorded_at > (SELECT max(as_of) FROM ledger.run) - interval '14 days' END
"""


# Whether the exchange has a file of ours: its delivery was begun, or it waited in a backup.
_IN_DOUBT = """
SELECT 'in-doubt', f.partner_id, CAST(NULL AS text), f.name, CAST(NULL AS text), f.file_id,
  CAST(NULL AS bigint)
FROM ledger.file f
CROSS JOIN LATERAL (SELECT e.action FROM ledger.audit_entry e
  WHERE e.object_kind = 'file' AND e.object_id = f.file_id
    AND e.action IN ('delivery begun', 'delivery arrived', 'delivery lost')
  ORDER BY e.ordinal DESC LIMIT 1) last
WHERE f.partner_id = :partner_id AND f.direction = 'issuer_to_exchange' AND f.state = 'written'
  AND last.action = 'delivery begun'
"""


def late_answers_at(clock: str) -> str:
    """TA1 and 999 that have not come by an expression of SQL for the hour.

    They are due at one of the exchange's drops after the delivery.
    """
    return f"""
SELECT 'answer-missing', f.partner_id, CAST(NULL AS text),
  concat_ws(' ', CASE WHEN t.missing THEN 'TA1' END, CASE WHEN g.missing THEN '999' END),
  CAST(NULL AS text), f.file_id, CAST(NULL AS bigint)
FROM ledger.file f
CROSS JOIN LATERAL (SELECT bool_or(ta1_code IS NULL) AS missing FROM ledger.interchange i
  WHERE i.file_id = f.file_id) t
CROSS JOIN LATERAL (SELECT bool_or(ack IS NULL) AS missing FROM ledger.functional_group g
  WHERE g.file_id = f.file_id) g
WHERE f.partner_id = :partner_id AND f.direction = 'issuer_to_exchange' AND f.kind = 'enrollment'
  AND f.delivered_at IS NOT NULL AND f.state <> 'refused' AND (t.missing OR g.missing)
  AND {clock} > (
    SELECT drop_at FROM generate_series(0, :drops) day
    CROSS JOIN unnest(CAST(:drop_times AS time[])) AS drop_time
    CROSS JOIN LATERAL (SELECT (CAST(f.delivered_at AT TIME ZONE :zone AS date) + day + drop_time)
      AT TIME ZONE :zone AS drop_at) moment
    WHERE drop_at > f.delivered_at ORDER BY drop_at LIMIT 1 OFFSET :drops - 1)
"""


_MISSING = late_answers_at("(SELECT max(as_of) FROM ledger.run)")

SENDING_ITEMS = f"""
{_REJECTED} UNION ALL {_HELD} UNION ALL {_HINDERED} UNION ALL {_ANSWERS} UNION ALL {_MISSING}
UNION ALL {_IN_DOUBT}
"""
