"""What the carrier's files did at the exchange: of each file, and of all that a night read."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.state import State


@dataclass
class Outcome:
    """What one received file did. Kept as JSON, so that a night's summary can be read again."""

    kind: str  # TA1 | 999 | enrollment | report | not understood
    name: str
    accepted: dict[str, int] = field(default_factory=dict)  # by transaction
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    forced: list[tuple[str, str]] = field(default_factory=list)
    interchanges_accepted: int = 0
    interchanges_rejected: int = 0
    duplicates_refused: int = 0
    sets_accepted: int = 0
    sets_rejected: int = 0
    sets_rejected_without_fault: list[str] = field(default_factory=list)

    def accept(self, kind: str) -> None:
        """Counts an accepted transaction."""
        self.accepted[kind] = self.accepted.get(kind, 0) + 1


@dataclass(frozen=True)
class AnswerSummary:
    """What the carrier's answers of a night said, over all partners.

    `accepted` counts its transactions by name. `rejected` holds policy id, transaction and reasons
    of each that the exchange rejected because of what is wrong with it; `forced` holds policy id
    and cause of each that it rejected because the scenario wants that.
    `sets_rejected_without_fault` holds ST02 of sets that the carrier rejected, by a 999 or with
    their interchange, though nothing was wrong with them; `interchanges_unanswered` counts
    undamaged files that have no TA1 yet. `rejected`, these sets and these
    files are none when the carrier does its work.
    """

    files_read: dict[str, int]
    accepted: dict[str, int]
    rejected: tuple[tuple[str, str, str], ...]
    forced: tuple[tuple[str, str], ...]
    interchanges_acknowledged: int
    interchanges_rejected: int
    duplicates_refused: int
    sets_accepted: int
    sets_rejected: int
    sets_rejected_without_fault: tuple[str, ...]
    interchanges_unanswered: int
    not_understood: tuple[str, ...]

    @property
    def effectuations_accepted(self) -> int:
        """How many effectuations were accepted."""
        return self.accepted.get("effectuation", 0)

    @property
    def effectuations_rejected(self) -> tuple[tuple[str, str], ...]:
        """Policy id and reasons of each rejected effectuation, and of what could not be read."""
        return tuple(
            (policy_id, reasons)
            for policy_id, kind, reasons in self.rejected
            if kind in {"effectuation", ""}
        )


def summarise(state: State, night: int) -> AnswerSummary:
    """The summary of everything read in that night."""
    rows = state.connection.execute(
        "SELECT outcome FROM answers_read WHERE night = ? ORDER BY rowid", (night,)
    )
    outcomes = [Outcome(**json.loads(row[0])) for row in rows]
    (unanswered,) = state.connection.execute(
        "SELECT count(*) FROM files WHERE role = 'enrollment' AND fault IS NULL"
        " AND ta1 IS NULL AND night <= ?",
        (night,),
    ).fetchone()
    return AnswerSummary(
        files_read=dict(Counter(outcome.kind for outcome in outcomes)),
        accepted=dict(sum((Counter(outcome.accepted) for outcome in outcomes), Counter())),
        rejected=tuple((p, k, r) for outcome in outcomes for p, k, r in outcome.rejected),
        forced=tuple((policy, why) for outcome in outcomes for policy, why in outcome.forced),
        interchanges_acknowledged=_total(outcomes, "interchanges_accepted"),
        interchanges_rejected=_total(outcomes, "interchanges_rejected"),
        duplicates_refused=_total(outcomes, "duplicates_refused"),
        sets_accepted=_total(outcomes, "sets_accepted"),
        sets_rejected=_total(outcomes, "sets_rejected"),
        sets_rejected_without_fault=tuple(
            number for outcome in outcomes for number in outcome.sets_rejected_without_fault
        ),
        interchanges_unanswered=unanswered,
        not_understood=tuple(o.name for o in outcomes if o.kind == "not understood"),
    )


def _total(outcomes: Iterable[Outcome], name: str) -> int:
    return sum(getattr(outcome, name) for outcome in outcomes)
