"""Breaks: disagreements that keep their identity from one reconciliation to the next.

The tables, and `breaks.toml`: the comparisons. What persons may do with a break is
`schemas/work.py`.
"""

from functools import cache

import sqlalchemy as sa

from schemas import tables
from schemas.columns import INSTANT, columns_of, identity, metadata, one_of, reference, text
from schemas.rows import Row, read_rows
from schemas.work import Desk, events_of, queue_of, worked_on

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
    # The product, as the first look found it that knew it.
    sa.Column("insurance_line", sa.Text),
    sa.Column("plan_year", sa.Text),
    *worked_on(),
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
    one_of("source", "carrier", "exchange_full", "pre_audit", "monthly", "premium"),
    one_of("kind", "differs", "missing_at_carrier", "missing_in_book"),
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
    queue_of("break"),
    sa.Index("ix_break_cause", "partner_id", "source", "kind", "field", "file_id"),
    sa.Index("ix_break_first_seen", "first_seen"),
    sa.Index("ix_break_gone", sa.text("coalesce(resolved_at, 'infinity')")),
    schema="reconciliation",
)

break_event = events_of("break", "reconciliation")
BREAKS = Desk("break", break_, break_event)


class Source(Row):
    """A comparison that finds breaks, and what people call it and its other side."""

    name: str
    says: str
    other_side: str
    missing_there: str
    missing_here: str
    hours: int  # from when a break is found to its term
    # What to do, where the rows of a comparison do not say it.
    action_there: str | None = None
    action_here: str | None = None
    action_differs: str | None = None


class BreakRules(Row):
    """Which comparisons find breaks."""

    sources: tuple[Source, ...]

    def source(self, name: str) -> Source:
        """The comparison of that name; KeyError when there is none."""
        return {one.name: one for one in self.sources}[name]


@cache
def load_break_rules() -> BreakRules:
    """The rows of `breaks.toml`."""
    return read_rows(BreakRules, "breaks.toml")
