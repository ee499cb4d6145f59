"""Steps of a run that could not be done: an error of ours, kept until the step goes through."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ledger.files import unchecked_files
from schemas.runs import run, step_failure

_CHECKING = "checking file "


@dataclass(frozen=True)
class StepFailure:
    """What failed for which partner, in one line that holds nothing of a file."""

    partner_id: str
    step: str
    sentence: str


def checking(file_id: int) -> str:
    """What the step is called that checks a file: it is the same one in every run."""
    return f"{_CHECKING}{file_id}"


def record_failure(conn: sa.Connection, run_id: int, failure: StepFailure) -> None:
    """Records a failed step; a later failure of the same step replaces the sentence."""
    row = insert(step_failure).values(run_id=run_id, **vars(failure))
    conn.execute(
        row.on_conflict_do_update(
            constraint="pk_step_failure", set_={"sentence": row.excluded.sentence}
        )
    )


def has_failed(conn: sa.Connection, as_of: datetime, partner_id: str, step: str) -> bool:
    """Whether the step has failed in a run of that moment or before, and not gone through since."""
    failed = sa.select(sa.exists().where(*_until(as_of, partner_id, step)))
    return bool(conn.execute(failed).scalar_one())


def clear_failures(conn: sa.Connection, as_of: datetime, partner_id: str, step: str) -> list[int]:
    """Forgets the failures of a step that has gone through at that moment, and names their runs.

    Those of earlier runs, too: what they have left to do is the partner's, and is done with it.
    """
    gone = sa.delete(step_failure).where(*_until(as_of, partner_id, step))
    return list(conn.scalars(gone.returning(step_failure.c.run_id)))


def has_checked_since(conn: sa.Connection, partner_id: str) -> bool:
    """Whether a file of the partner whose check has failed once does not wait for it any more."""
    failed = sa.select(sa.exists().where(*_checked_since(conn, partner_id)))
    return bool(conn.execute(failed).scalar_one())


def clear_checked_since(conn: sa.Connection, partner_id: str) -> None:
    """Forgets failed checks of files that were checked since, in whichever run: none does it again.

    Else the run in which one failed would never end.
    """
    conn.execute(sa.delete(step_failure).where(*_checked_since(conn, partner_id)))


def _checked_since(conn: sa.Connection, partner_id: str) -> list[sa.ColumnElement[bool]]:
    waiting = [checking(row.file_id) for row in unchecked_files(conn, partner_id)]
    columns = step_failure.c
    return [
        columns.partner_id == partner_id,
        columns.step.startswith(_CHECKING),
        columns.step.not_in(waiting),
    ]


def _until(as_of: datetime, partner_id: str, step: str) -> list[sa.ColumnElement[bool]]:
    columns = step_failure.c
    earlier = sa.select(run.c.run_id).where(run.c.as_of <= as_of)
    return [columns.partner_id == partner_id, columns.step == step, columns.run_id.in_(earlier)]


def failures(conn: sa.Connection, run_id: int) -> tuple[StepFailure, ...]:
    """The steps of the run that have failed and not gone through since."""
    rows = sa.select(step_failure.c.partner_id, step_failure.c.step, step_failure.c.sentence)
    found = conn.execute(rows.where(step_failure.c.run_id == run_id).order_by("partner_id", "step"))
    return tuple(StepFailure(*row) for row in found)
