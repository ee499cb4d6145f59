"""Housekeeping, each day: is everything as it was left, and what has to be renewed soon.

Each chore is a task, and fails when a person has to do something; none needs another one. What may
take a day has a DAG of its own: `restore_drill`.
"""

from airflow.sdk import CronTriggerTimetable, dag

from dags.shells import EASTERN, LONGEST_RUN, SINCE, TRIES, chore

CHORES = ("audit-trail", "stored-files", "abandoned-files", "expiry", "retention")


@dag(
    schedule=CronTriggerTimetable("0 12 * * *", timezone=EASTERN),  # between the nights
    start_date=SINCE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=LONGEST_RUN,
    default_args=TRIES,
    params={"as_of": None},  # the clock in ISO format; none: the time of the run
    tags=["edi834"],
    doc_md=__doc__,
)
def housekeeping() -> None:
    """All chores, at once."""
    for name in CHORES:
        chore.override(task_id=name)(name)


housekeeping()
