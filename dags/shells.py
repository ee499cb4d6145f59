"""What the DAGs share: tries by class of error, whose work it is, and the asset between them.

No logic is here or in the DAGs: a task is one call of `pipeline`, with ids only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    Asset,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from pipeline.scheduled import RunIds
    from pipeline.steps import Steps

EASTERN = "America/New_York"  # the federal exchange's clock
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
AFTER_ALL: dict[str, Any] = {"trigger_rule": "all_done"}  # whatever became of what was before

# One run at a time of almost every DAG: one that hangs would keep all later ones waiting. A task is
# interrupted, with its step told as failed; a run is ended, and the processes of its tasks killed.
LONGEST_TASK, LONGEST_RUN = timedelta(hours=6), timedelta(hours=12)

# What may pass by itself is tried again, later each time and not by all at once: Airflow spreads
# the delay between once and twice its length by a hash of task and try. What needs a person is not.
TRIES: dict[str, Any] = {
    "execution_timeout": LONGEST_TASK,
    "retries": 4,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=20),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule("schemas.errors.Retryable", RetryAction.RETRY),
            RetryRule("schemas.errors.Terminal", RetryAction.FAIL),
            RetryRule("airflow.sdk.exceptions.AirflowTaskTimeout", RetryAction.FAIL),
        ]
    ),
}

# What a DAG is that needs no second run beside it, and that nobody catches up with.
ONE_AT_A_TIME: dict[str, Any] = {
    "start_date": SINCE,
    "catchup": False,
    "max_active_runs": 1,
    "dagrun_timeout": LONGEST_RUN,
    "default_args": TRIES,
    "params": {"as_of": None},  # the clock in ISO format; none: the time of the run
    "tags": ["edi834"],
}

# A partner's files lie finished in the exchange's outbox. The event names the partner.
FILES = Asset(name="exchange_files", uri="edi834://exchange/files")


@contextmanager
def partner_steps(run: "RunIds | None", partner_id: str) -> Iterator["Steps"]:
    """The partner's steps. What is somebody else's, or done already, is passed over."""
    from pipeline.scheduled import steps, why_not

    reason = why_not(run, partner_id)
    if reason is not None:
        raise AirflowSkipException(reason)
    if TYPE_CHECKING:
        assert run is not None
    with left_to_others(), steps(run, partner_id) as opened:
        yield opened


@contextmanager
def left_to_others() -> Iterator[None]:
    """Work that was taken over meanwhile ends without a fault: whoever has it does it."""
    from schemas.errors import Superseded

    try:
        yield
    except Superseded as error:
        raise AirflowSkipException(str(error)) from None


def clock() -> str:
    """The clock of this run, in ISO format: the parameter, else the moment of the run."""
    context = get_current_context()
    given: str | None = context["params"].get("as_of")
    return given or context["dag_run"].run_after.isoformat()


@task
def chore(name: str) -> str:
    """Does one chore of housekeeping: what it found, in a sentence."""
    from pipeline import scheduled_watches

    return scheduled_watches.do_chore(name, clock())
