"""What a scheduler's task calls: ids in, ids out, everything opened and closed around one step."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypedDict

import structlog

from ledger import owners
from pipeline.night import close_night, closed_night, do_asked_again
from pipeline.runs import Run, is_open, open_for_scheduler, task_at_work
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


class FileIds(TypedDict):
    """A received file as it travels between tasks."""

    partner_id: str
    file_id: int


@contextmanager
def _house() -> Iterator[House]:
    with open_house(load_settings()) as house:
        yield house


def _run(ids: RunIds) -> Run:
    return Run(ids["run_id"], datetime.fromisoformat(ids["as_of"]), ids["token"])


def open_night(as_of: str) -> RunIds:
    """The run of that moment (ISO format with an offset).

    It is new, or the one that was interrupted, or the closed one: then nothing is left to do.
    Partners that somebody else works for are left to him; raises AtWork when that is so for all.
    """
    moment = datetime.fromisoformat(as_of)
    with _house() as house:
        do_asked_again(house, moment, house.partner_ids)
        closed = closed_night(house, moment, house.partner_ids)
        if closed is not None:
            return {"run_id": closed.run.run_id, "as_of": as_of, "token": closed.run.token}
        opened = open_for_scheduler(house, moment, house.partner_ids)
    for sentence in opened.left:
        log.warning("partner left to somebody else", why=sentence)
    return {"run_id": opened.run.run_id, "as_of": as_of, "token": opened.run.token}


def partner_ids(ids: RunIds) -> list[str]:
    """The partners that are this owner's in the run; none when the run is closed."""
    with _house() as house, house.engine.connect() as conn:
        mine = owners.partners_of(conn, ids["token"])
        return mine if is_open(house, ids["run_id"]) else []


@contextmanager
def steps(ids: RunIds, partner_id: str) -> Iterator[Steps]:
    """The steps of one partner's night."""
    with _house() as house, task_at_work(house, _run(ids)):
        yield Steps(house, _run(ids), partner_id)


def waiting_files(ids: RunIds | None) -> list[FileIds]:
    """All received files without a verdict, over all partners that the run works for.

    None when the night was not opened: its task says why.
    """
    if ids is None:
        return []
    everyone = partner_ids(ids)
    with _house() as house:
        return [
            {"partner_id": partner_id, "file_id": file_id}
            for partner_id in everyone
            for file_id in Steps(house, _run(ids), partner_id).waiting_files()
        ]


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
