"""Alerts: the conditions of `schemas/watch.toml` held against the figures, and who is told.

Each condition that begins to hold for a partner or thing is one alert, told once to each sink, and
its end is told once. What a sink has not taken is told with the next evaluation, as long as it is
true. Nothing of a night waits for a sink.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import tenacity

from ledger.alerts import Alert, Sink, keep_alerts, mark_told, telling, untold
from pipeline.figures import figures
from pipeline.telling import message_of, post, send
from pipeline.wiring import House
from schemas.errors import EnrollmentError, Retryable
from schemas.watch import load_watch

_TRIES_MAX = 3
_WAIT = tenacity.wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.2)
_FORGOTTEN_AFTER = timedelta(days=7)  # an end that no sink has taken by then is not told any more


@dataclass(frozen=True)
class Evaluation:
    """What is open, how many messages the sinks have taken, and what went wrong with a sink."""

    open: list[Alert]
    told: int
    failures: tuple[str, ...]


def evaluate(house: House, now: datetime | None = None) -> Evaluation:
    """Opens and closes alerts by the figures as they are now, and tells the sinks of the settings.

    `now` is the hour; that of this machine without one.
    """
    at = now or datetime.now(UTC)
    beyond = [(rule.id, one) for rule, one in load_watch().beyond(figures(house, at))]
    with house.engine.begin() as conn:
        known = keep_alerts(conn, beyond, at)
    told, failures = 0, []
    with telling(house.engine) as is_ours:
        for sink, tell in _sinks(house, at).items() if is_ours else ():
            try:
                told += _tell(house, sink, tell, at)
            except EnrollmentError as error:
                failures.append(str(error))
    return Evaluation(known, told, tuple(failures))


Tell = Callable[[dict[str, object]], None]


def _sinks(house: House, now: datetime) -> dict[Sink, Tell]:
    webhook, email = house.settings.alerts.webhook, house.settings.alerts.email
    found: dict[Sink, Tell] = {}
    if webhook is not None:
        found["webhook"] = lambda message: post(webhook, message, now)
    if email is not None:
        found["email"] = lambda message: send(email, message)
    return found


def _tell(house: House, sink: Sink, tell: Tell, now: datetime) -> int:
    """How many messages the sink has taken. Raises at the first that it does not take."""
    tries = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Retryable),
        stop=tenacity.stop_after_attempt(_TRIES_MAX),
        wait=_WAIT,
        reraise=True,
    )
    known = {one.id: one for one in load_watch().alerts}
    told = 0
    with house.engine.connect() as conn:
        waiting = untold(conn, sink, now - _FORGOTTEN_AFTER)
    for alert, event in waiting:
        if alert.rule in known:  # else it was a rule of an older version
            tries(tell, message_of(alert, event, known[alert.rule]))
            told += 1
        with house.engine.begin() as conn:
            mark_told(conn, alert.alert_id, event, sink, now)
    return told
