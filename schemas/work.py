"""Work that people have: breaks and cases. What both have in common, and `work.toml`.

A piece of work has a row with a state and an owner, and events that are never changed.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from schemas.columns import INSTANT, identity, metadata, one_of, reference, text

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
        # Counts what persons did with it.
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0")),
        one_of("state", *STATES),
    ]


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
        one_of("state", *STATES),
        sa.Index(f"ix_{noun}_event_{noun}", f"{noun}_id"),
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


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(_Row):
    """What a person may do with a piece of work in one of the states `from_`.

    It is in the state `becomes` then.
    """

    name: str
    from_: tuple[str, ...] = Field(alias="from")
    becomes: str | None = None  # none: its state stays
    needs: tuple[Literal["owner", "reason", "until"], ...] = ()
    until: Literal["waived_until", "snoozed_until"] | None = None  # the column of its last day
    escalates: bool = False
    kinds: tuple[str, ...] = ()  # of the rows that it is for; none: for all
    sentence: str


class WorkRules(_Row):
    """Which states are open, and the actions by name."""

    open: tuple[str, ...]
    actions: tuple[Action, ...]

    def action(self, name: str) -> Action:
        """The action of that name; KeyError when there is none."""
        return {one.name: one for one in self.actions}[name]

    def possible(self, state: str, kind: str) -> list[Action]:
        """What may be done with a row of that state and kind, in the order of the rules."""
        return [
            one
            for one in self.actions
            if state in one.from_ and (not one.kinds or kind in one.kinds)
        ]


@cache
def load_work_rules() -> WorkRules:
    """The rows of `work.toml`."""
    content = files("schemas").joinpath("work.toml").read_text("utf-8")
    return WorkRules.model_validate(tomllib.loads(content))
