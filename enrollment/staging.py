"""Staging: the accepted transactions of a checked file become events, not yet in the book.

What a transaction is, is decided here and by its own contents only: the subscriber's combination
of INS03, INS04 and ADDL MAINT REASON (CMS guide 7.2, appendix C) names it for the whole set.
Whether it may happen to the policy as it stands is `enrollment/application.py`.
"""

from collections import defaultdict
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from enrollment.judged_sets import JudgedSets, judge_sets
from enrollment.staged_events import FileTables, staged_events
from schemas.book import SAID_BY_ISSUER, event, event_set
from schemas.database import disposition, file, transaction_set
from schemas.errors import Terminal
from schemas.partners import Exchange, normalise_reason
from schemas.postgres_copy import copy_into, copy_out, copy_to_temporary
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
_BROKERS = pa.schema([("set_ordinal", ORDINAL), ("broker_name", TEXT), ("broker_id", TEXT)])

# REQUEST SUBMIT TIMESTAMP as the guide wants it: CCYYMMDDHHMMSSss, hundredths left out or not.
_CLOCK = "^[0-9]{14}([0-9]{2})?$"
_TO_THE_SECOND = "%Y%m%d%H%M%S"

# Without a clock of its own a set belongs to the day of its file's name, or of the file's arrival
# when its name has none, before what has one; what we say, to the moment at which we do.
_FILE = sa.text("""
SELECT partner_id, function_code, named_at,
  CASE WHEN direction = 'issuer_to_exchange'
      THEN to_char(recorded_at AT TIME ZONE :zone, 'YYYYMMDDHH24MISS')
    ELSE to_char(coalesce(named_at, recorded_at AT TIME ZONE :zone), 'YYYYMMDD') END AS otherwise
FROM ledger.file WHERE file_id = :file_id
""")

_REFUSED_DISPOSITIONS = sa.text("""
UPDATE ledger.disposition d
SET state = 'rejected', reason = m.reason, decided_in_run = :run_id
FROM refused_member m
WHERE d.file_id = :file_id AND d.member_ordinal = m.member_ordinal
""")


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
    ids = {"file_id": file_id, "run_id": run_id}
    told = staged_events(parsed, _accepted(conn, file_id))
    judged = _judge(conn, file_id, exchange, told, "exchange_to_issuer")
    judged = judged.with_column("members_fallen", _fallen(parsed.members, told, judged))
    if parsed.members.num_rows > told.num_rows:
        judged = judged.with_column("fallen_members", _who_fell(parsed.members, told, judged))
    _write(conn, exchange, told, judged, ids)
    _refuse(conn, told, judged, ids)
    conn.execute(sa.update(file).where(file.c.file_id == file_id).values(state="staged"))
    return int(judged.sets.column("reason").null_count)


def stage_sent(
    conn: sa.Connection, file_id: int, exchange: Exchange, parsed: FileTables, run_id: int
) -> int:
    """The number of transaction sets of a file that we send that are staged for the book.

    `parsed` is the file read back: the book learns what its bytes say. Raises Terminal when a set
    is no transaction that we may send.
    """
    ids = {"file_id": file_id, "run_id": run_id}
    told = staged_events(parsed, parsed.members["member_ordinal"].combine_chunks())
    judged = _judge(conn, file_id, exchange, told, "issuer_to_exchange")
    reason = pc.min(judged.sets.column("reason")).as_py()
    if reason is not None:
        raise Terminal(
            f"A set of ours is no transaction ({reason}); nothing was sent. Report this."
        )
    _write(conn, exchange, told, judged, ids)
    return int(judged.sets.num_rows)


def _judge(
    conn: sa.Connection,
    file_id: int,
    exchange: Exchange,
    told: pa.Table,
    direction: Literal["exchange_to_issuer", "issuer_to_exchange"],
) -> JudgedSets:
    h = transaction_set.c
    headers = sa.select(h.set_ordinal, h.broker_name, h.broker_id).where(
        h.file_id == file_id, sa.func.num_nonnulls(h.broker_name, h.broker_id) > 0
    )
    return judge_sets(told, _combinations(exchange, direction), copy_out(conn, headers, _BROKERS))


