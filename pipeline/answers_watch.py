"""Answers of the exchange that are late: TA1 and 999 to files that we have delivered.

They are open items as long as they are late (`edi834 open-items`). Whether a file is sent again is
a person's decision, under new control numbers. A business acknowledgement is never late: it comes
only where the exchange rejects or warns (CMS guide 7.2, section 8).
"""

from dataclasses import dataclass
from datetime import datetime

from enrollment.open_items import late_answers
from ledger.expected_files import clock_of
from pipeline.wiring import House
from schemas.errors import Terminal


@dataclass(frozen=True)
class LateAnswer:
    """A file of ours that lacks an answer: `lacks` is `TA1`, `999` or both."""

    file_id: int
    lacks: str


def late(house: House, partner_id: str, now: datetime) -> list[LateAnswer]:
    """Files of ours to which the partner's exchange has not answered in time, oldest first."""
    with house.engine.connect() as conn:
        clock = clock_of(conn, now)
        found = late_answers(conn, partner_id, house.exchange(partner_id), clock)
    return [LateAnswer(row["file_id"], row["reason"]) for row in found.to_pylist()]


def require_answers(house: House, partner_id: str, now: datetime) -> None:
    """Raises Terminal when an answer of the partner's exchange is late, naming our files."""
    found = late(house, partner_id, now)
    if not found:
        return
    told = ", ".join(f"{one.lacks} to file {one.file_id}" for one in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    raise Terminal(
        f"{partner_id}: the exchange's answers are late: {told}{more}. Ask the exchange whether it "
        "has them before anything is sent again; `edi834 open-items` lists them."
    )
