"""The months that the database remembers: what was sent, what came back, what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.errors import Terminal
from schemas.months import month_action, month_file, month_word
from schemas.persons import plain_name
from schemas.postgres_copy import copy_into

Word = Literal["released", "dropped", "done"]
_FIRST_STATE = {"correct": "open", "look": "open", "dispute": "draft", "ignore": "ignored"}
_WAITING = ("open", "draft")


@dataclass(frozen=True)
class MonthFile:
    """A file of the month as it is remembered; columns of `schemas/months.py`."""

    partner_id: str
    kind: Literal["rcni", "answer", "pre_audit"]
    layout: str
    name: str
    coverage_year: int
    month: str  # CCYYMM
    sha256: str  # of an answer that came packed, without that
    size_bytes: int
    storage_key: str
    as_of: datetime
    answers_month_file_id: int | None
    records: int
    balance: dict[str, Any]
    state: Literal["written", "loaded", "refused", "held"]
    file_id: int | None  # in the ledger; none of what has not been sent
    frozen_key: str | None = None  # of a pre-audit file: its rows as Parquet
    judged_by: str | None = None  # in whose name a night held it


@dataclass(frozen=True)
class Spoken:
    """What a person says about actions: who, under which account, and why."""

    word: Word
    decided_by: str
    account: str
    reason: str


@dataclass(frozen=True)
class Said:
    """A person's word about a file: who, under which account, and why."""

    by: str
    account: str
    reason: str


def known_file(conn: sa.Connection, partner_id: str, kind: str, month: str, sha256: str) -> Any:
    """The row of the file of that month (CCYYMM) with these bytes; None when it was never here."""
    found = sa.select(month_file).where(
        month_file.c.partner_id == partner_id,
        month_file.c.kind == kind,
        month_file.c.month == month,
        month_file.c.sha256 == sha256,
    )
    return conn.execute(found).mappings().one_or_none()


def remember(conn: sa.Connection, file: MonthFile) -> int:
    """The id of the file, whose bytes are new to us."""
    made = sa.insert(month_file).values(**vars(file)).returning(month_file.c.month_file_id)
    month_file_id: int = conn.execute(made).scalar_one()
    return month_file_id


def last_told(conn: sa.Connection, partner_id: str, coverage_year: int) -> Any:
    """The row of the RCNI of that year that the exchange answers; None when there is none.

    That is the one that was sent last. Where none is sent by us but carried otherwise, it is the
    one that was written last.
    """
    found = (
        sa.select(month_file)
        .where(
            month_file.c.partner_id == partner_id,
            month_file.c.kind == "rcni",
            month_file.c.coverage_year == coverage_year,
        )
        .order_by((month_file.c.state == "sent").desc(), month_file.c.month_file_id.desc())
        .limit(1)
    )
    return conn.execute(found).mappings().one_or_none()


def release(conn: sa.Connection, month_file_id: int, by: str, account: str, reason: str) -> str:
    """The name of the RCNI that the partner's next night sends, by a person's word.

    Raises Terminal when person or reason is missing, when there is no such file, when it is
    released already, or when one that is newer has been sent: older ones tell what is past.
    """
    if not by.strip() or not reason.strip():
        raise Terminal("A word needs a person and a reason. Give --by and --reason.")
    mine = month_file.c.month_file_id == month_file_id
    row = conn.execute(sa.select(month_file).where(mine).with_for_update()).mappings().first()
    if row is None or row["kind"] != "rcni":
        raise Terminal(
            f"There is no monthly file {month_file_id} of ours. `edi834 month files` lists them."
        )
    if row["state"] != "written":
        raise Terminal(f"Monthly file {month_file_id} is {row['state']} already.")
    newer = last_told(conn, row["partner_id"], row["coverage_year"])
    if newer["state"] == "sent" and newer["month_file_id"] > month_file_id:
        raise Terminal(
            f"Monthly file {newer['month_file_id']} is newer, and sent. Write a new one: "
            "`edi834 month rcni`."
        )
    said = {"released_by": by.strip(), "account": account, "reason": reason.strip()}
    conn.execute(sa.update(month_file).where(mine).values(state="released", **said))
    return str(row["name"])


def next_released(conn: sa.Connection, partner_id: str) -> Any:
    """The row of the RCNI that was written first of those that are released; None without any."""
    found = (
        sa.select(month_file)
        .where(month_file.c.partner_id == partner_id, month_file.c.state == "released")
        .order_by(month_file.c.month_file_id)
        .limit(1)
        .with_for_update()
    )
    return conn.execute(found).mappings().first()


