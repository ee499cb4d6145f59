"""Staging: the accepted transactions of a checked file become events, not yet in the book.

What a transaction is, is decided here and by its own contents only: the subscriber's combination
of INS03, INS04 and ADDL MAINT REASON (CMS guide 7.2, appendix C) names it for the whole set.
Whether it may happen to the policy as it stands is `enrollment/application.py`.
"""

from collections.abc import Iterable
from typing import Literal

import pyarrow as pa
import sqlalchemy as sa

from enrollment.staged_events import FileTables, staged_events
from enrollment.staging_sql import STATEMENTS, STATEMENTS_OF_OURS
from schemas.book import SAID_BY_ISSUER
from schemas.database import disposition, file
from schemas.errors import Terminal
from schemas.partners import Exchange, normalise_reason
from schemas.postgres_copy import copy_out, copy_to_temporary, give_memory
from schemas.tables import ORDINAL, TEXT

_COMBINATIONS = pa.schema(
    [
        ("maintenance_type", TEXT),
        ("maintenance_reason", TEXT),
        ("additional", TEXT),
        ("transaction", TEXT),
        ("kind", TEXT),
        ("circumstance", TEXT),
        ("subscriber_only", pa.bool_()),
        ("needs_effectuation", pa.bool_()),
    ]
)
_ORDINALS = pa.schema([("member_ordinal", ORDINAL)])
_FUNCTION_RANKS = pa.schema([("function_code", TEXT), ("rank", pa.int16())])


def stage_file(
    conn: sa.Connection, file_id: int, exchange: Exchange, parsed: FileTables, run_id: int
) -> int:
    """The number of transaction sets of the file that are staged for the book.

    Only members whose disposition is `accepted` are staged. A set that can be no transaction of
    the exchange is refused as a whole, and its members' dispositions say why. The file must be
    checked; one that was staged before stays as it is, and the number is 0.
    """
    state = conn.execute(
        sa.select(file.c.state).where(file.c.file_id == file_id).with_for_update()
    ).scalar_one()
    if state != "checked":
        return 0
    _open(conn, exchange, "exchange_to_issuer", parsed, _accepted(conn, file_id))
    _stage(conn, STATEMENTS, file_id=file_id, run_id=run_id, zone=exchange.time_zone)
    conn.execute(sa.update(file).where(file.c.file_id == file_id).values(state="staged"))
    return _count(conn, "reason IS NULL")


def stage_sent(
    conn: sa.Connection, file_id: int, exchange: Exchange, parsed: FileTables, run_id: int
) -> int:
    """The number of transaction sets of a file that we send that are staged for the book.

    `parsed` is the file read back: the book learns what its bytes say. Raises Terminal when a set
    is no transaction that we may send.
    """
    everybody = parsed.members["member_ordinal"].combine_chunks()
    _open(conn, exchange, "issuer_to_exchange", parsed, everybody)
    _stage(conn, STATEMENTS_OF_OURS, file_id=file_id, run_id=run_id, zone=exchange.time_zone)
    wrong = sa.text("SELECT min(reason) FROM judged_set WHERE reason IS NOT NULL")
    reason = conn.execute(wrong).scalar_one()
    if reason is not None:
        raise Terminal(
            f"A set of ours is no transaction ({reason}); nothing was sent. Report this."
        )
    return _count(conn, "true")


def _open(
    conn: sa.Connection,
    exchange: Exchange,
    direction: Literal["exchange_to_issuer", "issuer_to_exchange"],
    parsed: FileTables,
    accepted: pa.Array,
) -> None:
    """The temporary tables that the statements read, of the accepted members (ordinals)."""
    give_memory(conn)
    told = staged_events(parsed, accepted)
    copy_to_temporary(conn, "staged_event", told, keys=("set_ordinal", "maintenance_type"))
    copy_to_temporary(conn, "combination", _combinations(exchange, direction))
    copy_to_temporary(conn, "function_rank", _function_ranks(exchange))
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.judged_set"))


def _stage(
    conn: sa.Connection, statements: Iterable[sa.TextClause], **parameters: int | str
) -> None:
    for statement in statements:
        conn.execute(statement, parameters)


def _count(conn: sa.Connection, condition: str) -> int:
    counted = sa.text(f"SELECT count(*) FROM judged_set WHERE {condition}")
    return int(conn.execute(counted).scalar_one())


def _accepted(conn: sa.Connection, file_id: int) -> pa.Array:
    """The ordinals of the file's members that may be staged."""
    ordinals = sa.select(disposition.c.member_ordinal).where(
        disposition.c.file_id == file_id, disposition.c.state == "accepted"
    )
    return copy_out(conn, ordinals, _ORDINALS).column(0).combine_chunks()


def _combinations(exchange: Exchange, direction: str) -> pa.Table:
    """What may be sent in a direction, one row for each ADDL MAINT REASON of each combination."""
    not_required = {normalise_reason(reason) for reason in exchange.effectuation.not_required_for}
    rows = {}
    for allowed in exchange.combinations:
        if allowed.direction != direction:
            continue
        is_ours = direction == "issuer_to_exchange"
        transaction = SAID_BY_ISSUER[allowed.transaction] if is_ours else allowed.transaction
        for additional in map(normalise_reason, allowed.additional):
            key = (allowed.maintenance_type, allowed.maintenance_reason, additional)
            enrolls = transaction in {"initial", "renewal"}
            rows[key] = {
                "maintenance_type": allowed.maintenance_type,
                "maintenance_reason": allowed.maintenance_reason,
                "additional": additional,
                "transaction": transaction,
                "kind": allowed.kind or allowed.transaction,
                "circumstance": allowed.circumstance,
                "subscriber_only": allowed.members == "subscriber",
                "needs_effectuation": enrolls and additional not in not_required,
            }
    return pa.Table.from_pylist(list(rows.values()), schema=_COMBINATIONS)


def _function_ranks(exchange: Exchange) -> pa.Table:
    """The function codes of enrollment files with their place in the order of application."""
    codes = exchange.function_codes.enrollment
    return pa.table([codes, range(len(codes))], schema=_FUNCTION_RANKS)
