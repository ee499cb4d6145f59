"""What goes wrong, on purpose, with a file of the carrier and with the answers to it.

Everything is drawn from the file's name, so that a call that was killed does the same again. What
the scenario forced is remembered: the end of a demo must tell it from what was really wrong.
"""

from dataclasses import dataclass
from random import Random

from simulator.state import State

LOST = "lost"  # the exchange has the file and does not read it, until somebody asks for it
INTERCHANGE = "interchange"  # a good interchange is rejected by a TA1
FILE = "file"  # all groups of a good file are rejected by a 999
GROUP = "group"  # a good transaction is rejected with its group
BUSINESS = "business"  # a good transaction is rejected by a business acknowledgement
CROSSED = "crossed"  # it crossed a transaction of the exchange that was still on its way

_FORCED_NOTE = "022"  # TA105: invalid control structure


@dataclass(frozen=True)
class AnswerFaults:
    """The faults of one file. With a rate of 0 there are none."""

    rate: float
    random: Random

    def is_lost(self) -> bool:
        """Whether the exchange loses the file."""
        return self._strikes(0.3)

    def interchange_note(self) -> str | None:
        """TA105 with which a good interchange is rejected."""
        return _FORCED_NOTE if self._strikes(0.3) else None

    def rejects_groups(self) -> bool:
        """Whether all groups of a good interchange are rejected."""
        return self._strikes(0.25)

    def rejects_set(self) -> bool:
        """Whether a good transaction is rejected."""
        return self._strikes(0.05)

    def nights_late(self) -> int:
        """How many nights an answer waits."""
        return self.random.randint(1, 3) if self._strikes(0.5) else 0

    def comes_twice(self) -> bool:
        """Whether an answer comes again under another name."""
        return self._strikes(0.5)

    def is_of_nobody(self) -> bool:
        """Whether an answer for numbers that the carrier never used comes too."""
        return self._strikes(0.3)

    def _strikes(self, share: float) -> bool:
        return self.random.random() < self.rate * share


def force(state: State, night: int, partner_id: str, kind: str, subject: str) -> None:
    """Remembers what the scenario forced; `subject` is a policy id, or the name of a file."""
    state.connection.execute(
        "INSERT INTO forced (night, partner_id, kind, subject) VALUES (?, ?, ?, ?)",
        (night, partner_id, kind, subject),
    )


def was_forced(state: State, kind: str, subject: str) -> bool:
    """Whether the scenario has done that to the policy or file before."""
    row = state.connection.execute(
        "SELECT 1 FROM forced WHERE kind = ? AND subject = ?", (kind, subject)
    ).fetchone()
    return row is not None
