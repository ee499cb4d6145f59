"""One verdict per file, from which TA1, 999, error report and ledger state all derive.

It is declared among the facts because three rooms share it: `validators` makes it, `replies` and
`ledger` read it, and none of them may import the others.
"""

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from schemas.tables import BUSINESS_UNITS

FileVerdict = Literal[
    "accepted", "accepted_with_errors", "partially_accepted", "rejected", "unreadable"
]


@dataclass(frozen=True)
class Quarantine:
    """Why a file is set apart for a person: a rule, and whether its sender hears of it.

    Where the transport itself is suspect (an unknown sender, a mailbox that is not the receiver's)
    there is neither TA1, 999 nor a row of the error report: they would go to a stranger.
    """

    rule: str
    is_answered: bool


@dataclass(frozen=True)
class Verdict:
    """What we say about one received file.

    `file_verdict` is `unreadable` when no interchange could be read at all (empty, not X12): the
    file goes to quarantine and has no X12 answer. A group or set of a rejected interchange has
    verdict rows with ack R, but no 999 is written for it (TA1 rejected means no 999).
    """

    sha256: str
    size_bytes: int
    file_verdict: FileVerdict
    interchanges: pa.Table  # tables.INTERCHANGES
    functional_groups: pa.Table  # tables.FUNCTIONAL_GROUPS
    transaction_sets: pa.Table  # tables.TRANSACTION_SETS
    interchange_verdicts: pa.Table  # tables.INTERCHANGE_VERDICTS
    group_verdicts: pa.Table  # tables.GROUP_VERDICTS
    set_verdicts: pa.Table  # tables.SET_VERDICTS
    issues: pa.Table  # tables.ISSUES, in file order
    dispositions: pa.Table  # tables.DISPOSITIONS: rejected by us, or accepted so far
    business_units: pa.Table = field(default_factory=BUSINESS_UNITS.empty_table)
    quarantine: Quarantine | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the sender hears of the file at all: TA1, 999 and error report."""
        return self.quarantine is None or self.quarantine.is_answered
