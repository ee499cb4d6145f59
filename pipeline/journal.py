"""What a run has done, where the audit trail would not tell it by itself.

The trail is the order of history: a replay does the same things in the same order. A file that
comes in, a batch that is judged or a file that is delivered is an entry by itself; what may change
nothing, or does not say for which run, is noted here, in the transaction that does it.
"""

from typing import Literal

import sqlalchemy as sa

from ledger import audit
from pipeline.runs import Run

Work = Literal[
    "file checked",
    "file staged",
    "book brought up to date",
    "payments posted",
    "month told",
    "decisions settled",
    "errors reported",
    "file delivered",
]


def journal(conn: sa.Connection, run: Run, work: Work, **about: int | str | list[str]) -> None:
    """Notes the work in the trail. `about` are ids and counts only."""
    audit.note(conn, work, "run", run.run_id, **about)
