"""Control numbers of what we send: ISA13, GS06 and ST02, each counted per trading partner."""

from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.database import control_number

Kind = Literal["interchange", "group", "transaction_set"]


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
