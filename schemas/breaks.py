"""Breaks: disagreements that keep their identity from one reconciliation to the next.

The tables, and `breaks.toml`: what persons may do with a break.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from schemas import tables
from schemas.columns import INSTANT, columns_of, identity, metadata, one_of, reference, text

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

# Identity is what disagrees, not by how much: source, period, kind, policy, member and field.
# Values, dollars, rule and the file behind the book's value are those of the last look that found
# it.
break_ = sa.Table(
    "break",
    metadata,
    identity("break_id"),
    text("partner_id"),
    text("source"),  # which comparison found it
    *columns_of(tables.FOUND_DIFFERENCES),
    text("state"),
    sa.Column("owner", sa.Text),
    sa.Column("waived_until", sa.Date),  # the last day of the waiver
    sa.Column("first_seen", INSTANT, nullable=False),  # the clock of the run
    sa.Column("last_seen", INSTANT, nullable=False),
    reference("first_run_id", "ledger.run.run_id"),
    reference("last_run_id", "ledger.run.run_id"),
    sa.Column("times_seen", sa.Integer, nullable=False),  # by how many different pairs of snapshots
    sa.Column("times_reopened", sa.Integer, nullable=False),
    sa.Column("resolved_at", INSTANT),
    reference("resolved_run_id", "ledger.run.run_id", nullable=True),
    # What proved that it is gone: the exchange's file, or else the carrier's records.
    reference("resolved_file_id", "ledger.file.file_id", nullable=True),
    sa.Column("resolved_sha256", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),  # counts what persons did with it
    one_of("source", "carrier", "exchange_full", "pre_audit", "monthly", "premium"),
    one_of("kind", "differs", "missing_at_carrier", "missing_in_book"),
    one_of("state", *STATES),
    sa.Index(
        "uq_break_identity",
        "exchange_policy_id",
        "exchange_member_id",
        "field",
        "kind",
        "source",
        "partner_id",
        "period",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    sa.Index("ix_break_state", "state", "partner_id", "break_id"),
    sa.Index("ix_break_cause", "partner_id", "source", "kind", "field", "file_id"),
    schema="reconciliation",
)

# What persons did with a break, and what happened to its state: never changed, never removed.
break_event = sa.Table(
    "break_event",
    metadata,
    identity("break_event_id"),
    reference("break_id", "reconciliation.break.break_id"),
    # The clock of the run, or the hour at which a person said it.
    sa.Column("at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
    reference("run_id", "ledger.run.run_id", nullable=True),  # null: a person's
    sa.Column("person", sa.Text),
    sa.Column("account", sa.Text),  # of the operating system
    text("action"),
    sa.Column("state", sa.Text, nullable=False),  # that it had afterwards
    sa.Column("reason", sa.Text),
    one_of("state", *STATES),
    sa.Index("ix_break_event_break", "break_id"),
    schema="reconciliation",
)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(_Row):
    """What a person may do with a break in one of the states `from_`; it then is in `becomes`."""

    name: str
    from_: tuple[str, ...] = Field(alias="from")
    becomes: str | None = None  # none: its state stays
    needs: tuple[Literal["owner", "reason", "until"], ...] = ()
    sentence: str


class Source(_Row):
    """A comparison that finds breaks, and what people call it and its other side."""

    name: str
    says: str
    other_side: str
    missing_there: str
    missing_here: str
    # What to do, where the rows of a comparison do not say it.
    action_there: str | None = None
    action_here: str | None = None
    action_differs: str | None = None


class BreakRules(_Row):
    """Which states are open, which comparisons find breaks, and the actions by name."""

    open: tuple[str, ...]
    sources: tuple[Source, ...]
    actions: tuple[Action, ...]

    def action(self, name: str) -> Action:
        """The action of that name; KeyError when there is none."""
        return {one.name: one for one in self.actions}[name]

    def source(self, name: str) -> Source:
        """The comparison of that name; KeyError when there is none."""
        return {one.name: one for one in self.sources}[name]


@cache
def load_break_rules() -> BreakRules:
    """The rows of `breaks.toml`."""
    content = files("schemas").joinpath("breaks.toml").read_text("utf-8")
    return BreakRules.model_validate(tomllib.loads(content))
