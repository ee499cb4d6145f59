"""The restore drill: looks each day, and restores the newest backup once a week.

What was restored is worked again, which takes the longer the longer the history is. So nothing else
of housekeeping waits for it.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag

from dags.shells import EASTERN, SINCE, TRIES, chore

CHORE = "restore-drill"
LONGEST = timedelta(hours=20)
LONGEST_RUN = timedelta(hours=22)  # it has ended before the next day's


@dag(
    schedule=CronTriggerTimetable("0 13 * * *", timezone=EASTERN),  # between the nights
    start_date=SINCE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=LONGEST_RUN,
    default_args=TRIES | {"execution_timeout": LONGEST},
    params={"as_of": None},  # the clock in ISO format; none: the time of the run
    tags=["edi834"],
    doc_md=__doc__,
)
def restore_drill() -> None:
    """One chore."""
    chore.override(task_id=CHORE)(CHORE)


restore_drill()
