"""Work that people have: breaks and cases. What both have in common, and `work.toml`.

A piece of work has a row with a state and an owner, and events that are never changed.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field

from schemas.columns import INSTANT, identity, metadata, one_of, reference, text
from schemas.rows import Row, read_rows

STATES = (
    "new",
    "assigned",
    "in_progress",
    "waiting_for_exchange",
    "waiting_for_carrier",
    "reopened",
    "waived",
    "resolved",
)


def worked_on() -> list[sa.schema.SchemaItem]:
    """What persons change in the row of a piece of work."""
    return [
        text("state"),
        sa.Column("owner", sa.Text),
        sa.Column("waived_until", sa.Date),  # the last day of the waiver
        sa.Column("snoozed_until", sa.Date),  # the last day on which queues leave it out
        sa.Column("is_escalated", sa.Boolean, nullable=False, server_default=sa.false()),
        # Counts what persons did with it, and what nights have changed of what it shows.
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", INSTANT, nullable=False),
        # A waiver that a second person must allow: who asked for it, and its last day.
        sa.Column("asked_by", sa.Text),
        sa.Column("asked_until", sa.Date),
        one_of("state", *STATES),
        sa.CheckConstraint("(asked_by IS NULL) = (asked_until IS NULL)", name="asked"),
    ]


def queue_of(noun: str) -> sa.Index:
    """The index by which queues walk: what is escalated first, then by its term."""
    return sa.Index(
        f"ix_{noun}_due",
        sa.text("(NOT is_escalated)"),
        "due_at",
        f"{noun}_id",
        postgresql_where=sa.text("state NOT IN ('resolved', 'waived')"),
    )


def events_of(noun: str, schema: str) -> sa.Table:
    """What persons did with pieces of work, and what happened to their states.

    Its rows are never changed and never removed.
    """
    return sa.Table(
        f"{noun}_event",
        metadata,
        identity(f"{noun}_event_id"),
        reference(f"{noun}_id", f"{schema}.{noun}.{noun}_id"),
        # The clock of the run, or the hour at which a person said it.
        sa.Column("at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
        reference("run_id", "ledger.run.run_id", nullable=True),  # null: a person's
        sa.Column("person", sa.Text),
        sa.Column("account", sa.Text),  # of the operating system
        text("action"),
        text("state"),  # that it had afterwards
        sa.Column("reason", sa.Text),
        # The last day of the waiver that it had afterwards; null of what was said before 0006.
        sa.Column("until", sa.Date),
        one_of("state", *STATES),
        sa.Index(f"ix_{noun}_event_{noun}", f"{noun}_id"),
        sa.Index(f"ix_{noun}_event_at", "at"),
        sa.Index(
            f"ix_{noun}_event_waive",
            f"{noun}_event_id",
            postgresql_where=sa.text("action = 'waive' OR action = 'allow'"),
        ),
        schema=schema,
    )


@dataclass(frozen=True)
class Desk:
    """One sort of work: what people call it, its rows and their events."""

    noun: str  # break, case
    rows: sa.Table
    events: sa.Table

    @property
    def number(self) -> sa.Column[Any]:
        """The column of the rows that counts them."""
        return self.rows.c[f"{self.noun}_id"]

    @property
    def dollars(self) -> sa.ColumnElement[Decimal]:
        """Dollars a month that a row is about, without regard to sign."""
        of_case = ("premium", "aptc")
        of_break = tuple(f"{name}_difference" for name in (*of_case, "csr"))
        names = of_case if self.noun == "case" else of_break
        amounts = [sa.func.coalesce(sa.func.abs(self.rows.c[name]), 0) for name in names]
        return sum(amounts[1:], amounts[0])


class Action(Row):
    """What a person may do with a piece of work in one of the states `from_`.

    It is in the state `becomes` then.
    """

    name: str
    from_: tuple[str, ...] = Field(alias="from")
    becomes: str | None = None  # none: its state stays
    needs: tuple[Literal["owner", "reason", "until"], ...] = ()
    until: Literal["waived_until", "snoozed_until"] | None = None  # the column of its last day
    escalates: bool = False
    answers: bool = False  # what another person has asked for
    kinds: tuple[str, ...] = ()  # of the rows that it is for; none: for all
    sentence: str


class SecondPerson(Row):
    """A word that needs a second person, above so many dollars a month; without them always."""

    action: str
    dollars_above: Decimal = Decimal(-1)
    why: str


class WorkRules(Row):
    """Which states are open, the actions by name, and which words need a second person."""

    open: tuple[str, ...]
    actions: tuple[Action, ...]
    second_person: tuple[SecondPerson, ...]

    def second(self, action: str) -> SecondPerson | None:
        """The row by which the word may need a second person."""
        return {one.action: one for one in self.second_person}.get(action)

    def action(self, name: str) -> Action:
        """The action of that name; KeyError when there is none."""
        return {one.name: one for one in self.actions}[name]

    def possible(self, state: str, kind: str, *, is_asked: bool = False) -> list[Action]:
        """What may be done with a row of that state and kind, in the order of the rules.

        `is_asked`: somebody has asked for what a second person must allow.
        """
        return [
            one
            for one in self.actions
            if state in one.from_
            and (not one.kinds or kind in one.kinds)
            and (is_asked or not one.answers)
        ]


@cache
def load_work_rules() -> WorkRules:
    """The rows of `work.toml`."""
    return read_rows(WorkRules, "work.toml")
