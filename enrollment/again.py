"""A rejected decision that a person lets be said again, unchanged."""

import sqlalchemy as sa

from schemas.book import decision
from schemas.errors import Terminal


def allow_again(conn: sa.Connection, partner_id: str, exchange_policy_id: str, by: str) -> int:
    """The id of the rejected decision of the policy that the next night may make again.

    The latest one that was not let out yet: said once more, the word lets out the one before it.
    Raises Terminal when nothing of the policy was rejected, or all of it was let out before.
    """
    rejected = (
        sa.select(decision.c.decision_id, decision.c.again_by)
        .where(
            decision.c.partner_id == partner_id,
            decision.c.exchange_policy_id == exchange_policy_id,
            decision.c.state == "rejected",
        )
        .order_by(decision.c.again_by.is_(None).desc(), decision.c.decision_id.desc())
        .limit(1)
        .with_for_update()
    )
    found = conn.execute(rejected).one_or_none()
    if found is None:
        raise Terminal(
            f"The exchange has rejected nothing of policy {exchange_policy_id} at {partner_id}. "
            "`edi834 open-items` names what it has."
        )
    decision_id: int = found.decision_id
    if found.again_by is not None:
        raise Terminal(
            f"Decision {decision_id} of policy {exchange_policy_id} was let out again before. "
            "The next `edi834 night` decides."
        )
    conn.execute(
        sa.update(decision).where(decision.c.decision_id == decision_id).values(again_by=by)
    )
    return decision_id
