"""A decision that was rejected, or refused by persons, and that a person lets be made again."""

import sqlalchemy as sa

from enrollment.decision_words import same_words
from schemas.book import decision
from schemas.errors import Terminal

_KEPT_BACK = sa.text(f"""
SELECT d.decision_id, d.again_by FROM book.decision d
WHERE d.partner_id = :partner_id AND d.exchange_policy_id = :exchange_policy_id
  AND d.state IN ('rejected', 'refused')
  AND NOT EXISTS (
    SELECT FROM book.decision l
    WHERE l.partner_id = d.partner_id AND l.exchange_policy_id = d.exchange_policy_id
      AND l.state IN ('rejected', 'refused') AND l.decision_id > d.decision_id
      AND {same_words("l", "d")}
  )
ORDER BY d.again_by IS NULL DESC, d.decision_id DESC LIMIT 1 FOR UPDATE OF d
""")


def allow_again(conn: sa.Connection, partner_id: str, exchange_policy_id: str, by: str) -> int:
    """The id of the rejected or refused decision of the policy that the next night may make again.

    The latest one that was not let out yet, which lets out all earlier attempts to say the same.
    Said once more, the word lets out what else was rejected or refused before it. Raises Terminal
    when nothing of the policy was, or all of it was let out before.
    """
    about = {"partner_id": partner_id, "exchange_policy_id": exchange_policy_id}
    found = conn.execute(_KEPT_BACK, about).one_or_none()
    if found is None:
        raise Terminal(
            f"Nothing of policy {exchange_policy_id} at {partner_id} was rejected by the exchange, "
            "or refused by persons. `edi834 open-items` names what was."
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
