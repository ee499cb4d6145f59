"""Files of disputes for the exchange: which dispute went in which, each in one at most."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from ledger.sign_offs import Signer
from schemas.disputes import dispute_file, dispute_told


@dataclass(frozen=True)
class Told:
    """What a file tells: actions of the month, then disputes of breaks and cases."""

    action_ids: Sequence[int]
    dispute_ids: Sequence[int]


@dataclass(frozen=True)
class DisputeFile:
    """A file of disputes as it was recorded."""

    dispute_file_id: int
    partner_id: str
    sha256: str
    disputes: int
    dollars: Decimal  # a month
    taken_by: str
    account: str
    at: datetime


def hold_disputes(conn: sa.Connection, partner_id: str) -> None:
    """Until the transaction ends, nobody else records a file of the partner's disputes."""
    key = sa.func.hashtextextended(f"dispute file/{partner_id}", 0)
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def record_dispute_file(  # noqa: PLR0913 - a file and what it tells
    conn: sa.Connection, partner_id: str, sha256: str, dollars: Decimal, told: Told, by: Signer
) -> DisputeFile:
    """The file, in which these go and in no other one: what goes in another one is an error."""
    values = {
        "partner_id": partner_id,
        "sha256": sha256,
        "disputes": len(told.action_ids) + len(told.dispute_ids),
        "dollars": dollars,
        "taken_by": by.person,
        "account": by.account,
    }
    made = sa.insert(dispute_file).values(**values).returning(dispute_file)
    written = DisputeFile(**conn.execute(made).mappings().one())
    about = [("action_id", one) for one in told.action_ids]
    about += [("dispute_id", one) for one in told.dispute_ids]
    neither = {"action_id": None, "dispute_id": None}
    rows = [
        {"dispute_file_id": written.dispute_file_id, **neither, name: one} for name, one in about
    ]
    conn.execute(sa.insert(dispute_told), rows)
    return written


def read_dispute_file(conn: sa.Connection, number: int) -> tuple[DisputeFile, Told] | None:
    """The file of that number and what it tells; None when there is none."""
    mine = dispute_file.c.dispute_file_id == number
    row = conn.execute(sa.select(dispute_file).where(mine)).mappings().one_or_none()
    if row is None:
        return None
    found = sa.select(dispute_told).where(dispute_told.c.dispute_file_id == number)
    rows = conn.execute(found.order_by(dispute_told.c.dispute_told_id)).all()
    told = Told(
        [one.action_id for one in rows if one.action_id is not None],
        [one.dispute_id for one in rows if one.dispute_id is not None],
    )
    return DisputeFile(**row), told


def last_dispute_file(conn: sa.Connection, partner_id: str) -> DisputeFile | None:
    """The partner's newest file; None before the first one."""
    newest = (
        sa.select(dispute_file)
        .where(dispute_file.c.partner_id == partner_id)
        .order_by(dispute_file.c.dispute_file_id.desc())
        .limit(1)
    )
    row = conn.execute(newest).mappings().one_or_none()
    return None if row is None else DisputeFile(**row)
