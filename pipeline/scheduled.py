"""What a task of a scheduler's night calls: ids in, ids out, nothing left open."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypedDict

import structlog

from ledger import owners
from pipeline.night import close_night, closed_night, not_overtaken
from pipeline.runs import Run, is_open, open_for_scheduler, require_near, task_at_work
from pipeline.settings import load_settings
from pipeline.steps import Steps
from pipeline.wiring import House, open_house
from schemas.errors import Retryable, Terminal

log = structlog.get_logger()


class RunIds(TypedDict):
    """A run as it travels between tasks: its id, its clock in ISO format, its owner's token."""

    run_id: int
    as_of: str
    token: int


@contextmanager
def _house() -> Iterator[House]:
    with open_house(load_settings()) as house:
        yield house


def _run(ids: RunIds) -> Run:
    return Run(ids["run_id"], datetime.fromisoformat(ids["as_of"]), ids["token"])


def open_night(as_of: str, partner_ids: Collection[str] = ()) -> RunIds:
    """The run of that moment (ISO format with an offset), for these partners, or for all.

    It is new, or the one that was interrupted, or the closed one: then nothing is left to do.
    Partners that somebody else works for are left to him; raises AtWork when that is so for all.
    Those for whom a later night has worked are left to that one; raises Terminal when all are, and
    for a moment that has not come (docs/decisions/0076).
    """
    moment = datetime.fromisoformat(as_of)
    with _house() as house:
        wanted = [one for one in house.partner_ids if not partner_ids or one in partner_ids]
        if not wanted:
            raise Terminal(
                f"None of {', '.join(partner_ids)} has a mailbox any more. Let the scheduler read "
                "its DAGs again."
            )
        closed = closed_night(house, moment, wanted)
        if closed is not None:
            return {"run_id": closed.run.run_id, "as_of": as_of, "token": closed.run.token}
        require_near(house, moment)
        mine, overtaken = not_overtaken(house, moment, wanted)
        if not mine:
            raise Terminal(overtaken[0])
        opened = open_for_scheduler(house, moment, mine)
    for sentence in (*overtaken, *opened.left):
        log.warning("partner left to somebody else", why=sentence)
    return {"run_id": opened.run.run_id, "as_of": as_of, "token": opened.run.token}


def why_not(ids: RunIds | None, partner_id: str) -> str | None:
    """Why nothing is to be done for the partner in the run; None when there is."""
    if ids is None:
        return "The night was not opened. The log of the task open_run says why."
    with _house() as house, house.engine.connect() as conn:
        is_mine = partner_id in owners.partners_of(conn, ids["token"])
        if is_mine and is_open(house, ids["run_id"]):
            return None
    whose = "is closed" if is_mine else f"does not work for {partner_id}, or does not any more"
    return f"Run {ids['run_id']} {whose}: nothing is to be done."


@contextmanager
def steps(ids: RunIds, partner_id: str) -> Iterator[Steps]:
    """The steps of one partner's night."""
    with _house() as house, task_at_work(house, _run(ids)):
        yield Steps(house, _run(ids), partner_id)


def close(ids: RunIds | None) -> str:
    """The state in which the night ends. Raises Retryable when it failed, naming the first step.

    (Retryable, because clearing the failed tasks and running them again may mend the night.)
    """
    if ids is None:
        raise Terminal("The night was not opened. The log of the task open_run says why.")
    with _house() as house:
        result = close_night(house, _run(ids))
    if result.state != "failed":
        return result.state
    for failure in result.failures:
        raise Retryable(f"{failure.partner_id}, {failure.step}: {failure.sentence}")
    raise Retryable("The night does not balance. Run `edi834 night` with the same --as-of.")
