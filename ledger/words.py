"""What persons do with breaks and cases: the rows of `schemas/work.toml`, to one or to many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from schemas.errors import Terminal
from schemas.persons import is_same_person
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
    conn: sa.Connection,
    desk: Desk,
    ids: Sequence[int],
    said: Said,
    versions: Mapping[int, int] | None = None,
) -> int:
    """How many breaks or cases the person's word was applied to: all of them, or none.

    A waiver that needs a second person (`needing_second`) is asked for only: the row's state stays
    until another person allows or refuses it. Raises Terminal when one is not there, is in a state
    or of a kind that the action is not for, was asked for by the very person who answers, or, with
    `versions` by id, was changed since the person has looked at it.
    """
    action = _action(said)
    rows, number = desk.rows, desk.number
    names = ("state", "kind", "version", "asked_by")
    locked = (
        sa.select(number.label("number"), *(rows.c[name] for name in names))
        .where(number.in_(ids))
        .order_by(number)
        .with_for_update()
    )
    known = conn.execute(locked).all()
    _require_all(desk, ids, known, action, versions or {})
    if action.answers:
        _require_another(conn, desk, known, action, said)
    asked = needing_second(conn, desk, ids, said.action) if action.until == WAIVED else []
    _apply(conn, desk, sorted(set(ids) - set(asked)), said, _changes(rows, action, said))
    asking = {
        "version": rows.c.version + 1,
        "asked_by": said.person.strip(),
        "asked_until": said.until,
    }
    _apply(conn, desk, asked, replace(said, action=f"ask-{said.action}"), asking)
    return len(known)


WAIVED = "waived_until"


def needing_second(conn: sa.Connection, desk: Desk, ids: Sequence[int], action: str) -> list[int]:
    """Those of the rows of which the word needs a second person, by `schemas/work.toml`."""
    rule = load_work_rules().second(action)
    if rule is None:
        return []
    above = sa.select(desk.number).where(
        desk.number.in_(ids), desk.dollars > sa.literal(rule.dollars_above)
    )
    return list(conn.execute(above.order_by(desk.number)).scalars())


def _apply(
    conn: sa.Connection, desk: Desk, ids: Sequence[int], said: Said, changes: dict[str, object]
) -> None:
    """Changes the rows, and appends an event to each."""
    if not ids:
        return
    rows, number = desk.rows, desk.number
    conn.execute(sa.update(rows).where(number.in_(ids)).values(**changes))
    told = {
        "person": said.person.strip(),
        "account": said.account,
        "action": said.action,
        "reason": said.reason.strip() if said.reason else None,
    }
    literals = [sa.literal(value, sa.Text).label(name) for name, value in told.items()]
    conn.execute(
        sa.insert(desk.events).from_select(
            [number.name, "state", "until", *told],
            sa.select(number, rows.c.state, rows.c.waived_until, *literals)
            .where(number.in_(ids))
            .order_by(number),
        )
    )


def _changes(rows: sa.Table, action: Action, said: Said) -> dict[str, object]:
    """The new values of the row's columns."""
    changes: dict[str, object] = {"version": rows.c.version + 1}
    if action.becomes:
        changes |= {"state": action.becomes, "waived_until": None, "snoozed_until": None}
    if action.becomes or action.answers:
        changes |= {"asked_by": None, "asked_until": None}
    if action.becomes and action.answers:
        changes["waived_until"] = rows.c.asked_until
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


def _require_another(
    conn: sa.Connection, desk: Desk, known: Sequence[Any], action: Action, said: Said
) -> None:
    """Raises Terminal where nobody has asked, or the same person has."""
    events, number = desk.events, desk.events.c[desk.number.name]
    asked = (
        sa.select(number, events.c.account)
        .where(number.in_([row.number for row in known]), events.c.action.startswith("ask-"))
        .order_by(events.c[f"{desk.noun}_event_id"])
    )
    accounts = {row[0]: row[1] for row in conn.execute(asked)}  # of each the last one
    for row in known:
        name = f"{desk.noun.capitalize()} {row.number}"
        if row.asked_by is None:
            raise Terminal(f"Nobody has asked for a waiver of {desk.noun} {row.number}.")
        if is_same_person(said.person, said.account, row.asked_by, accounts.get(row.number)):
            raise Terminal(
                f"{name}: to {action.name} a waiver needs another person than has asked for it "
                f"({row.asked_by})."
            )


_OPTIONS = {"owner": "to", "reason": "reason", "until": "until"}


def _require_all(
    desk: Desk,
    ids: Sequence[int],
    known: Sequence[Any],
    action: Action,
    versions: Mapping[int, int],
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
        if row.version != versions.get(row.number, row.version):
            raise Terminal(
                f"{name} was changed by somebody else or by a night since you have looked at it. "
                f"Look again: {look}."
            )
