"""Answers of the exchange to what we sent: TA1 and 999, matched by our control numbers."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from schemas.database import file, functional_group, interchange, transaction_set
from schemas.postgres_copy import copy_to_temporary
from schemas.tables import TEXT

# TA101, TA104 and TA105 of every TA1.
INTERCHANGE_ACKS = pa.schema([("control_number", TEXT), ("code", TEXT), ("note", TEXT)])
# AK102 and AK901 of every 999 answer to a functional group.
GROUP_ACKS = pa.schema([("group_control_number", TEXT), ("ack", TEXT)])
# AK102, AK202 and IK501 of every answer to a transaction set.
SET_ACKS = pa.schema([("group_control_number", TEXT), ("control_number", TEXT), ("ack", TEXT)])


@dataclass(frozen=True)
class UnknownNumbers:
    """Control numbers that the exchange acknowledges and that we never sent to it."""

    interchanges: tuple[str, ...]
    groups: tuple[str, ...]
    transaction_sets: tuple[str, ...]


def record_acknowledgements(
    conn: sa.Connection,
    partner_id: str,
    interchange_acks: pa.Table,
    group_acks: pa.Table,
    set_acks: pa.Table,
) -> UnknownNumbers:
    """The acknowledged numbers that are not ours; all others get the exchange's verdict.

    A file is refused when one of its interchanges or groups is, and otherwise acknowledged.
    The same acknowledgement may come again.
    """
    of_interchanges = copy_to_temporary(
        conn, "interchange_ack", interchange_acks.select(INTERCHANGE_ACKS.names)
    )
    of_groups = copy_to_temporary(conn, "group_ack", group_acks.select(GROUP_ACKS.names))
    of_sets = copy_to_temporary(conn, "set_ack", set_acks.select(SET_ACKS.names))
    to_partner = sa.select(file.c.file_id).where(
        file.c.direction == "issuer_to_exchange", file.c.partner_id == partner_id
    )
    unknown = UnknownNumbers(
        _record_interchanges(conn, of_interchanges, to_partner),
        _record_groups(conn, of_groups, to_partner),
        _record_sets(conn, of_sets, to_partner),
    )
    _record_files(conn, to_partner)
    return unknown


def _record_interchanges(
    conn: sa.Connection, acks: sa.Table, to_partner: sa.Select[tuple[int]]
) -> tuple[str, ...]:
    ours = interchange.c.file_id.in_(to_partner)
    conn.execute(
        sa.update(interchange)
        .where(ours, interchange.c.control_number == acks.c.control_number)
        .values(ta1_code=acks.c.code, ta1_note=acks.c.note)
    )
    sent = sa.exists().where(ours, interchange.c.control_number == acks.c.control_number)
    return _unmatched(conn, acks.c.control_number, sent)


def _record_groups(
    conn: sa.Connection, acks: sa.Table, to_partner: sa.Select[tuple[int]]
) -> tuple[str, ...]:
    ours = functional_group.c.file_id.in_(to_partner)
    same_number = functional_group.c.control_number == acks.c.group_control_number
    conn.execute(sa.update(functional_group).where(ours, same_number).values(ack=acks.c.ack))
    sent = sa.exists().where(ours, same_number)
    return _unmatched(conn, acks.c.group_control_number, sent)


def _record_sets(
    conn: sa.Connection, acks: sa.Table, to_partner: sa.Select[tuple[int]]
) -> tuple[str, ...]:
    in_group = sa.and_(
        transaction_set.c.file_id.in_(to_partner),
        functional_group.c.file_id == transaction_set.c.file_id,
        functional_group.c.group_ordinal == transaction_set.c.group_ordinal,
        functional_group.c.control_number == acks.c.group_control_number,
        transaction_set.c.control_number == acks.c.control_number,
    )
    conn.execute(sa.update(transaction_set).where(in_group).values(ack=acks.c.ack))
    sent = sa.exists().where(in_group)
    return _unmatched(conn, acks.c.control_number, sent)


def _unmatched(
    conn: sa.Connection, number: sa.ColumnElement[Any], sent: sa.Exists
) -> tuple[str, ...]:
    return tuple(conn.execute(sa.select(number).where(~sent).distinct().order_by(number)).scalars())


def _record_files(conn: sa.Connection, to_partner: sa.Select[tuple[int]]) -> None:
    """Derives the state of the partner's sent files from the verdicts on their envelopes."""
    answered = (
        sa.select(interchange.c.file_id, interchange.c.ta1_code.label("code"))
        .union_all(sa.select(functional_group.c.file_id, functional_group.c.ack))
        .subquery()
    )
    verdicts = (
        sa.select(answered.c.file_id, sa.func.bool_or(answered.c.code == "R").label("refused"))
        .where(answered.c.file_id.in_(to_partner), answered.c.code.is_not(None))
        .group_by(answered.c.file_id)
        .subquery()
    )
    state = sa.case((verdicts.c.refused, "refused"), else_="acknowledged")
    conn.execute(
        sa.update(file)
        .where(file.c.file_id == verdicts.c.file_id, file.c.state != state)
        .values(state=state)
    )
