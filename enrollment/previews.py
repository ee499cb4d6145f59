"""Previews: what unsent decisions would change, policy by policy, against what holds now."""

from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_out
from schemas.tables import COUNT, DATE, MONEY, TEXT

PREVIEW = pa.schema(
    [
        ("decision_id", pa.int64()),
        ("exchange_policy_id", TEXT),
        ("kind", TEXT),  # as in book.decision
        ("rule", TEXT),
        ("additional_maintenance_reason", TEXT),
        ("state", TEXT),
        ("hold_id", pa.int64()),
        ("obstacle", TEXT),  # why the last night could not send it
        ("members", COUNT),  # who are covered now
        ("status", TEXT),  # of the policy, as the exchange and we have it now
        ("next_status", TEXT),  # as both would have it
        ("benefit_begin", DATE),
        ("benefit_end", DATE),  # null = open
        ("next_benefit_end", DATE),
        ("premium_total", MONEY),  # dollars a month, of the last amount known
        ("aptc", MONEY),
    ]
)

_PREVIEW = """
SELECT d.decision_id, d.exchange_policy_id, d.kind, d.rule, d.additional_maintenance_reason,
  d.state, d.hold_id, d.obstacle,
  (SELECT count(DISTINCT c.exchange_member_id) FROM book.effective_coverage c
   WHERE c.exchange_policy_id = p.exchange_policy_id AND c.partner_id = p.partner_id
     AND c.known_to = 'infinity'),
  p.status,
  CASE d.kind WHEN 'effectuation' THEN CASE p.status WHEN 'initial' THEN 'effectuated'
                ELSE p.status END
    WHEN 'cancellation' THEN 'cancelled' WHEN 'termination' THEN 'terminated'
    WHEN 'reinstatement' THEN CASE WHEN p.needs_effectuation THEN 'initial' ELSE 'effectuated' END
    ELSE p.status END,
  p.benefit_begin, p.benefit_end,
  CASE d.kind WHEN 'cancellation' THEN p.benefit_begin WHEN 'termination' THEN d.coverage_end
    WHEN 'reinstatement' THEN CAST(NULL AS date) ELSE p.benefit_end END,
  a.premium_total, a.aptc
FROM book.decision d
JOIN book.policy p ON p.partner_id = d.partner_id AND p.exchange_policy_id = d.exchange_policy_id
  AND p.known_to = 'infinity'
LEFT JOIN LATERAL (
  SELECT
    (array_agg(a.amount ORDER BY a.valid_from DESC) FILTER (WHERE a.name = 'PRE AMT TOT'))[1]
      AS premium_total,
    (array_agg(a.amount ORDER BY a.valid_from DESC) FILTER (WHERE a.name = 'APTC AMT'))[1] AS aptc
  FROM book.amount a
  WHERE a.exchange_policy_id = p.exchange_policy_id AND a.partner_id = p.partner_id
    AND a.known_to = 'infinity'
) a ON true
WHERE d.partner_id = :partner_id AND d.state IN ('open', 'held', 'released')
  AND (CAST(:hold_id AS bigint) IS NULL OR d.hold_id = :hold_id)
"""
_ORDER = " ORDER BY d.kind, d.exchange_policy_id, d.decision_id"
_AFTER = """
  AND (d.kind, d.exchange_policy_id, d.decision_id) > (
    SELECT kind, exchange_policy_id, decision_id FROM book.decision WHERE decision_id = :after)
"""
_TOTALS = f"""
SELECT kind, count(*) AS policies, sum(members) AS members, sum(premium_total) AS premium_total,
  sum(aptc) AS aptc
FROM ({_PREVIEW}) AS one(decision_id, exchange_policy_id, kind, rule, reason, state, hold_id,
  obstacle, members, status, next_status, benefit_begin, benefit_end, next_benefit_end,
  premium_total, aptc)
GROUP BY kind ORDER BY kind
"""


def preview(
    conn: sa.Connection,
    partner_id: str,
    hold_id: int | None = None,
    after: int | None = None,
    most: int | None = None,
) -> pa.Table:
    """What the partner's unsent decisions would change (PREVIEW), or those of one hold.

    Ordered by kind and policy; with `most` so many of them at the most, behind decision `after`.
    What holds now is the last state that the exchange has not rejected.
    """
    asked: dict[str, Any] = {"partner_id": partner_id, "hold_id": hold_id}
    query = _PREVIEW
    if after is not None:
        query, asked["after"] = query + _AFTER, after
    query += _ORDER
    if most is not None:
        query, asked["most"] = query + " LIMIT :most", most
    return copy_out(conn, sa.text(query).bindparams(**asked), PREVIEW)


def preview_totals(conn: sa.Connection, partner_id: str, hold_id: int) -> list[sa.Row[Any]]:
    """Policies, members and dollars a month of a hold's unsent decisions, by kind."""
    asked = {"partner_id": partner_id, "hold_id": hold_id}
    return list(conn.execute(sa.text(_TOTALS), asked))
