"""Housekeeping, each day: is everything as it was left, and what has to be renewed soon.

Each chore is a task, and fails when a person has to do something; none needs another one. What may
take a day has a DAG of its own: `restore_drill`.
"""

from airflow.sdk import CronTriggerTimetable, dag

from dags.shells import EASTERN, ONE_AT_A_TIME, chore

CHORES = ("audit-trail", "stored-files", "abandoned-files", "expiry", "retention")


@dag(
    schedule=CronTriggerTimetable("0 12 * * *", timezone=EASTERN),  # between the nights
    doc_md=__doc__,
    **ONE_AT_A_TIME,
)
def housekeeping() -> None:
    """All chores, at once."""
    for name in CHORES:
        chore.override(task_id=name)(name)


housekeeping()
