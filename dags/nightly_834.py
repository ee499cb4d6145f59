"""The nightly cycle as a DAG: when each step runs, and for which partner or file.

No logic is here: every task calls one step of `pipeline` and passes ids only. A partner that fails
does not stop the others; the last task fails when any step did. Failures that may pass are tried
again by Airflow, failures that need a person are not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from pipeline.scheduled import FileIds, RunIds
    from pipeline.steps import Steps

EASTERN = ZoneInfo("America/New_York")  # the exchange's clock: drops at 06:00 and 18:00
AFTER_ALL: dict[str, Any] = {"trigger_rule": "all_done"}  # one partner does not stop the others


@contextmanager
def partner_steps(run: "RunIds", partner_id: str) -> Iterator["Steps"]:
    """The partner's steps; a failure that needs a person is not tried again."""
    from pipeline.scheduled import steps
    from schemas.errors import Terminal

    try:
        with steps(run, partner_id) as opened:
            yield opened
    except Terminal as error:
        raise AirflowFailException(str(error)) from None


@task
def open_run() -> "RunIds":
    """The run of the night: its id and its clock."""
    from pipeline.scheduled import open_night

    context = get_current_context()
    return open_night(context["params"]["as_of"] or context["dag_run"].run_after.isoformat())


@task
def partners(run: "RunIds") -> list[str]:
    """The partners that have a mailbox; none when the night is closed."""
    from pipeline import scheduled

    return scheduled.partner_ids(run)


@task
def receive(run: "RunIds", partner_id: str) -> None:
    """Fetches the files of the partner's outbox."""
    with partner_steps(run, partner_id) as steps:
        steps.receive()


@task(**AFTER_ALL)
def waiting_files(run: "RunIds") -> list["FileIds"]:
    """All received files that have no verdict yet."""
    from pipeline import scheduled

    return scheduled.waiting_files(run)


@task
def check(run: "RunIds", file: "FileIds") -> None:
    """Checks one file, and writes its TA1 and 999."""
    with partner_steps(run, file["partner_id"]) as steps:
        steps.check(file["file_id"])


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

    return scheduled.close(run)


@dag(
    schedule="30 6,18 * * *",  # half an hour after each drop
    start_date=datetime(2026, 1, 1, tzinfo=EASTERN),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={"as_of": None},  # the night's clock in ISO format; none: the time of the run
    tags=["edi834"],
    doc_md=__doc__,
)
def nightly_834() -> None:
    """Receive, check, gate, apply, settle, report, deliver, close."""
    run = open_run()
    everyone = partners(run)
    received = receive.partial(run=run).expand(partner_id=everyone)
    files = waiting_files(run)
    received >> files
    done = check.partial(run=run).expand(file=files)
    for step in (gate, apply, settle, report, deliver):
        following = step.partial(run=run).expand(partner_id=everyone)
        done >> following
        done = following
    done >> close(run)


nightly_834()
