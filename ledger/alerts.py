"""Alerts: when a condition that is watched began to hold, when it ceased to, and who has heard."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.errors import Retryable
from schemas.watch import Figure, alert, alert_told

_ALERTS_LOCK = 834_005_012  # one evaluation at a time: the second finds what the first has opened
_TELLING_LOCK = 834_005_014  # one call at a time tells the sinks

Event = Literal["opened", "closed"]
Sink = Literal["webhook", "email"]


@dataclass(frozen=True)
class Alert:
    """One alert: which condition, about what (ids, kinds, states), from when to when."""

    alert_id: int
    rule: str
    about: dict[str, str]
    value: float  # of the figure when it began
    opened_at: datetime
    closed_at: datetime | None

    @property
    def subject(self) -> str:
        """What it is about, for people: `cedar-valley-tx, enrollment`."""
        return ", ".join(self.about[name] for name in sorted(self.about, reverse=True))


def keep_alerts(
    conn: sa.Connection, beyond: Iterable[tuple[str, Figure]], now: datetime
) -> list[Alert]:
    """The alerts that are open now, in the order in which they were opened.

    `beyond` are the figures beyond their bounds, each with its condition. A condition that goes on
    stays one alert, whatever its value becomes; one that holds no more is closed.
    """
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALERTS_LOCK)))
    known = {_key(one.rule, one.about): one for one in open_alerts(conn)}
    holding = {_key(rule, figure.labels): (rule, figure) for rule, figure in beyond}
    gone = [one.alert_id for key, one in known.items() if key not in holding]
    if gone:
        closing = sa.update(alert).where(alert.c.alert_id.in_(gone))
        conn.execute(closing.values(closed_at=now))
    for key, (rule, figure) in holding.items():
        if key not in known:
            row = {"rule": rule, "about": dict(figure.labels), "value": figure.value}
            conn.execute(sa.insert(alert).values(**row, opened_at=now))
    return open_alerts(conn)


def _key(rule: str, labels: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    return rule, tuple(sorted(labels.items()))


def open_alerts(conn: sa.Connection) -> list[Alert]:
    """The alerts that are open, in the order in which they were opened."""
    rows = sa.select(alert).where(alert.c.closed_at.is_(None)).order_by(alert.c.alert_id)
    return [Alert(**row) for row in conn.execute(rows).mappings()]


def untold(conn: sa.Connection, sink: Sink, since: datetime) -> list[tuple[Alert, Event]]:
    """What the sink has not heard yet, in the order in which it happened.

    An opening before its closing; neither of what was closed before `since`, nor of what was opened
    and closed without the sink having heard of it.
    """
    told = sa.select(alert_told.c.alert_id, alert_told.c.event).where(alert_told.c.sink == sink)
    recent = sa.or_(alert.c.closed_at.is_(None), alert.c.closed_at >= since)
    rows = sa.select(alert).where(recent).order_by(alert.c.alert_id)
    known = [Alert(**row) for row in conn.execute(rows).mappings()]
    ids = [one.alert_id for one in known]
    heard = {
        (row.alert_id, row.event)
        for row in conn.execute(told.where(alert_told.c.alert_id.in_(ids)))
    }
    found: list[tuple[Alert, Event]] = []
    for one in known:
        if one.closed_at is None and (one.alert_id, "opened") not in heard:
            found.append((one, "opened"))
        heard_of_it = (one.alert_id, "opened") in heard
        if one.closed_at is not None and heard_of_it and (one.alert_id, "closed") not in heard:
            found.append((one, "closed"))
    return found


@contextmanager
def telling(engine: sa.Engine) -> Iterator[bool]:
    """Whether the sinks are told here; if not, another call is at it, and tells what there is."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        is_ours = bool(session.scalar(sa.select(sa.func.pg_try_advisory_lock(_TELLING_LOCK))))
        try:
            yield is_ours
        finally:
            if is_ours:
                with suppress(Retryable):  # with the connection the lock has gone, too
                    session.execute(sa.select(sa.func.pg_advisory_unlock(_TELLING_LOCK)))


def mark_told(conn: sa.Connection, alert_id: int, event: Event, sink: Sink, now: datetime) -> None:
    """The sink has taken the message."""
    row = insert(alert_told).values(alert_id=alert_id, event=event, sink=sink, told_at=now)
    conn.execute(row.on_conflict_do_nothing())
