"""A rejected decision that a person lets be said again, unchanged."""

import sqlalchemy as sa

from schemas.book import decision
from schemas.errors import Terminal


def last_rejected(conn: sa.Connection, partner_id: str, exchange_policy_id: str) -> int | None:
    """The id of the policy's last decision that the exchange has rejected; None without any."""
    rejected = sa.select(sa.func.max(decision.c.decision_id)).where(
        decision.c.partner_id == partner_id,
        decision.c.exchange_policy_id == exchange_policy_id,
        decision.c.state == "rejected",
    )
    found: int | None = conn.execute(rejected).scalar_one()
    return found


def allow_again(conn: sa.Connection, partner_id: str, exchange_policy_id: str, by: str) -> int:
    """The id of the policy's last rejected decision, which the next night may make again.

    Raises Terminal when nothing of the policy was rejected, or it was allowed before.
    """
    decision_id = last_rejected(conn, partner_id, exchange_policy_id)
    if decision_id is None:
        raise Terminal(
            f"The exchange has rejected nothing of policy {exchange_policy_id} at {partner_id}. "
            "`edi834 open-items` names what it has."
        )
    allowed = conn.execute(
        sa.update(decision)
        .where(decision.c.decision_id == decision_id, decision.c.again_by.is_(None))
        .values(again_by=by)
    )
    if not allowed.rowcount:
        raise Terminal(
            f"Decision {decision_id} of policy {exchange_policy_id} was let out again before. "
            "The next `edi834 night` decides."
        )
    return decision_id
