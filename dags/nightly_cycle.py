"""The nightly cycle: for each partner the steps of a night, and the balance of all at the end.

It runs as soon as a partner's files lie at the exchange, for that partner, and at 06:30 and 18:30
Eastern for all of them. Partners are independent of each other: what one of them has to do or
what fails there makes no other wait, and no partner has more than a few files checked at a time.
"""

from typing import TYPE_CHECKING

from airflow.sdk import (
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    TaskGroup,
    dag,
    get_current_context,
    task,
)

from dags.shells import (
    AFTER_ALL,
    EASTERN,
    FILES,
    ONE_AT_A_TIME,
    clock,
    left_to_others,
    partner_steps,
)
from pipeline.timetable import planned

if TYPE_CHECKING:
    from pipeline.scheduled import RunIds

FILES_AT_ONCE = 4  # of a partner, in a run: the workers that are left are for the others


@task
def open_run() -> "RunIds":
    """The run of the night: its id and its clock, for the partners whose files have come."""
    from pipeline.scheduled import open_night

    events = get_current_context()["triggering_asset_events"]
    arrived = {event.extra["partner_id"] for found in events.values() for event in found}
    return open_night(clock(), sorted(arrived))


@task
def receive(run: "RunIds", partner_id: str) -> None:
    """Fetches the files of the partner's outbox."""
    with partner_steps(run, partner_id) as steps:
        steps.receive()


@task(**AFTER_ALL)
def waiting_files(run: "RunIds", partner_id: str) -> list[int]:
    """Ids of the partner's received files that have no verdict yet."""
    with partner_steps(run, partner_id) as steps:
        return steps.waiting_files()


@task(max_active_tis_per_dagrun=FILES_AT_ONCE)
def check(run: "RunIds", partner_id: str, file_id: int) -> None:
    """Checks one file, and writes its TA1 and 999."""
    with partner_steps(run, partner_id) as steps:
        steps.check(file_id)


@task(**AFTER_ALL)
def gate(run: "RunIds", partner_id: str) -> None:
    """Judges what the partner's files would do to the book, and holds what a person must see."""
    with partner_steps(run, partner_id) as steps:
        steps.gate()


@task(**AFTER_ALL)
def apply(run: "RunIds", partner_id: str) -> None:
    """Brings the partner's book up to date."""
    with partner_steps(run, partner_id) as steps:
        steps.apply()


@task(**AFTER_ALL)
def settle(run: "RunIds", partner_id: str) -> None:
    """Reconciles with the carrier's records, and settles what follows from both."""
    with partner_steps(run, partner_id) as steps:
        steps.settle()


@task(**AFTER_ALL)
def report(run: "RunIds", partner_id: str) -> None:
    """Writes the error report."""
    with partner_steps(run, partner_id) as steps:
        steps.report()


@task(**AFTER_ALL)
def deliver(run: "RunIds", partner_id: str) -> None:
    """Puts what was written into the exchange's inbox."""
    with partner_steps(run, partner_id) as steps:
        steps.deliver()


@task(retries=0, **AFTER_ALL)
def close(run: "RunIds") -> str:
    """Closes the balance of the night; fails when any step did."""
    from pipeline import scheduled

    with left_to_others():
        return scheduled.close(run)


@dag(
    schedule=AssetOrTimeSchedule(
        assets=FILES, timetable=CronTriggerTimetable("30 6,18 * * *", timezone=EASTERN)
    ),
    doc_md=__doc__,
    **ONE_AT_A_TIME,
)
def nightly_cycle() -> None:
    """Of each partner receive, check, gate, apply, settle, report, deliver; then close."""
    run = open_run()
    closed = close(run)
    for partner_id in planned().partner_ids:
        with TaskGroup(partner_id):
            files = waiting_files(run, partner_id)
            receive(run, partner_id) >> files
            done = check.partial(run=run, partner_id=partner_id).expand(file_id=files)
            for step in (gate, apply, settle, report, deliver):
                following = step(run, partner_id)
                done >> following
                done = following
        done >> closed


nightly_cycle()
