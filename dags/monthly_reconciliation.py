"""The month: what the book says of a coverage year is written for the exchange, and proved.

The federal exchange wants enrollments as of the 15th (CMS guide 7.2, table 11), so it runs on that
evening. A person releases each file; a night sends it, and nights take the exchange's answer in.
"""

from typing import TYPE_CHECKING

from airflow.sdk import CronTriggerTimetable, dag, task

from dags.shells import EASTERN, ONE_AT_A_TIME, clock

if TYPE_CHECKING:
    from pipeline.scheduled_watches import YearIds


@task
def coverage_years() -> list["YearIds"]:
    """Partners and coverage years of which the exchange is told."""
    from pipeline import scheduled_watches

    return scheduled_watches.coverage_years(clock())


@task
def rcni(of: "YearIds") -> int:
    """Writes the file once a month, proves it and keeps it for a person's release: its id."""
    from pipeline import scheduled_watches

    return scheduled_watches.tell_month(of, clock())


@dag(
    schedule=CronTriggerTimetable("0 21 15 * *", timezone=EASTERN),
    doc_md=__doc__,
    **ONE_AT_A_TIME,
)
def monthly_reconciliation() -> None:
    """A file of each partner and coverage year."""
    rcni.expand(of=coverage_years())


monthly_reconciliation()