def mark_sent(conn: sa.Connection, month_file_id: int, file_id: int) -> None:
    """The released file is that one of the ledger from now on."""
    conn.execute(
        sa.update(month_file)
        .where(month_file.c.month_file_id == month_file_id)
        .values(state="sent", file_id=file_id)
    )


def newest_pre_audits(conn: sa.Connection, partner_id: str) -> list[dict[str, Any]]:
    """The rows of the newest pre-audit file of each coverage year that was not refused.

    That is the one that the exchange has gathered last, whenever it came.
    """
    found = (
        sa.select(month_file)
        .ext(distinct_on(month_file.c.coverage_year))
        .where(
            month_file.c.partner_id == partner_id,
            month_file.c.kind == "pre_audit",
            month_file.c.state == "loaded",
        )
        .order_by(
            month_file.c.coverage_year,
            sa.func.coalesce(month_file.c.balance["gathered"].astext, "").collate("C").desc(),
            month_file.c.month_file_id.desc(),
        )
    )
    return [dict(row) for row in conn.execute(found).mappings()]


def decide_held(
    conn: sa.Connection, month_file_id: int, state: Literal["loaded", "refused"], said: Said
) -> dict[str, Any]:
    """The row of a held pre-audit file, now that a second person has accepted or refused it.

    Raises Terminal when it is not held, when person or reason is missing, or when the person is the
    one in whose name the night ran that held it.
    """
    if not said.by.strip() or not said.reason.strip():
        raise Terminal("A word needs a person and a reason. Give --by and --reason.")
    mine = month_file.c.month_file_id == month_file_id
    row = conn.execute(sa.select(month_file).where(mine).with_for_update()).mappings().first()
    if row is None or row["state"] != "held":
        raise Terminal(
            f"Monthly file {month_file_id} is {row['state'] if row else 'not known'}, not held: "
            "there is nothing to decide. `edi834 month files` lists them."
        )
    if plain_name(said.by) == plain_name(row["judged_by"]):
        raise Terminal(
            f"The night that held monthly file {month_file_id} ran in the name of "
            f"{row['judged_by']}. Somebody else must decide."
        )
    told = {"released_by": said.by.strip(), "account": said.account, "reason": said.reason.strip()}
    conn.execute(sa.update(month_file).where(mine).values(state=state, **told))
    return dict(row)


def month_files(conn: sa.Connection, partner_id: str | None = None) -> list[dict[str, Any]]:
    """All files of the month, of a partner or of all, in the order in which they were known."""
    found = sa.select(month_file).order_by(month_file.c.month_file_id)
    if partner_id is not None:
        found = found.where(month_file.c.partner_id == partner_id)
    return [dict(row) for row in conn.execute(found).mappings()]


def keep_actions(
    conn: sa.Connection, month_file_id: int, actions: pa.Table, event_ids: pa.Array, due_on: date
) -> None:
    """Keeps what follows from an answer; what the answers before it left open is superseded.

    Those are the answers for the same partner and coverage year: a difference that is still there
    stands in the new one again.
    """
    new = sa.select(month_file.c.partner_id, month_file.c.coverage_year).where(
        month_file.c.month_file_id == month_file_id
    )
    older = sa.select(month_file.c.month_file_id).where(
        sa.tuple_(month_file.c.partner_id, month_file.c.coverage_year).in_(new),
        month_file.c.kind == "answer",
        month_file.c.month_file_id < month_file_id,
    )
    conn.execute(
        sa.update(month_action)
        .where(month_action.c.month_file_id.in_(older), month_action.c.state.in_(_WAITING))
        .values(state="superseded")
    )
    conn.execute(
        sa.update(month_file)
        .where(month_file.c.month_file_id.in_(older), month_file.c.state == "loaded")
        .values(state="superseded")
    )
    kinds = actions["action"].to_pylist()
    columns = {
        "event_id": event_ids,
        "state": pa.array([_FIRST_STATE[kind] for kind in kinds], pa.large_string()),
        "due_on": pa.array([due_on if k == "dispute" else None for k in kinds], pa.date32()),
    }
    for name, column in columns.items():
        actions = actions.append_column(name, column)
    copy_into(conn, month_action, actions, month_file_id=month_file_id)


# An action is about the break of the same member, field and year; of a whole record its kind is
# that of the break.
_BREAKS = """
UPDATE reconciliation.month_action a SET break_id = b.break_id
FROM reconciliation.month_file f, reconciliation.break b
WHERE a.month_file_id = :month_file_id AND f.month_file_id = a.month_file_id
  AND a.action <> 'ignore' AND b.source = 'monthly' AND b.partner_id = f.partner_id
  AND b.period = CAST(f.coverage_year AS text) AND b.exchange_policy_id = a.exchange_policy_id
  AND coalesce(b.exchange_member_id, '') = coalesce(a.exchange_member_id, '')
  AND coalesce(b.field, '') = coalesce(a.field, '') AND b.state <> 'resolved'
  AND b.kind = CASE WHEN a.field IS NOT NULL THEN 'differs'
    WHEN a.rule = 'not-in-our-file' THEN 'missing_in_book' ELSE 'missing_at_carrier' END
"""


