"""What persons say to the nights, and what stands: held partners, released files, steps again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ledger.corrections import Word
from schemas.database import file
from schemas.errors import Terminal
from schemas.operations import operator_word
from schemas.runs import step_failure

HELD, RESUMED = "partner held", "partner resumed"
RELEASED, EXPLAINED, AGAIN = "file released", "absence explained", "step asked for again"

_LAST = """
SELECT DISTINCT ON (partner_id) partner_id, word, person, said_at, reason
FROM ledger.operator_word
WHERE word IN ('partner held', 'partner resumed') AND partner_id = ANY(:partners)
ORDER BY partner_id, operator_word_id DESC
"""


@dataclass(frozen=True)
class PartnerHold:
    """A partner of whom nothing is applied or sent: who said so, when and why."""

    partner_id: str
    person: str
    said_at: datetime
    reason: str


@dataclass(frozen=True)
class Release:
    """A file that a person has let out of the quarantine: under which rule it was set apart."""

    word_id: int
    file_id: int
    rule: str
    person: str
    said_at: datetime
    reason: str
    taken_as: int | None  # the file as which a night has taken it in


def partner_holds(conn: sa.Connection, partner_ids: list[str]) -> dict[str, PartnerHold]:
    """Those of the partners that are held, by id."""
    rows = conn.execute(sa.text(_LAST), {"partners": partner_ids})
    return {
        row.partner_id: PartnerHold(row.partner_id, row.person, row.said_at, row.reason)
        for row in rows
        if row.word == HELD
    }


def all_partner_holds(conn: sa.Connection) -> tuple[PartnerHold, ...]:
    """All partners that are held, in the order of their ids."""
    known = conn.scalars(sa.select(operator_word.c.partner_id).where(operator_word.c.word == HELD))
    return tuple(partner_holds(conn, sorted(set(known))).values())


def is_held(conn: sa.Connection, partner_id: str) -> bool:
    """Whether nothing of the partner may be applied or sent."""
    return bool(partner_holds(conn, [partner_id]))


def hold_partner(conn: sa.Connection, partner_id: str, word: Word) -> None:
    """Nothing of the partner is applied or sent from the next step on. Raises Terminal if held."""
    word.require("hold a partner")
    _one_at_a_time(conn, partner_id)
    known = partner_holds(conn, [partner_id]).get(partner_id)
    if known is not None:
        raise Terminal(f"{partner_id} is held already, by {known.person}: {known.reason}")
    _say(conn, HELD, partner_id, word)


def resume_partner(conn: sa.Connection, partner_id: str, word: Word) -> None:
    """The next night applies and sends what has waited. Raises Terminal when nothing is held."""
    word.require("resume a partner")
    _one_at_a_time(conn, partner_id)
    if not is_held(conn, partner_id):
        raise Terminal(f"{partner_id} is not held. `edi834 partners list` shows who is.")
    _say(conn, RESUMED, partner_id, word)


def _one_at_a_time(conn: sa.Connection, partner_id: str) -> None:
    key = sa.func.hashtextextended(f"operator word/{partner_id}", 0)
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _say(conn: sa.Connection, said: str, partner_id: str, word: Word, **about: Any) -> int:
    row = sa.insert(operator_word).values(
        word=said,
        partner_id=partner_id,
        person=word.person.strip(),
        account=word.account,
        reason=word.reason.strip(),
        **about,
    )
    return int(conn.execute(row.returning(operator_word.c.operator_word_id)).scalar_one())


def explain_absence(
    conn: sa.Connection, partner_id: str, kind: str, due_at: datetime, word: Word
) -> None:
    """Closes the alarm of a file of that kind that was due then and has not come."""
    word.require("close an alarm")
    _one_at_a_time(conn, partner_id)
    _say(conn, EXPLAINED, partner_id, word, file_kind=kind, due_at=due_at)


def release_file(conn: sa.Connection, file_id: int, rule: str, word: Word) -> int:
    """The number of the word by which a file leaves the quarantine with the partner's next night.

    Raises Terminal when it is not in quarantine, or was released before.
    """
    word.require("release a file")
    row = conn.execute(
        sa.select(file.c.partner_id, file.c.state).where(file.c.file_id == file_id)
    ).one_or_none()
    if row is None or row.state != "quarantined":
        raise Terminal(f"File {file_id} is not in quarantine. `edi834 files list` shows what is.")
    _one_at_a_time(conn, row.partner_id)
    known = release_of(conn, file_id)
    if known is not None:
        raise Terminal(f"File {file_id} was released by {known.person} already: {known.reason}")
    return _say(conn, RELEASED, row.partner_id, word, file_id=file_id, rule=rule)


def _releases(conn: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Release]:
    columns = operator_word.c
    rows = sa.select(
        columns.operator_word_id,
        columns.file_id,
        columns.rule,
        columns.person,
        columns.said_at,
        columns.reason,
        columns.taken_as,
    ).where(columns.word == RELEASED, *conditions)
    found = conn.execute(rows.order_by(columns.operator_word_id))
    return [Release(*row) for row in found]


def release_of(conn: sa.Connection, file_id: int) -> Release | None:
    """By whose word the file left the quarantine; None when it did not."""
    found = _releases(conn, operator_word.c.file_id == file_id)
    return found[0] if found else None


def released_as(conn: sa.Connection, file_id: int) -> Release | None:
    """The word by which this file was taken in; None for one that came by itself."""
    found = _releases(conn, operator_word.c.taken_as == file_id)
    return found[0] if found else None


def in_quarantine(
    conn: sa.Connection, partner_ids: list[str] | None = None
) -> list[dict[str, Any]]:
    """The files in quarantine with the reason, the newest first, and who has released which."""
    columns = [file.c[name] for name in ("file_id", "partner_id", "name", "recorded_at", "note")]
    rows = (
        sa.select(*columns, operator_word.c.person.label("released_by"), operator_word.c.taken_as)
        .outerjoin(operator_word, operator_word.c.file_id == file.c.file_id)
        .where(file.c.state == "quarantined")
    )
    if partner_ids is not None:
        rows = rows.where(file.c.partner_id.in_(partner_ids))
    return [dict(row) for row in conn.execute(rows.order_by(file.c.file_id.desc())).mappings()]


def to_take_in(conn: sa.Connection, partner_id: str) -> list[Release]:
    """The partner's released files that no night has taken in yet, in the order of the words."""
    columns = operator_word.c
    return _releases(conn, columns.partner_id == partner_id, columns.taken_as.is_(None))


