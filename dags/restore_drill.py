"""The restore drill: looks each day, and restores the newest backup once a week.

What was restored is worked again, which takes the longer the longer the history is. So nothing else
of housekeeping waits for it.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag

from dags.shells import EASTERN, ONE_AT_A_TIME, TRIES, chore

CHORE = "restore-drill"
LONGEST = timedelta(hours=20)
LONGEST_RUN = timedelta(hours=22)  # it has ended before the next day's


@dag(
    schedule=CronTriggerTimetable("0 13 * * *", timezone=EASTERN),  # between the nights
    doc_md=__doc__,
    **ONE_AT_A_TIME
    | {"dagrun_timeout": LONGEST_RUN, "default_args": TRIES | {"execution_timeout": LONGEST}},
)
def restore_drill() -> None:
    """One chore."""
    chore.override(task_id=CHORE)(CHORE)


restore_drill()
