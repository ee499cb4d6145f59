"""A run: one nightly cycle with one clock, and whoever works for it."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import sqlalchemy as sa
import structlog

import ledger.runs
from ledger import owners
from pipeline.checked_tables import discard_unfinished
from pipeline.operators import name_of_operator
from pipeline.retrying import until_done
from pipeline.wiring import House, reaching_elsewhere
from schemas.errors import AtWork, Terminal
from schemas.fault_points import AFTER, BEFORE, Commit, reach_commit
from schemas.runs import run

log = structlog.get_logger()

_AHEAD_MOST = timedelta(hours=1)  # as far as two machines' clocks may be apart
_PLAYED_MOST = timedelta(days=31)  # between two nights of a clock that is played


@dataclass(frozen=True)
class Run:
    """The run that the use cases work for. `as_of` is its clock: nothing asks for another time.

    `token` is that of the owner in whose name they write; nobody's for a run that is only read.
    """

    run_id: int
    as_of: datetime
    token: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        """In UTC, whatever zone it was asked for in: days and texts that follow from it are one."""
        object.__setattr__(self, "as_of", self.as_of.astimezone(UTC))


@dataclass(frozen=True)
class Opened:
    """A run with the partners that are worked on in it, and sentences on those left to others."""

    run: Run
    partner_ids: tuple[str, ...]
    left: tuple[str, ...] = ()


@contextmanager
def at_work(
    house: House, as_of: datetime, partner_ids: list[str], *, take_over: bool = False
) -> Iterator[Opened]:
    """The run of that moment, worked on by this process: a new one, or one that was interrupted.

    Raises AtWork when others work for all of these partners; `take_over` takes them from them.
    Raises Terminal when the moment has not come, and a mailbox is one of a real exchange.
    """
    with owners.sign_of_life(house.engine) as stay_alive:
        worker = _worker(house, "process", as_of, takes_over=take_over)
        yield _open(house, as_of, partner_ids, worker, stay_alive)


def open_for_scheduler(house: House, as_of: datetime, partner_ids: list[str]) -> Opened:
    """The run of that moment for a scheduler, whose tasks say `task_at_work`."""
    return _open(house, as_of, partner_ids, _worker(house, "scheduler", as_of), lambda _: None)


def _worker(
    house: House,
    kind: Literal["process", "scheduler"],
    as_of: datetime,
    *,
    takes_over: bool = False,
) -> owners.Worker:
    place = f"process {os.getpid()} on {socket.gethostname()}"
    doing = f"`edi834 night` ({place}" if kind == "process" else f"a scheduler (opened by {place}"
    name = f"{doing}, in the name of {name_of_operator(house.settings)})"
    return owners.Worker(kind, name, house.rules.digest, takes_over, as_of)


def _open(
    house: House,
    as_of: datetime,
    partner_ids: list[str],
    worker: owners.Worker,
    stay_alive: Callable[[int], None],
) -> Opened:
    until_done("asking for the hour", lambda: _require_come(house, as_of))

    def take() -> tuple[Opened, tuple[str, ...]]:
        return _take(house, as_of, partner_ids, worker, stay_alive)

    opened, differs_in = until_done("opening the run", take)
    if differs_in:
        log.warning("run taken up with other rules", run=opened.run.run_id, differs_in=differs_in)
    abandoned = house.landing.discard_unfinished()
    abandoned += discard_unfinished(house.settings.tables_folder)
    if abandoned:
        log.info("what a killed process left unfinished is discarded", count=abandoned)
    return opened


def _require_come(house: House, as_of: datetime) -> None:
    """Raises Terminal for a moment ahead of the database's clock, unless all mailboxes are here.

    Deadlines that are not over would end coverage at the exchange, and no night could follow before
    that moment. What is played on this machine alone has whatever clock it wants.
    """
    if not reaching_elsewhere(house.settings):
        return
    with house.engine.connect() as conn:
        now: datetime = conn.execute(sa.select(sa.func.now())).scalar_one()
    if as_of > now + _AHEAD_MOST:
        raise Terminal(
            f"The moment {as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC has not come: it is "
            f"{now.astimezone(UTC):%Y-%m-%d %H:%M} by the database's clock. Nothing is decided or "
            "sent. Correct --as-of, the run's `as_of`, or the clock of the machine that is wrong."
        )


def require_near(house: House, as_of: datetime) -> None:
    """Raises Terminal for a moment ahead of the clock that is far behind the last run's, too.

    For what a person or a scheduler asks for on this machine alone, where a clock may be played: no
    night could work before that moment. The first run may be of any.
    """
    with house.engine.connect() as conn:
        latest = sa.select(sa.func.now(), sa.func.max(run.c.as_of))
        now, last = conn.execute(latest).one()
    if last is None or as_of <= max(now, last) + _PLAYED_MOST:
        return
    raise Terminal(
        f"The moment {as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC has not come, and the last night "
        f"is of {last.astimezone(UTC):%Y-%m-%d %H:%M}: none before that moment could work then. "
        f"Correct --as-of, or the run's `as_of`; a played clock goes {_PLAYED_MOST.days} days on "
        "at a time."
    )


def _take(
    house: House,
    as_of: datetime,
    partner_ids: list[str],
    worker: owners.Worker,
    stay_alive: Callable[[int], None],
) -> tuple[Opened, tuple[str, ...]]:
    """The run, and what this process has otherwise than the one that opened it."""
    with house.engine.begin() as conn:
        run_id = ledger.runs.open_run(conn, as_of, house.rules)
        ledger.runs.record_rules(conn, house.rules)
        taken = owners.take(conn, run_id, partner_ids, worker, stay_alive)
        if taken is None:
            raise AtWork(owners.standings(conn, partner_ids)[0].sentence)
        differs_in = ledger.runs.pinned_rules(conn, run_id).differs_in(house.rules)
        reach_commit("run opened", BEFORE)
    reach_commit("run opened", AFTER)
    left = tuple(one.sentence for one in taken.left)
    return Opened(Run(run_id, as_of, taken.token), taken.partner_ids, left), differs_in


@contextmanager
def task_at_work(house: House, opened: Run) -> Iterator[None]:
    """A task of a scheduler at work for its run, until the context or the process ends."""
    with owners.sign_of_life(house.engine, shared=True) as stay_alive:
        stay_alive(opened.token)
        yield


@contextmanager
def writing(house: House, opened: Run, partner_id: str, commit: Commit) -> Iterator[sa.Connection]:
    """A transaction that writes for a partner: all of it is kept at the end of the block, or none.

    `commit` says what it will have done. Raises Superseded when somebody else has taken the partner
    over.
    """
    with house.engine.begin() as conn:
        owners.prove(conn, partner_id, opened.token)
        yield conn
        reach_commit(commit, BEFORE)
    reach_commit(commit, AFTER)


def is_open(house: House, run_id: int) -> bool:
    """Whether the run has not been closed."""
    with house.engine.connect() as conn:
        return conn.scalar(sa.select(run.c.state).where(run.c.run_id == run_id)) == "open"
