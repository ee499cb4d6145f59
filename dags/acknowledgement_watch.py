"""The exchange's answers: fails for each partner to whose files no TA1 or 999 has come in time.

When they are due the exchange's companion file says, in drops; the watch follows the nights that
take answers in. What is late is an open item and needs a person, so it is not tried again.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from dags.shells import EASTERN, ONE_AT_A_TIME, clock


@task
def partners() -> list[str]:
    """The partners that have a mailbox."""
    from pipeline import scheduled_watches

    return scheduled_watches.partners()


@task(map_index_template="{{ task.op_kwargs['partner_id'] }}")
def answers(partner_id: str) -> None:
    """Fails when an answer of the partner's exchange is late, naming our files."""
    from pipeline import scheduled_watches

    scheduled_watches.require_answers(partner_id, clock())


@dag(
    schedule=CronTriggerTimetable("15 7,19 * * *", timezone=EASTERN),  # after the nights
    doc_md=__doc__,
    **ONE_AT_A_TIME,
)
def acknowledgement_watch() -> None:
    """A look at each partner."""
    answers.expand(partner_id=partners())


acknowledgement_watch()
