"""Application: staged events change the book, in the order in which the exchange meant them.

The work goes round by round. A round takes the next waiting transaction set of every policy,
judges all of them against the book, and writes the new versions, with the same few statements
however many policies there are. A night in which no policy has more than three transactions has
three rounds.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from enrollment import amounts, members, policies, rounds
from schemas.database import file, policy
from schemas.errors import Terminal

# After a first large file the planner would take the tables for small ones, and every later
# question of the night would pay for it.
_ANALYZE = sa.text(
    "ANALYZE book.event_set, book.event, book.event_amount, book.policy, book.member, book.amount"
)


@dataclass(frozen=True)
class Application:
    """How many transaction sets went into the book, said what it says already, or wait.

    A set that waited and was tried again counts once, with its last outcome.
    """

    applied: int
    duplicate: int
    pending: int


def apply_events(
    conn: sa.Connection, run_id: int, partner_id: str, known_at: datetime, file_ids: list[int]
) -> Application:
    """What became of the staged sets of these files, and of the partner's waiting ones.

    `known_at` is the moment from which the book believes them. Applies each set once: what is
    applied already is not on the list. Dispositions follow: `accepted` for what is in the book,
    `pending` with the reason for what waits for another transaction or a person. What the gate
    has not let through is not among the files, and stays as it is.
    """
    parameters = {
        "run_id": run_id,
        "partner_id": partner_id,
        "known_at": known_at,
        "file_ids": file_ids,
    }
    conn.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:partner_id, 834))"), parameters
    )
    _check_time(conn, partner_id, known_at)
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.worklist, pg_temp.next_member"))
    conn.execute(rounds.OPEN_WORKLIST, parameters)
    conn.execute(sa.text("ANALYZE worklist"))
    members.next_member.create(conn)
    counts = {"applied": 0, "duplicate": 0}
    while outcomes := _apply_round(conn, parameters):
        for settled in counts:
            counts[settled] += outcomes.get(settled, 0)
    waiting = sa.text("SELECT count(*) FROM worklist WHERE NOT done")
    pending: int = conn.execute(waiting).scalar_one()
    _mark(conn, file_ids, "applied")
    if counts["applied"]:
        conn.execute(_ANALYZE)
    return Application(**counts, pending=pending)


def _check_time(conn: sa.Connection, partner_id: str, known_at: datetime) -> None:
    later = sa.select(
        sa.exists().where(policy.c.partner_id == partner_id, policy.c.known_from > known_at)
    )
    if conn.execute(later).scalar_one():
        raise Terminal(
            f"The book of {partner_id} holds beliefs from after {known_at:%Y-%m-%d %H:%M}. "
            "Run the night with a later moment."
        )


def _apply_round(conn: sa.Connection, parameters: dict[str, Any]) -> dict[str, int]:
    """The number of sets of each outcome; empty when no set was left to be tried."""
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.round_set"))
    conn.execute(rounds.JUDGE_ROUND, parameters)
    conn.execute(sa.text("ANALYZE round_set"))
    outcomes = {row.outcome: row.sets for row in conn.execute(rounds.COUNT_OUTCOMES)}
    if not outcomes:
        return {}
    if "applied" in outcomes:
        for statement in (*members.STATEMENTS, *policies.STATEMENTS, *amounts.STATEMENTS):
            conn.execute(statement, parameters)
    for statement in rounds.AFTER_ROUND:
        conn.execute(statement, parameters)
    return outcomes


def refuse_files(conn: sa.Connection, run_id: int, file_ids: list[int]) -> None:
    """Keeps everything that is staged of these files out of the book, for good.

    Their members' dispositions say why. Files that are not staged stay as they are.
    """
    for statement in (rounds.REFUSE_DISPOSITIONS, rounds.REFUSE_SETS):
        conn.execute(statement, {"run_id": run_id, "file_ids": file_ids})
    _mark(conn, file_ids, "refused")


def _mark(conn: sa.Connection, file_ids: list[int], state: str) -> None:
    conn.execute(
        sa.update(file)
        .where(file.c.file_id.in_(file_ids), file.c.state == "staged")
        .values(state=state)
    )
