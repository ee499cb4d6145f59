"""What we have said to the exchange: sent transaction sets enter the book, and leave it again.

A set that we send is told in the book like one that we receive, from the bytes that were sent
(docs/decisions/0026). What the exchange rejects was not said: its policy is folded without it, and
everything is as before.
"""

import sqlalchemy as sa

from enrollment.application import Night, apply_events
from enrollment.staged_events import FileTables
from enrollment.staging import stage_sent
from schemas.answering import rejects
from schemas.errors import Terminal

# One set for each decision: a policy has at most one that is unsent.
_SEND_DECISIONS = sa.text("""
UPDATE book.decision d
SET state = 'sent', sent_file_id = s.file_id, set_ordinal = s.set_ordinal, obstacle = NULL
FROM book.event_set s
WHERE s.file_id = :file_id AND d.partner_id = :partner_id
  AND d.exchange_policy_id = s.exchange_policy_id AND d.state IN ('open', 'released')
""")

# The exchange rejects an interchange (TA1), a functional group or transaction set (999), or the
# business that a set is about (BAA).
_TAKE_BACK = sa.text(f"""
WITH rejected AS (
  SELECT DISTINCT ON (t.file_id, t.set_ordinal) t.file_id, t.set_ordinal, a.level
  FROM ledger.answer a
  JOIN ledger.transaction_set t ON t.file_id = a.sent_file_id
  JOIN ledger.functional_group g ON g.file_id = t.file_id AND g.group_ordinal = t.group_ordinal
  WHERE a.partner_id = :partner_id AND a.state = 'counts' AND {rejects("a")}
    AND a.ordinal = CASE a.level
      WHEN 'interchange' THEN g.interchange_ordinal
      WHEN 'group' THEN g.group_ordinal
      ELSE t.set_ordinal END
    AND EXISTS (
      SELECT FROM book.decision d
      WHERE d.sent_file_id = t.file_id AND d.set_ordinal = t.set_ordinal AND d.state = 'sent'
    )
  ORDER BY t.file_id, t.set_ordinal, a.answer_id
), decided AS (
  UPDATE book.decision d SET state = 'rejected', rejected_by = r.level
  FROM rejected r
  WHERE d.sent_file_id = r.file_id AND d.set_ordinal = r.set_ordinal AND d.state = 'sent'
)
UPDATE book.event_set s
SET state = 'refused', reason = 'exchange-refused', run_id = :run_id
FROM rejected r
WHERE s.file_id = r.file_id AND s.set_ordinal = r.set_ordinal
RETURNING s.exchange_policy_id
""")


def say(conn: sa.Connection, night: Night, file_id: int, sent: FileTables) -> int:
    """The number of decisions that are sent with the file, whose sets are told in the book now.

    `sent` is the file as it was read back. Belongs into the transaction that records the file, so
    that the book has said it if and only if it is on its way. Raises Terminal when a set answers no
    decision.
    """
    sets = stage_sent(conn, file_id, night.exchange, sent, night.run_id)
    parameters = {"file_id": file_id, "partner_id": night.partner_id}
    decisions = conn.execute(_SEND_DECISIONS, parameters).rowcount
    if decisions != sets:
        raise Terminal(
            f"A file of ours holds {sets:,} transaction sets for {decisions:,} decisions; nothing "
            "was sent. Report this."
        )
    apply_events(conn, night, [file_id])
    return sets


def take_back(conn: sa.Connection, night: Night) -> list[str]:
    """The policies of which the exchange has rejected what we said; it counts as unsaid now.

    They are to be folded again with what else the night brings.
    """
    parameters = {"partner_id": night.partner_id, "run_id": night.run_id}
    return sorted(set(conn.execute(_TAKE_BACK, parameters).scalars()))
