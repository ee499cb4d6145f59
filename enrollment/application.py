"""Application: staged events change the book, in the order in which the exchange meant them.

Policies of which something new has come are folded again from their first transaction
(`enrollment/fold.py`), what should be believed of them is worked out from what applied, and the
difference to the book is written. Every statement works on all policies at once; the rounds of the
fold are at most twice as many as one policy has transactions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from enrollment import amounts, coverages, fold, members, outcomes, particulars, policies
from enrollment.audits import judge_audits
from enrollment.following import open_follow
from enrollment.versions import TABLES, write_fresh, write_versions
from schemas import book
from schemas.book import SAID_BY_ISSUER, event_set, policy
from schemas.database import file
from schemas.errors import Terminal
from schemas.moments import typed
from schemas.partners import Exchange
from schemas.postgres_copy import give_memory

_TEMPORARY = (
    "follow", "fold_policy", "fold_set", "fold_member", "fold_cause", "told_set", "retracted",
    "decided_set", "round_set", "open_policy", "member_span", "plan_span", "corrected_again",
    *(f"next_{table.name}" for table in TABLES),
)  # fmt: skip

_PLAIN = (
    (book.policy, policies.PLAIN),
    (book.member, members.PLAIN),
    (book.coverage, coverages.PLAIN),
    (book.amount, amounts.PLAIN),
    (book.address, particulars.PLAIN_ADDRESSES),
)

# After a first large file the planner would take the tables for small ones, or for empty ones when
# a large night was rolled back before, and every question of the night would pay for it. What was
# said is counted before it is folded, what is believed of it afterwards. A small night changes no
# statistics.
_MANY = 1000
_ANALYZE_SAID = sa.text("""ANALYZE
  book.event_set (file_id, set_ordinal, exchange_policy_id, partner_id, state, transaction),
  book.event (event_id, file_id, set_ordinal, member_ordinal, is_subscriber, maintenance_type)
""")
_ANALYZE_BELIEVED = sa.text(
    "ANALYZE "
    + ", ".join(f"{t.fullname} ({', '.join(c.name for c in t.primary_key)})" for t in TABLES)
)


@dataclass(frozen=True)
class Application:
    """How many transaction sets went into the book, said what it says already, or wait.

    `applied` and `duplicate` count sets that became so now; `pending` counts all that wait.
    """

    applied: int
    duplicate: int
    pending: int


@dataclass(frozen=True)
class Night:
    """In which run, at whose exchange and as of when the book learns."""

    run_id: int
    partner_id: str
    exchange: Exchange
    known_at: datetime


def apply_events(
    conn: sa.Connection, night: Night, file_ids: list[int], policy_ids: list[str] | None = None
) -> Application:
    """What became of the staged sets of these files, and of the partner's waiting ones.

    `policy_ids` are policies of which something else has become otherwise.

    `known_at` is the moment from which the book believes them. Dispositions follow: `accepted` for
    what is in the book, `pending` with the reason for what waits for another transaction or a
    person. What the gate has not let through is not among the files, and stays as it is. Raises
    Terminal when the book has learnt something later than `known_at`.
    """
    parameters = {
        "run_id": night.run_id,
        "partner_id": night.partner_id,
        "known_at": night.known_at,
        "file_ids": file_ids,
        "policy_ids": policy_ids or [],
        "ours": list(SAID_BY_ISSUER.values()),
    }
    conn.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:partner_id, 834))"), parameters
    )
    _check_time(conn, night.partner_id, night.known_at)
    give_memory(conn)
    conn.execute(sa.text("DROP TABLE IF EXISTS " + ", ".join(f"pg_temp.{n}" for n in _TEMPORARY)))
    _execute(conn, outcomes.GIVE_UP, parameters)
    conn.execute(fold.TOUCHED_POLICIES, parameters)
    counts: dict[str, int] = {}
    touched: int = conn.execute(sa.text("SELECT count(*) FROM fold_policy")).scalar_one()
    if touched >= _MANY:
        conn.execute(_ANALYZE_SAID)
    if touched:
        counts = _fold(conn, night, parameters)
    if touched >= _MANY:
        conn.execute(_ANALYZE_BELIEVED)
    audited = judge_audits(conn, parameters)
    _mark(conn, file_ids, "applied")
    waiting = sa.select(sa.func.count()).where(
        event_set.c.partner_id == night.partner_id,
        event_set.c.state == "pending",
        event_set.c.reason.is_not(None),
    )
    return Application(
        counts.get("applied", 0) + audited,
        counts.get("duplicate", 0),
        conn.execute(waiting).scalar_one(),
    )


def _check_time(conn: sa.Connection, partner_id: str, known_at: datetime) -> None:
    later = sa.select(
        sa.exists().where(policy.c.partner_id == partner_id, policy.c.known_from > known_at)
    )
    if conn.execute(later).scalar_one():
        raise Terminal(
            f"The book of {partner_id} holds beliefs from after {typed(known_at)}. "
            "Run the night with a later moment."
        )


def _fold(conn: sa.Connection, night: Night, parameters: dict[str, Any]) -> dict[str, int]:
    """The number of sets by what they became, of those of which it was something else before."""
    open_follow(conn, night.exchange)
    _execute(conn, fold.PREPARE, parameters)
    _play_rounds(conn, parameters)
    conn.execute(policies.TOLD_SETS, parameters)
    for room in (policies, members, coverages, amounts, particulars):
        _execute(conn, room.STATEMENTS, parameters)
    for table in TABLES:
        _execute(conn, write_versions(table), parameters)
    for table, plain in _PLAIN:
        conn.execute(write_fresh(table, plain), parameters)
    _execute(conn, outcomes.STATEMENTS, parameters)
    return {row.state: row.sets for row in conn.execute(outcomes.COUNT_OUTCOMES)}


def _play_rounds(conn: sa.Connection, parameters: dict[str, Any]) -> None:
    """Tries the sets until all are decided."""
    conn.execute(fold.FIRST_ROUND, parameters)
    _execute(conn, fold.AFTER_ROUND, parameters)
    while conn.execute(fold.COUNT_OPEN).scalar_one():
        _execute(conn, fold.BEFORE_NEXT_ROUND, parameters)
        conn.execute(fold.NEXT_ROUND, parameters)
        _execute(conn, fold.AFTER_ROUND, parameters)


def _execute(
    conn: sa.Connection, statements: Iterable[sa.Executable], parameters: dict[str, Any]
) -> None:
    for statement in statements:
        conn.execute(statement, parameters)


def refuse_files(
    conn: sa.Connection, run_id: int, file_ids: list[int], reason: str = "gate-refused"
) -> None:
    """Keeps everything that is staged of these files out of the book, for good.

    Their members' dispositions say why. Files that are not staged stay as they are.
    """
    for statement in (outcomes.REFUSE_DISPOSITIONS, outcomes.REFUSE_SETS):
        conn.execute(statement, {"run_id": run_id, "file_ids": file_ids, "reason": reason})
    _mark(conn, file_ids, "refused")


def _mark(conn: sa.Connection, file_ids: list[int], state: str) -> None:
    conn.execute(
        sa.update(file)
        .where(file.c.file_id.in_(file_ids), file.c.state == "staged")
        .values(state=state)
    )
