"""What persons do with breaks and cases: the rows of `schemas/work.toml`, to one or to many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from schemas.errors import Terminal
from schemas.work import Action, Desk, load_work_rules


@dataclass(frozen=True)
class Said:
    """A person's word about pieces of work. `account` is the operating system's."""

    action: str
    person: str
    account: str
    reason: str | None = None
    owner: str | None = None
    until: date | None = None  # the last day of a waiver, or out of the queue


def act(
    conn: sa.Connection, desk: Desk, ids: Sequence[int], said: Said, version: int | None = None
) -> int:
    """How many breaks or cases the person's word was applied to: all of them, or none.

    Raises Terminal when one is not there, is in a state or of a kind that the action is not for,
    or, with `version`, was changed since the person has looked at it.
    """
    action = _action(said)
    rows, number = desk.rows, desk.number
    locked = (
        sa.select(number.label("number"), rows.c.state, rows.c.kind, rows.c.version)
        .where(number.in_(ids))
        .order_by(number)
        .with_for_update()
    )
    known = conn.execute(locked).all()
    _require_all(desk, ids, known, action, version)
    conn.execute(sa.update(rows).where(number.in_(ids)).values(**_changes(rows, action, said)))
    told = {
        "person": said.person.strip(),
        "account": said.account,
        "action": said.action,
        "reason": said.reason.strip() if said.reason else None,
    }
    literals = [sa.literal(value, sa.Text).label(name) for name, value in told.items()]
    conn.execute(
        sa.insert(desk.events).from_select(
            [number.name, "state", *told],
            sa.select(number, rows.c.state, *literals).where(number.in_(ids)).order_by(number),
        )
    )
    return len(known)


def _changes(rows: sa.Table, action: Action, said: Said) -> dict[str, object]:
    """The new values of the row's columns."""
    changes: dict[str, object] = {"version": rows.c.version + 1}
    if action.becomes:
        changes |= {"state": action.becomes, "waived_until": None, "snoozed_until": None}
    if action.until:
        changes[action.until] = said.until
    if action.escalates:
        changes["is_escalated"] = True
    if said.owner:
        changes["owner"] = said.owner.strip()
    return changes


def _action(said: Said) -> Action:
    """The row, once the person has said all that it needs."""
    action = load_work_rules().action(said.action)
    if not said.person.strip():
        raise Terminal("This needs a person. Give --by.")
    given = {"owner": said.owner, "reason": (said.reason or "").strip(), "until": said.until}
    for need in action.needs:
        if not given[need]:
            raise Terminal(f"To {said.action.replace('-', ' ')} needs --{_OPTIONS[need]}.")
    return action


_OPTIONS = {"owner": "to", "reason": "reason", "until": "until"}


def _require_all(
    desk: Desk,
    ids: Sequence[int],
    known: Sequence[Any],
    action: Action,
    version: int | None,
) -> None:
    noun, doing = desk.noun, action.name.replace("-", " ")
    missing = sorted(set(ids) - {row.number for row in known})
    if missing:
        raise Terminal(f"There is no {noun} {missing[0]}. `edi834 {noun}s list` names them.")
    for row in known:
        look = f"`edi834 {noun}s show {row.number}`"
        name = f"{noun.capitalize()} {row.number}"
        if row.state not in action.from_:
            raise Terminal(
                f"{name} is {row.state.replace('_', ' ')}: to {doing} is not possible now. "
                f"See {look}."
            )
        if action.kinds and row.kind not in action.kinds:
            raise Terminal(f"{name} closes itself: to {doing} is not for it. See {look}.")
        if version is not None and row.version != version:
            raise Terminal(
                f"{name} was changed by somebody else since you have looked at it. "
                f"Look again: {look}."
            )
