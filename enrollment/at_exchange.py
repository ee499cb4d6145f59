"""What the exchange must hold of our own word: confirmations, ends, and the issuer's ids."""

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_out
from schemas.tables import TEXT

AT_EXCHANGE = pa.schema(
    [
        ("exchange_policy_id", TEXT),
        ("exchange_member_id", TEXT),
        ("effectuated", pa.bool_()),  # confirmed by us, or no confirmation was needed
        ("ended_by", TEXT),  # exchange | issuer; null while open
        ("issuer_policy_id", TEXT),
        ("issuer_subscriber_id", TEXT),  # on the subscriber's row only
        ("issuer_member_id", TEXT),
    ]
)

# A cancelled policy needs no confirmation any more; that it was confirmed stays true.
_AT_EXCHANGE = """
SELECT p.exchange_policy_id, m.exchange_member_id,
  NOT coalesce(b.needs_effectuation, true) OR EXISTS (
    SELECT FROM book.event_set s
    WHERE s.exchange_policy_id = p.exchange_policy_id AND s.partner_id = p.partner_id
      AND s.state = 'applied' AND s.transaction = 'effectuation'),
  CASE WHEN p.status IN ('terminated', 'cancelled') THEN (
    SELECT CASE WHEN starts_with(s.transaction, 'issuer_') THEN 'issuer' ELSE 'exchange' END
    FROM book.event_set s
    WHERE s.exchange_policy_id = p.exchange_policy_id AND s.partner_id = p.partner_id
      AND s.state = 'applied' AND s.transaction IN
        ('cancellation', 'termination', 'issuer_cancellation', 'issuer_termination')
    ORDER BY s.moment DESC, s.file_id DESC LIMIT 1) END,
  max(t.issuer_policy_id) OVER (PARTITION BY p.exchange_policy_id),
  CASE WHEN m.is_subscriber THEN t.issuer_subscriber_id END, t.issuer_member_id
FROM book.policy p
JOIN book.event i ON i.event_id = p.initial_event_id
JOIN book.event_set b ON b.file_id = i.file_id AND b.set_ordinal = i.set_ordinal
JOIN book.member m ON m.exchange_policy_id = p.exchange_policy_id AND m.partner_id = p.partner_id
  AND m.known_to = 'infinity'
LEFT JOIN (
  SELECT exchange_policy_id, exchange_member_id,
    max(value) FILTER (WHERE kind = 'issuer_policy_id') AS issuer_policy_id,
    max(value) FILTER (WHERE kind = 'issuer_subscriber_id') AS issuer_subscriber_id,
    max(value) FILTER (WHERE kind = 'issuer_member_id') AS issuer_member_id
  FROM book.identifier
  WHERE partner_id = :partner_id AND known_to = 'infinity' AND valid_to IS NULL
  GROUP BY exchange_policy_id, exchange_member_id
) t ON t.exchange_policy_id = m.exchange_policy_id AND t.exchange_member_id = m.exchange_member_id
WHERE p.partner_id = :partner_id AND p.known_to = 'infinity'
ORDER BY 1, 2
"""


def at_exchange(conn: sa.Connection, partner_id: str) -> pa.Table:
    """One row of each member of the partner's policies (AT_EXCHANGE), as it is believed now."""
    return copy_out(conn, sa.text(_AT_EXCHANGE).bindparams(partner_id=partner_id), AT_EXCHANGE)