def _write(
    conn: sa.Connection,
    exchange: Exchange,
    told: pa.Table,
    judged: JudgedSets,
    ids: dict[str, int],
) -> None:
    """Appends the sets and their events to the book, each in one COPY."""
    f = conn.execute(_FILE, {"zone": exchange.time_zone, **ids}).one()
    state = pc.if_else(pc.is_null(judged.sets.column("reason")), "staged", "refused")
    sets = judged.sets.append_column("state", state)
    sets = sets.append_column("moment", _moments(sets.column("submitted_at"), f.otherwise))
    codes = exchange.function_codes.enrollment
    rank = codes.index(f.function_code) if f.function_code in codes else len(codes)
    constants = {"partner_id": f.partner_id, "function_rank": rank, **ids}
    if f.named_at is not None:
        constants["named_at"] = f.named_at
    copy_into(conn, event_set, sets, **constants)
    names = [column.name for column in event.columns if column.name in told.column_names]
    events = told.select(names).append_column("kind", judged.kinds)
    copy_into(conn, event, events, file_id=ids["file_id"])


def _moments(submitted_at: pa.ChunkedArray, otherwise: str) -> pa.ChunkedArray:
    """Where each set belongs among those of its policy: docs/decisions/0021."""
    moments = pc.if_else(_is_moment(submitted_at), submitted_at, pa.scalar(otherwise, TEXT))
    return pc.utf8_rpad(moments, 16, "0")


def _is_moment(submitted_at: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each is a clock of a day and an hour that exist."""
    told = pc.if_else(pc.match_substring_regex(submitted_at, _CLOCK), submitted_at, None)
    told = pc.utf8_slice_codeunits(told, 0, 14)
    known = pc.strptime(told, _TO_THE_SECOND, "s", error_is_null=True)
    said_again = pc.cast(pc.strftime(known, _TO_THE_SECOND), TEXT)
    return pc.fill_null(pc.equal(said_again, told), False)  # no February 30


def _fallen(members: pa.Table, told: pa.Table, judged: JudgedSets) -> pa.Array:
    """Of each set how many members the verdict keeps out of it."""
    if members.num_rows == told.num_rows:
        return pa.repeat(pa.scalar(0, pa.int64()), judged.sets.num_rows)
    came = np.bincount(members.column("set_ordinal").drop_null().to_numpy())
    stayed = np.bincount(told.column("set_ordinal").to_numpy(), minlength=len(came))
    return pa.array((came - stayed)[judged.sets.column("set_ordinal").to_numpy()])


def _who_fell(members: pa.Table, told: pa.Table, judged: JudgedSets) -> pa.Array:
    """Of each set the ids of those members, empty where none is told; null of one that is whole."""
    is_told = pc.is_in(members["member_ordinal"], told["member_ordinal"].combine_chunks())
    fell = members.filter(pc.and_(pc.invert(is_told), pc.is_valid(members["set_ordinal"])))
    ids = defaultdict(list)
    told_ids = pc.fill_null(fell.column("exchange_member_id"), "").to_pylist()
    for ordinal, member_id in zip(fell["set_ordinal"].to_pylist(), told_ids, strict=True):
        ids[ordinal].append(member_id)
    of_sets = [ids.get(one) for one in judged.sets.column("set_ordinal").to_pylist()]
    return pa.array(of_sets, pa.list_(TEXT))


def _refuse(conn: sa.Connection, told: pa.Table, judged: JudgedSets, ids: dict[str, int]) -> None:
    """Says of the members of sets that can be nothing why they are rejected."""
    refused = pa.table({"member_ordinal": told["member_ordinal"], "reason": judged.reasons})
    refused = refused.filter(pc.is_valid(refused.column("reason")))
    if refused.num_rows:
        copy_to_temporary(conn, "refused_member", refused)
        conn.execute(_REFUSED_DISPOSITIONS, ids)


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
