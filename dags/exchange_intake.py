"""What the exchange drops: waits for each partner's files, and has the nightly cycle fetch them.

It runs at the drop times of the exchanges (their companion files say when). The files that a
partner's file expects are waited for until they lie finished in the outbox, or are due: between two
looks the task is deferred and has no worker. Once they are there the nightly cycle begins for that
partner. Files that have not come when they are due fail the task; nothing else waits for them.
"""

from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, Context, MultipleCronTriggerTimetable, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.shells import FILES, SINCE, TRIES, clock
from pipeline.timetable import planned


class ExpectedFiles(BaseOperator):
    """Waits, deferred, until a partner's expected files lie finished in the exchange's outbox."""

    template_fields = ("partner_id",)

    def __init__(self, *, partner_id: str, **more: Any) -> None:
        super().__init__(**more)
        self.partner_id = partner_id

    def execute(self, context: Context) -> None:
        """Looks for the first time."""
        self.look_again(context)

    def look_again(self, context: Context, event: object = None) -> None:
        """Tells the nightly cycle, looks again later, or ends without files."""
        from pipeline import scheduled_watches

        del event
        seen = scheduled_watches.look(self.partner_id, clock())
        if seen["again_at"] is not None:
            moment = datetime.fromisoformat(seen["again_at"])
            self.defer(trigger=DateTimeTrigger(moment=moment), method_name="look_again")
        if not seen["files"]:
            raise AirflowSkipException(f"Nothing waits for {self.partner_id}, and nothing should.")
        context["outlet_events"][FILES].extra = {"partner_id": self.partner_id}


@task
def partners(zone: str) -> list[str]:
    """The partners with a mailbox whose exchange has its drops in that time zone."""
    from pipeline import scheduled_watches

    return scheduled_watches.partners_in(zone)


def intake(zone: str, hours: tuple[str, ...], dag_id: str) -> None:
    """The DAG of the exchanges of a time zone."""

    @dag(
        dag_id=dag_id,
        schedule=MultipleCronTriggerTimetable(*hours, timezone=zone),
        start_date=SINCE,
        catchup=False,
        max_active_runs=4,  # a late file of one drop does not keep the next one waiting
        dagrun_timeout=timedelta(hours=36),
        default_args=TRIES,
        params={"as_of": None},  # the clock in ISO format; none: the time of the run
        tags=["edi834"],
        doc_md=__doc__,
    )
    def build() -> None:
        ExpectedFiles.partial(
            task_id="expected_files", outlets=[FILES], map_index_template="{{ task.partner_id }}"
        ).expand(partner_id=partners(zone))

    build()


for number, (zone, hours) in enumerate(planned().drops.items()):
    intake(zone, hours, f"exchange_intake_{number + 1}" if number else "exchange_intake")
