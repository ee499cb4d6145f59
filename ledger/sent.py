"""Files that we send: recorded with their control numbers before they leave, delivered once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ledger import audit
from ledger.corrections import Word
from schemas.audit import audit_entry
from schemas.database import file, functional_group, interchange, transaction_set
from schemas.errors import Terminal
from schemas.postgres_copy import copy_into

_TO_EXCHANGE = "issuer_to_exchange"

Decided = Literal["delivery arrived", "delivery lost"]
Delivery = Literal["delivery begun", "delivery arrived", "delivery lost"]


@dataclass(frozen=True)
class SentFile:
    """A file for the exchange that lies in the outbox.

    `answers_file_id` is the received file that it answers; null for one that is made per run.
    """

    partner_id: str
    name: str
    kind: Literal["ta1", "999", "enrollment", "error_report", "rcni"]
    function_code: str | None
    sha256: str
    size_bytes: int
    storage_key: str
    run_id: int
    created_at: datetime
    answers_file_id: int | None = None


@dataclass(frozen=True)
class SentEnvelopes:
    """The control numbers in a sent file.

    Each table has its ordinals and `control_number`, and any further columns of
    `tables.INTERCHANGES`, `tables.FUNCTIONAL_GROUPS` or `tables.TRANSACTION_SETS`.
    """

    interchanges: pa.Table
    functional_groups: pa.Table
    transaction_sets: pa.Table


def record_sent(conn: sa.Connection, sent: SentFile, envelopes: SentEnvelopes | None = None) -> int:
    """The id of the file in the ledger, where it is recorded once.

    There is one answer of a kind to a received file, and one file of a kind in a run for what
    answers no file: recording a second one changes nothing and returns the first one's id.
    """
    row = insert(file).values(
        direction=_TO_EXCHANGE,
        partner_id=sent.partner_id,
        name=sent.name,
        kind=sent.kind,
        function_code=sent.function_code,
        sha256=sent.sha256,
        size_bytes=sent.size_bytes,
        storage_key=sent.storage_key,
        run_id=sent.run_id,
        recorded_at=sent.created_at,
        state="written",
        answers_file_id=sent.answers_file_id,
    )
    new = conn.execute(row.on_conflict_do_nothing().returning(file.c.file_id)).scalar()
    if new is None:
        return _recorded(conn, sent)
    if envelopes is not None:
        copy_into(conn, interchange, envelopes.interchanges, file_id=new)
        copy_into(conn, functional_group, envelopes.functional_groups, file_id=new)
        copy_into(conn, transaction_set, envelopes.transaction_sets, file_id=new)
    return int(new)


def _recorded(conn: sa.Connection, sent: SentFile) -> int:
    found = sent_file_id(conn, sent.kind, sent.run_id, sent.partner_id, sent.answers_file_id)
    if found is None:
        raise Terminal(
            f"A file {sent.name} with this content was sent to {sent.partner_id} as another kind. "
            "Give each file a name of its own."
        )
    return found


def sent_file_id(
    conn: sa.Connection,
    kind: str,
    run_id: int,
    partner_id: str,
    answers_file_id: int | None = None,
) -> int | None:
    """The id of the file of that kind that was sent already, or null.

    Looks for the answer to `answers_file_id`, or without one for the run's file to the partner.
    """
    same = (
        (file.c.answers_file_id == answers_file_id)
        if answers_file_id is not None
        else (
            file.c.answers_file_id.is_(None)
            & (file.c.run_id == run_id)
            & (file.c.partner_id == partner_id)
        )
    )
    found = sa.select(file.c.file_id).where(
        file.c.direction == _TO_EXCHANGE, file.c.kind == kind, same
    )
    return conn.execute(found).scalar()


def undelivered(conn: sa.Connection, partner_id: str) -> list[sa.Row[Any]]:
    """The partner's sent files that have been written but not delivered, oldest first."""
    waiting = sa.select(file).where(
        file.c.direction == _TO_EXCHANGE,
        file.c.partner_id == partner_id,
        file.c.state == "written",
    )
    return list(conn.execute(waiting.order_by(file.c.file_id)).all())


def lock_undelivered(conn: sa.Connection, file_id: int) -> bool:
    """Whether the file still waits for its delivery; nobody else delivers it until the end."""
    waiting = sa.select(file.c.file_id).where(file.c.file_id == file_id, file.c.state == "written")
    return conn.execute(waiting.with_for_update()).scalar() is not None


def delivery_of(conn: sa.Connection, file_id: int) -> Delivery | None:
    """How far the delivery of a written file has come; None while it has no name at the exchange.

    Begun: it has one, or was about to get it. Arrived, or lost: a person has said so.
    """
    of_file = (audit_entry.c.object_kind == "file") & (audit_entry.c.object_id == file_id)
    told = sa.select(audit_entry.c.ordinal, audit_entry.c.action).where(
        of_file, audit_entry.c.action.in_(get_args(Delivery))
    )
    last = max(conn.execute(told).all(), key=lambda row: row.ordinal, default=None)
    return last.action if last is not None and last.action != "delivery lost" else None


def begin_delivery(conn: sa.Connection, file_id: int) -> None:
    """Keeps that the file is about to get its name at the exchange."""
    audit.note(conn, "delivery begun", "file", file_id)


def doubt_deliveries(conn: sa.Connection) -> list[int]:
    """The written files of which nobody can see from now on whether the exchange has them.

    For who knows that files may have left without our knowing, as after a restore: none of them is
    sent before the exchange's inbox shows it, or a person has decided.
    """
    waiting = sa.select(file.c.file_id).where(
        file.c.direction == _TO_EXCHANGE, file.c.state == "written"
    )
    in_doubt = []
    for file_id in conn.execute(waiting.order_by(file.c.file_id)).scalars().all():
        known = delivery_of(conn, file_id)
        if known is None:
            begin_delivery(conn, file_id)
        if known != "delivery arrived":
            in_doubt.append(file_id)
    return in_doubt


def decide_delivery(conn: sa.Connection, file_id: int, decided: Decided, word: Word) -> None:
    """A person's word for a file of which nobody can see whether the exchange has it.

    With it the next night takes the file as delivered, or sends the same bytes again. Raises
    Terminal when its delivery is not in doubt.
    """
    word.require("decide about a delivery")
    if not lock_undelivered(conn, file_id) or delivery_of(conn, file_id) != "delivery begun":
        raise Terminal(f"Whether file {file_id} has arrived is not in doubt. Nothing was changed.")
    reason = hashlib.sha256(word.reason.strip().encode()).hexdigest()
    audit.note(
        *(conn, decided, "file", file_id),
        by=word.person.strip(), account=word.account, reason_sha256=reason,
    )  # fmt: skip


def mark_delivered(conn: sa.Connection, file_id: int, delivered_at: datetime) -> None:
    """Marks a written file as delivered; one that was delivered before keeps its time."""
    conn.execute(
        sa.update(file)
        .where(file.c.file_id == file_id, file.c.state == "written")
        .values(state="delivered", delivered_at=delivered_at)
    )
