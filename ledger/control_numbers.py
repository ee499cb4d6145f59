"""Control numbers of what we send: ISA13, GS06 and ST02, each counted per trading partner."""

from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ledger import audit
from schemas.database import control_number
from schemas.errors import Terminal

JUMPED = "control numbers left out"  # in the audit trail
_MOST = 999_999_999
Kind = Literal["interchange", "group", "transaction_set"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def take_control_numbers(conn: sa.Connection, partner_id: str, kind: Kind, count: int = 1) -> range:
    """The next `count` control numbers, each given once only.

    The partner's counter stays locked until the transaction ends, and a rollback gives the
    numbers back: taken in the transaction that records the outbound file, they have no gaps.
    """
    if count < 1:
        raise ValueError("At least one control number must be taken.")
    counted = (
        insert(control_number)
        .values(partner_id=partner_id, kind=kind, last_value=count)
        .on_conflict_do_update(
            index_elements=["partner_id", "kind"],
            set_={"last_value": control_number.c.last_value + count},
        )
        .returning(control_number.c.last_value)
    )
    last: int = conn.execute(counted).scalar_one()
    return range(last - count + 1, last + 1)


def jump_ahead(conn: sa.Connection, partner_id: str, kind: str, last_value: int) -> None:
    """Leaves out all numbers up to `last_value`; the audit trail says from where to where.

    After a restore nobody here knows which of them were sent since the backup. Raises Terminal when
    there are no more numbers.
    """
    known = sa.select(control_number.c.last_value).where(
        control_number.c.partner_id == partner_id, control_number.c.kind == kind
    )
    before = conn.execute(known.with_for_update()).scalar() or 0  # 0: none was ever given
    if last_value > _MOST:
        raise Terminal(
            f"The {kind} control numbers of {partner_id} are used up: {before:,} of {_MOST:,}. "
            "Agree with the exchange on a new beginning."
        )
    put = insert(control_number).values(partner_id=partner_id, kind=kind, last_value=last_value)
    conn.execute(
        put.on_conflict_do_update(
            index_elements=["partner_id", "kind"], set_={"last_value": last_value}
        )
    )
    about: dict[str, int | str] = {"partner": partner_id, "kind": kind}
    about |= {"from": int(before), "to": last_value}
    audit.note(conn, JUMPED, "home", 0, **about)


def last_numbers(conn: sa.Connection) -> list[sa.Row[tuple[str, str, int]]]:
    """Of each partner and kind the number that was given last."""
    ordered = (control_number.c.partner_id, control_number.c.kind)
    return list(conn.execute(sa.select(*ordered, control_number.c.last_value).order_by(*ordered)))
