"""Who works for a partner: one owner at a time, told from all former ones by its token.

An owner is one process of `edi834 night`, or one run of a scheduler with all of its tasks. It takes
partners, and whatever it writes for one of them proves in the same transaction that it still has
it. So a process that wakes up after somebody else has taken its work over cannot write.

A living process is known by a lock of its session, which ends with the process however it ends:
what a killed one had is free at once. A scheduler has no process between its tasks; what it has
is taken from it by a run of a scheduler with the same clock or a later one, or by a person who says
so. A run for a moment that is past waits for tonight's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.errors import Retryable, Superseded
from schemas.moments import typed
from schemas.runs import partner_owner, run_owner

_LOCK_CLASS = 834_010
_TAKE_SECONDS_MAX = 60

_STANDING = """
SELECT p.partner_id, p.at_work, o.token, o.kind, o.name, o.since, o.run_id, r.as_of, EXISTS (
  SELECT FROM pg_locks l
  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND CAST(l.classid AS bigint) = :lock_class AND CAST(l.objid AS bigint) = o.token
) AS is_alive
FROM ledger.partner_owner p JOIN ledger.run_owner o USING (token) JOIN ledger.run r USING (run_id)
{of_whom} ORDER BY p.partner_id
"""
_OF_SOME = "WHERE p.partner_id = ANY(:partner_ids)"


@dataclass(frozen=True)
class Worker:
    """Somebody who wants to work for a run: what he is, his name for people, his rules' digest.

    `as_of` is the clock of that run; None follows whichever.
    """

    kind: Literal["process", "scheduler"]
    name: str
    rules_digest: str
    takes_over: bool = False  # also what a living owner has
    as_of: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """Who has a partner, or had it last. `is_alive`: one of its processes is at work now."""

    partner_id: str
    at_work: bool
    token: int
    kind: str
    name: str
    since: datetime
    run_id: int
    as_of: datetime
    is_alive: bool

    def is_taken_from(self, worker: Worker) -> bool:
        """Whether that worker must leave the partner alone."""
        if worker.takes_over:
            return False
        is_later = worker.as_of is None or worker.as_of >= self.as_of
        may_follow = worker.kind == "scheduler" and is_later
        return self.is_alive or (self.is_scheduled and not may_follow)

    @property
    def is_scheduled(self) -> bool:
        """Whether a scheduler has it, with or without a process at this moment."""
        return self.at_work and self.kind == "scheduler"

    @property
    def sentence(self) -> str:
        """Who has it, since when, and what to do."""
        since = f"{self.since.astimezone(UTC):%Y-%m-%d %H:%M}"
        return (
            f"{self.partner_id} is being worked on by {self.name} for run {self.run_id} "
            f"({typed(self.as_of)}), since {since} UTC. Wait until it has "
            "ended; if it never will, `edi834 night --take-over` takes the work from it."
        )


@dataclass(frozen=True)
class Taken:
    """The owner's token and partners, and who has those that it asked for and did not get."""

    token: int
    partner_ids: tuple[str, ...]
    left: tuple[Standing, ...]


def standings(conn: sa.Connection, partner_ids: list[str]) -> list[Standing]:
    """Who has each of the partners or had it last, in their order; none for one never worked on."""
    return _standings(conn, _OF_SOME, partner_ids=partner_ids)


def all_at_work(conn: sa.Connection) -> list[Standing]:
    """Of each partner who works for it now, by a process or as a scheduler between its tasks."""
    return [one for one in _standings(conn, "") if one.is_alive or one.is_scheduled]


def _standings(conn: sa.Connection, of_whom: str, **parameters: Any) -> list[Standing]:
    asked = sa.text(_STANDING.format(of_whom=of_whom))
    rows = conn.execute(asked, {"lock_class": _LOCK_CLASS, **parameters})
    return [Standing(**row) for row in rows.mappings()]


def take(
    conn: sa.Connection,
    run_id: int,
    partner_ids: list[str],
    worker: Worker,
    stay_alive: Callable[[int], None] = lambda _: None,
) -> Taken | None:
    """What the worker gets of these partners for the run; None when others have all of them.

    `stay_alive` is called with the token before anybody can see it. Waits for transactions of
    former owners that are about to end.
    """
    left = _taken_by_others(conn, partner_ids, worker)
    wanted = sorted(set(partner_ids) - left.keys())
    if not wanted:
        return None
    row = sa.insert(run_owner).values(
        run_id=run_id, kind=worker.kind, name=worker.name, rules_digest=worker.rules_digest
    )
    token: int = conn.execute(row.returning(run_owner.c.token)).scalar_one()
    stay_alive(token)
    conn.execute(sa.text(f"SET LOCAL lock_timeout = '{_TAKE_SECONDS_MAX}s'"))
    got = []
    for partner_id in wanted:
        standing = _seize(conn, partner_id, token, worker)
        if standing is None:
            got.append(partner_id)
        else:
            left[partner_id] = standing
    return Taken(token, tuple(got), tuple(left.values())) if got else None


