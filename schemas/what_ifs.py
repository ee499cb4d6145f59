"""What changed rules would have done, kept for others to see: a table."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.columns import INSTANT, identity, metadata, text

# Written once. Of one partner, so that whoever sees other partners only does not see it.
what_if = sa.Table(
    "what_if",
    metadata,
    identity("what_if_id"),
    text("partner_id"),
    sa.Column("since", sa.Date, nullable=False),  # the first day of the files that were asked about
    sa.Column("until", sa.Date),  # the last one; null: the day on which it was asked
    text("rules_sha256"),  # of the changed rules
    sa.Column("changes", JSONB, nullable=False),  # kind, id, field, before, after
    sa.Column("totals", JSONB, nullable=False),  # files; members, policies, dollars each way
    sa.Column("rules", JSONB, nullable=False),  # the same by rule, the worst first
    text("person"),
    text("account"),
    sa.Column("asked_at", INSTANT, nullable=False, server_default=sa.func.clock_timestamp()),
    text("reason"),
    sa.Index("ix_what_if_partner", "partner_id", "what_if_id"),
    schema="ledger",
)
