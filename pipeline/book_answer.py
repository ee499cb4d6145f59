"""What is known about one policy, put together: what is believed, what was told, and what waits."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

import sqlalchemy as sa

from enrollment.believed import Belief, PolicyKey, Row, believed, decisions, learnt
from enrollment.retelling import Change, retell
from enrollment.told import ToldSet, told_sets
from ledger import audit
from pipeline.operators import account
from pipeline.rules_command import sentence
from schemas.catalog import load_rules

# Which of the sets that apply is in the way of one that waits, by the reason why it waits.
_BEGINS = ("initial", "renewal")
_BLOCKING = {
    "policy-exists": _BEGINS,
    "policy-cancelled": ("cancellation", "issuer_cancellation"),
    "later-end-needs-reinstatement": ("termination", "issuer_termination"),
    "end-not-after-begin": _BEGINS,
    "cancellation-after-begin": _BEGINS,
    "nothing-to-reinstate": _BEGINS,
    "other-subscriber": _BEGINS,
    "other-plan": _BEGINS,
    "before-enrollment": _BEGINS,
    "said-again": ("change",),
}


_FIRST_EVENT = sa.text("""
SELECT min(e.event_id)
FROM book.event e JOIN book.event_set s USING (file_id, set_ordinal)
WHERE s.exchange_policy_id = :exchange_policy_id AND s.partner_id = :partner_id
""")


@dataclass(frozen=True)
class Question:
    """What is asked: of which policy, for which day, as believed when, and whether unmasked."""

    key: PolicyKey
    today: date
    valid_on: date | None = None
    known_at: datetime | None = None
    reveal: bool = False


@dataclass(frozen=True)
class Learnt:
    """A moment at which the book changed its mind, what the policy was then, and what told it."""

    row: Row
    sets: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """All that is known of a policy. `changes` are by the number of the set that made them."""

    question: Question
    belief: Belief
    told: list[ToldSet]
    changes: dict[int, list[Change]]
    learnt: list[Learnt]
    decisions: list[Row]

    @property
    def waiting(self) -> list[ToldSet]:
        """The sets that nothing has come of yet."""
        return [one for one in self.told if one.waits]

    def is_later(self, one: ToldSet) -> bool:
        """Whether what became of the set was decided after the moment that is asked about."""
        known_at = self.question.known_at
        return known_at is not None and one.row["decided_at"] > known_at

    def number_of(self, row: Row) -> int | None:
        """The number of the set that told a row of the book."""
        place = row["file_id"], row["set_ordinal"]
        return next((one.number for one in self.told if one.place == place), None)

    def holds(self, begin: date | None, end: date | None) -> bool:
        """Whether a span holds on the day that is asked about; any span does when none is."""
        day = self.question.valid_on
        return day is None or (begin is not None and begin <= day and (end is None or end >= day))

    def blocked_by(self, one: ToldSet) -> int | None:
        """The number of the set that is in the way of one that waits, or is repeated by it."""
        if one.row["reason"] == "transaction-duplicate":
            same = [
                each
                for each in self.told
                if each.is_applied and each.row["content_hash"] == one.row["content_hash"]
            ]
            return same[0].number if same else self._last_of(one.row["transaction"])
        kinds = _BLOCKING.get(one.row["reason"] or "", ())
        return self._last_of(*kinds)

    def strangers_of(self, one: ToldSet) -> list[str]:
        """The members of a set whom the policy does not have, and whom the set does not add."""
        known = {row["exchange_member_id"] for row in self.belief.members}
        return [
            event["exchange_member_id"]
            for event in one.events
            if event["maintenance_type"] != "021" and event["exchange_member_id"] not in known
        ]

    def _last_of(self, *transactions: str) -> int | None:
        found = [each for each in self.told if each.is_applied]
        return next(
            (each.number for each in reversed(found) if each.row["transaction"] in transactions),
            None,
        )

    @classmethod
    def to(cls, conn: sa.Connection, question: Question) -> Self:
        """The answer from the book."""
        key, known_at = question.key, question.known_at
        told = told_sets(conn, key, known_at)
        changes, _ = retell(told)
        return cls(
            question,
            believed(conn, key, known_at),
            told,
            changes,
            [_learnt(row, told) for row in learnt(conn, key, known_at)],
            decisions(conn, key, known_at),
        )


def _learnt(row: Row, told: list[ToldSet]) -> Learnt:
    moment = row["known_from"]
    sets = tuple(
        one.number
        for one in told
        if one.row["believed_from"] == moment
        or (one.is_applied and one.row["decided_at"] == moment)
    )
    return Learnt(row, sets)


def meaning(reason: str | None) -> tuple[str, str]:
    """What a reason says and what to do about it, as the rules word it; else the reason itself."""
    rule = load_rules().get(reason or "")
    return (sentence(rule), rule.fix) if rule else ((reason or "").replace("-", " "), "")


def note_reveal(conn: sa.Connection, question: Question) -> None:
    """Notes in the audit trail that somebody is about to see this policy unmasked.

    The object is the policy by the first event that was told of it. Belongs into a transaction that
    commits before anything is shown. Notes nothing when nothing is known of the policy.
    """
    event_id = conn.execute(_FIRST_EVENT, vars(question.key)).scalar_one()
    if event_id is None:
        return
    details: dict[str, Any] = {
        "policy": question.key.exchange_policy_id,
        "partner": question.key.partner_id,
        "account": account(),
    }
    if question.valid_on:
        details["valid_on"] = question.valid_on.isoformat()
    if question.known_at:
        details["known_at"] = question.known_at.isoformat()
    audit.note(conn, "revealed", "policy", event_id, **details)