def _taken_by_others(
    conn: sa.Connection, partner_ids: list[str], worker: Worker
) -> dict[str, Standing]:
    found = standings(conn, partner_ids)
    return {one.partner_id: one for one in found if one.is_taken_from(worker)}


def _seize(conn: sa.Connection, partner_id: str, token: int, worker: Worker) -> Standing | None:
    """None when the partner is the worker's now, else who was faster."""
    mine = {"token": token, "at_work": True}
    new = insert(partner_owner).values(partner_id=partner_id, **mine).on_conflict_do_nothing()
    if conn.execute(new.returning(partner_owner.c.token)).scalar() is not None:
        return None
    same = partner_owner.c.partner_id == partner_id
    conn.execute(sa.select(partner_owner.c.token).where(same).with_for_update())
    faster = _taken_by_others(conn, [partner_id], worker)
    if faster:
        return faster[partner_id]
    conn.execute(sa.update(partner_owner).where(same).values(**mine))
    return None


def prove(conn: sa.Connection, partner_id: str, token: int) -> None:
    """Holds the partner for the owner until the transaction ends.

    Raises Superseded when somebody else has it since: then nothing may be written.
    """
    held = sa.select(partner_owner.c.token).where(partner_owner.c.partner_id == partner_id)
    if conn.execute(held.with_for_update(read=True)).scalar() == token:
        return
    now = standings(conn, [partner_id])
    who = f"{now[0].name} has taken it over for run {now[0].run_id}" if now else "nobody has it"
    raise Superseded(
        f"The work for {partner_id} is no longer this process's: {who}. Nothing was written. "
        "What is left to do is done there; see `edi834 night`."
    )


def partners_of(conn: sa.Connection, token: int) -> list[str]:
    """The partners that the owner still has."""
    rows = sa.select(partner_owner.c.partner_id).where(partner_owner.c.token == token)
    return list(conn.execute(rows.order_by(partner_owner.c.partner_id)).scalars())


def last_for(conn: sa.Connection, run_id: int) -> list[str]:
    """The partners for whom nobody has worked since somebody did for that run."""
    rows = sa.select(partner_owner.c.partner_id).join(run_owner).where(run_owner.c.run_id == run_id)
    return list(conn.scalars(rows.order_by(partner_owner.c.partner_id)))


def release(conn: sa.Connection, token: int) -> list[str]:
    """Ends the owner's work for the partners that it still has, and names them.

    Its token stays good until somebody else takes the partner.
    """
    ended = sa.update(partner_owner).where(partner_owner.c.token == token).values(at_work=False)
    return sorted(conn.execute(ended.returning(partner_owner.c.partner_id)).scalars())


def others_at_work(conn: sa.Connection, run_id: int, token: int) -> bool:
    """Whether somebody else works for the same run, for other partners."""
    owned = (
        sa.select(partner_owner.c.partner_id)
        .join(run_owner)
        .where(run_owner.c.run_id == run_id, run_owner.c.token != token, partner_owner.c.at_work)
    )
    partner_ids = list(conn.execute(owned).scalars())
    return any(one.is_alive or one.kind == "scheduler" for one in standings(conn, partner_ids))


@contextmanager
def sign_of_life(engine: sa.Engine, *, shared: bool = False) -> Iterator[Callable[[int], None]]:
    """A call that shows the owner of a token as alive, until the context or the process ends.

    `shared` for the tasks of a scheduler, of which several may be at work for one owner.
    """
    lock = "pg_advisory_lock_shared" if shared else "pg_advisory_lock"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        try:
            yield lambda token: _lock(session, lock, token)
        finally:
            with suppress(Retryable):  # with the connection the lock has gone, too
                session.execute(sa.text("SELECT pg_advisory_unlock_all()"))


def _lock(session: sa.Connection, lock: str, token: int) -> None:
    session.execute(
        sa.text(f"SELECT {lock}(:lock_class, CAST(:token AS integer))"),
        {"lock_class": _LOCK_CLASS, "token": token},
    )