def mark_taken(conn: sa.Connection, word_id: int, file_id: int) -> None:
    """A night has taken the released file in as that one."""
    conn.execute(
        sa.update(operator_word)
        .where(operator_word.c.operator_word_id == word_id, operator_word.c.taken_as.is_(None))
        .values(taken_as=file_id)
    )


def ask_again(conn: sa.Connection, run_id: int, partner_id: str, step: str, word: Word) -> None:
    """A person wants the failed step done again: the next night does it.

    Raises Terminal when the step has not failed, or has gone through meanwhile.
    """
    word.require("try a step again")
    failed = sa.select(step_failure.c.step).where(
        step_failure.c.run_id == run_id,
        step_failure.c.partner_id == partner_id,
        step_failure.c.step == step,
    )
    if conn.execute(failed).scalar_one_or_none() is None:
        raise Terminal(f"{step!r} of run {run_id} has not failed for {partner_id}, or is done.")
    _say(conn, AGAIN, partner_id, word, run_id=run_id, step=step)


def words_of(conn: sa.Connection, partner_ids: list[str], newest: int) -> list[sa.Row[Any]]:
    """The newest words about these partners, with everything about each."""
    rows = sa.select(operator_word).where(operator_word.c.partner_id.in_(partner_ids))
    return list(conn.execute(rows.order_by(operator_word.c.operator_word_id.desc()).limit(newest)))
