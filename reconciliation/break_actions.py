"""What persons do with breaks: the rows of `schemas/breaks.toml`, applied to one or to many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from schemas.breaks import Action, break_, break_event, load_break_rules
from schemas.errors import Terminal


@dataclass(frozen=True)
class Said:
    """A person's word about breaks. `account` is the operating system's."""

    action: str
    person: str
    account: str
    reason: str | None = None
    owner: str | None = None
    until: date | None = None  # the last day of a waiver


def act(
    conn: sa.Connection, break_ids: Sequence[int], said: Said, version: int | None = None
) -> int:
    """How many breaks the person's word was applied to: all of them, or none.

    Raises Terminal when one is not there, is in a state that the action does not start from, or,
    with `version`, was changed since the person has looked at it.
    """
    action = _action(said)
    locked = (
        sa.select(break_.c.break_id, break_.c.state, break_.c.version)
        .where(break_.c.break_id.in_(break_ids))
        .order_by(break_.c.break_id)
        .with_for_update()
    )
    known = conn.execute(locked).all()
    _require_all(break_ids, known, action, version)
    of_these = break_.c.break_id.in_(break_ids)
    changes: dict[str, object] = {"version": break_.c.version + 1}
    if action.becomes:
        changes |= {"state": action.becomes, "waived_until": said.until}
    if said.owner:
        changes["owner"] = said.owner.strip()
    conn.execute(sa.update(break_).where(of_these).values(**changes))
    told = {
        "person": said.person.strip(),
        "account": said.account,
        "action": said.action,
        "reason": said.reason.strip() if said.reason else None,
    }
    literals = [sa.literal(value, sa.Text).label(name) for name, value in told.items()]
    conn.execute(
        sa.insert(break_event).from_select(
            ["break_id", "state", *told],
            sa.select(break_.c.break_id, break_.c.state, *literals)
            .where(of_these)
            .order_by(break_.c.break_id),
        )
    )
    return len(known)


def _action(said: Said) -> Action:
    """The row, once the person has said all that it needs."""
    action = load_break_rules().action(said.action)
    if not said.person.strip():
        raise Terminal("This needs a person. Give --by.")
    given = {"owner": said.owner, "reason": (said.reason or "").strip(), "until": said.until}
    for need in action.needs:
        if not given[need]:
            raise Terminal(f"To {said.action.replace('-', ' ')} needs --{_OPTIONS[need]}.")
    return action


_OPTIONS = {"owner": "to", "reason": "reason", "until": "until"}


def _require_all(
    break_ids: Sequence[int],
    known: Sequence[Any],
    action: Action,
    version: int | None,
) -> None:
    missing = sorted(set(break_ids) - {row.break_id for row in known})
    if missing:
        raise Terminal(f"There is no break {missing[0]}. `edi834 breaks list` names them.")
    for row in known:
        if row.state not in action.from_:
            raise Terminal(
                f"Break {row.break_id} is {row.state.replace('_', ' ')}: to "
                f"{action.name.replace('-', ' ')} is not possible now. See `edi834 breaks show "
                f"{row.break_id}`."
            )
        if version is not None and row.version != version:
            raise Terminal(
                f"Break {row.break_id} was changed by somebody else since you have looked at it. "
                f"Look again: `edi834 breaks show {row.break_id}`."
            )
