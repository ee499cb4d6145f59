"""Which steps of a night were done, partner by partner, as the audit trail has it.

A step that has left nothing at all was not done: its process was killed, or the database was away.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ledger import audit
from ledger.files import unchecked_files
from ledger.step_failures import StepFailure, checking
from schemas.moments import typed

DONE, PASSED_OVER = "step went through", "step passed over"

# What a night does for each partner. The check of a file is no step of theirs: its verdict tells.
RECEIVING, JUDGING, APPLYING = "fetching files", "judging the batch", "bringing the book up to date"
SETTLING, REPORTING, DELIVERING = "reconciling and deciding", "reporting errors", "delivering files"
NIGHT_STEPS = (RECEIVING, JUDGING, APPLYING, SETTLING, REPORTING, DELIVERING)

NOT_DONE = (
    "It was not done, and nothing tells why: its process ended, or the database was away. Run the "
    "night again with the same --as-of, or clear its task."
)

_TOLD = """
SELECT details ->> 'partner' AS partner_id, details ->> 'step' AS step
FROM ledger.audit_entry WHERE object_kind = 'run' AND object_id = :run_id
  AND action IN (:done, :passed_over) AND details ->> 'partner' = ANY(:partners)
"""
_BEGUN = """
SELECT DISTINCT details ->> 'partner' FROM ledger.audit_entry
WHERE object_kind = 'run' AND object_id = :run_id AND action = 'work began' ORDER BY 1
"""
# Nights of before there were these marks are known by their reports, which each of them wrote. What
# a person has taken in by hand has a run, too, and no night's steps.
_LATER = """
SELECT DISTINCT ON (e.details ->> 'partner') e.details ->> 'partner', r.run_id, r.as_of,
  r.as_of > now() + interval '1 hour' AS is_ahead
FROM ledger.run r JOIN ledger.audit_entry e ON e.object_kind = 'run' AND e.object_id = r.run_id
WHERE r.as_of > :as_of AND e.details ->> 'partner' = ANY(:partners)
  AND (e.action = 'errors reported'
    OR e.action IN (:done, :passed_over) AND e.details ->> 'step' = ANY(:steps))
ORDER BY 1, r.as_of DESC, r.run_id DESC
"""
_WORDS = {"done": DONE, "passed_over": PASSED_OVER}


@dataclass(frozen=True)
class LaterNight:
    """The night of the latest moment that has worked for a partner.

    `is_ahead` when its moment has not come by the database's clock.
    """

    partner_id: str
    run_id: int
    as_of: datetime
    is_ahead: bool

    @property
    def sentence(self) -> str:
        """Why nothing more is done in an earlier one, and what to do."""
        said = (
            f"Run {self.run_id} has worked for {self.partner_id} as of a later moment, "
            f"{typed(self.as_of)}. What an earlier night has left to do, the next one does: "
            "`edi834 night` after that moment."
        )
        if not self.is_ahead:
            return said
        return (
            f"{said} It has not come yet: if it was mistyped, have the home as it was before, by "
            "docs/how-to/restore.md, 'When a night has run as of a wrong moment'."
        )


def later_nights(
    conn: sa.Connection, partner_ids: list[str], as_of: datetime
) -> dict[str, LaterNight]:
    """Of those of the partners for whom a night of a later moment has worked, by id."""
    about = {"partners": partner_ids, "as_of": as_of, "steps": list(NIGHT_STEPS), **_WORDS}
    return {row[0]: LaterNight(*row) for row in conn.execute(sa.text(_LATER), about)}


def begun_for(conn: sa.Connection, run_id: int) -> list[str]:
    """The partners for whom somebody has begun to work in the run."""
    return list(conn.scalars(sa.text(_BEGUN), {"run_id": run_id}))


def is_told(conn: sa.Connection, run_id: int, partner_id: str, step: str) -> bool:
    """Whether the trail has that the step went through in the run, or was passed over."""
    return (partner_id, step) in _told(conn, run_id, [partner_id])


def tell(conn: sa.Connection, run_id: int, partner_id: str, step: str, how: str = DONE) -> None:
    """Notes with the transaction that the step of the night went through, or was passed over."""
    audit.note(conn, how, "run", run_id, partner=partner_id, step=step)


def _told(conn: sa.Connection, run_id: int, partner_ids: list[str]) -> set[tuple[str, str]]:
    about = {"run_id": run_id, "partners": partner_ids, **_WORDS}
    return {(row.partner_id, row.step) for row in conn.execute(sa.text(_TOLD), about)}


def undone(conn: sa.Connection, run_id: int, partner_ids: list[str]) -> list[StepFailure]:
    """The steps of the run that have neither gone through nor been passed over."""
    told = _told(conn, run_id, partner_ids)
    return [
        StepFailure(partner_id, step, NOT_DONE)
        for partner_id in partner_ids
        for step in NIGHT_STEPS
        if (partner_id, step) not in told
    ]


def unchecked(conn: sa.Connection, partner_ids: list[str]) -> list[StepFailure]:
    """The checks of the partners' files that have no verdict."""
    return [
        StepFailure(partner_id, checking(row.file_id), NOT_DONE)
        for partner_id in partner_ids
        for row in unchecked_files(conn, partner_id)
    ]
