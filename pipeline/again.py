"""A person lets what was rejected or refused be said again: noted in the trail."""

import hashlib

import sqlalchemy as sa

from enrollment.again import allow_again
from ledger import audit
from pipeline.operators import account


def let_again(conn: sa.Connection, partner_id: str, policy: str, by: str, reason: str) -> None:
    """Lets the next night say again what of the policy was rejected or refused last.

    If it still follows. Raises Terminal when nothing was, or it was let out before. The trail has
    reasons as hashes: they may name somebody.
    """
    decision_id = allow_again(conn, partner_id, policy, by)
    audit.note(
        conn,
        "allowed again",
        "decision",
        decision_id,
        policy=policy,
        partner=partner_id,
        by=by,
        account=account(),
        reason_sha256=hashlib.sha256(reason.encode()).hexdigest(),
    )