def name_breaks(conn: sa.Connection, month_file_id: int) -> None:
    """Notes at each action of an answer the break that it is about."""
    conn.execute(sa.text(_BREAKS), {"month_file_id": month_file_id})


# With the bytes on both sides: of the exchange's answer, and of the 834 that told us our value.
_ACTIONS = """
SELECT a.*, f.partner_id, f.coverage_year, f.name AS answer_name, f.sha256 AS answer_sha256,
  e.byte_start AS event_byte_start, e.byte_end AS event_byte_end, e.file_id AS event_file_id,
  l.name AS event_file_name, l.sha256 AS event_sha256,
  w.word, w.decided_by, w.reason, w.decided_at, t.dispute_file_id
FROM reconciliation.month_action a
JOIN reconciliation.month_file f USING (month_file_id)
LEFT JOIN book.event e ON e.event_id = a.event_id
LEFT JOIN ledger.file l ON l.file_id = e.file_id
LEFT JOIN reconciliation.month_word w ON w.action_id = a.action_id
LEFT JOIN ledger.dispute_told t ON t.action_id = a.action_id
WHERE (CAST(:partner_id AS text) IS NULL OR f.partner_id = :partner_id)
  AND (:everything OR a.state IN ('open', 'draft'))
  AND (CAST(:action_id AS bigint) IS NULL OR a.action_id = :action_id)
ORDER BY a.action_id
"""

_MENDED = """
SELECT a.action_id FROM reconciliation.month_action a
JOIN reconciliation.month_file f USING (month_file_id)
JOIN reconciliation.break b ON b.break_id = a.break_id
WHERE a.action_id = ANY(:ids) AND (b.state = 'resolved' OR EXISTS (
  SELECT FROM reconciliation.break_event e
  WHERE e.break_id = b.break_id AND e.action = 'gone' AND e.at > f.as_of))
"""


def list_actions(
    conn: sa.Connection,
    partner_id: str | None = None,
    *,
    everything: bool = False,
    action_id: int | None = None,
) -> list[dict[str, Any]]:
    """What waits for a person, or everything that ever followed, with the evidence of each.

    `dispute_file_id` is the file in which a dispute went to the exchange.
    """
    asked = {"partner_id": partner_id, "everything": everything, "action_id": action_id}
    return [dict(row) for row in conn.execute(sa.text(_ACTIONS), asked).mappings()]


def mended(conn: sa.Connection, action_ids: Sequence[int]) -> set[int]:
    """Those of the actions of which the break is closed, or was since: a newer answer said so."""
    return set(conn.execute(sa.text(_MENDED), {"ids": list(action_ids)}).scalars())


def speak(conn: sa.Connection, action_ids: Sequence[int], spoken: Spoken) -> Decimal:
    """The dollars a month of the actions, now that a person has said what becomes of them.

    A draft is released or dropped, anything else that is open is done or dropped. Raises Terminal,
    and changes nothing, when person or reason is missing or one of the actions does not wait for
    that word.
    """
    if not spoken.decided_by.strip() or not spoken.reason.strip():
        raise Terminal("A word needs a person and a reason. Give --by and --reason.")
    wanted = {"released": ("draft",), "done": ("open",), "dropped": _WAITING}[spoken.word]
    chosen = sorted(set(action_ids))
    found = conn.execute(
        sa.select(month_action.c.action_id, month_action.c.state, month_action.c.dollars)
        .where(month_action.c.action_id.in_(chosen))
        .order_by(month_action.c.action_id)
        .with_for_update()
    ).all()
    waiting = {row.action_id for row in found if row.state in wanted}
    other = [one for one in chosen if one not in waiting]
    if other or not chosen:
        states = {row.action_id: row.state for row in found}
        what = f"Action {other[0]} is {states.get(other[0], 'not known')}" if other else "No action"
        raise Terminal(
            f"{what}; {spoken.word} can be what is {' or '.join(wanted)}. "
            "`edi834 month actions` names what waits."
        )
    conn.execute(sa.insert(month_word), [{"action_id": one, **vars(spoken)} for one in chosen])
    conn.execute(
        sa.update(month_action)
        .where(month_action.c.action_id.in_(chosen))
        .values(state=spoken.word)
    )
    return sum((row.dollars for row in found), Decimal("0.00"))
