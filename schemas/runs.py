"""Runs in the database: by which rules, who works for them, and which of their steps failed."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.columns import INSTANT, identity, key, metadata, one_of, reference, text


def rules(*, nullable: bool = False) -> sa.Column[str]:
    """By which rules: those of the run's opening, of who works for it, of who judged the file."""
    to = sa.ForeignKey("ledger.rule_version.digest")
    return sa.Column("rules_digest", sa.Text, to, nullable=nullable)


# All that decides about a file, by digests only: `schemas/rule_versions.py`.
rule_version = sa.Table(
    "rule_version",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    text("program"),
    sa.Column("parts", JSONB, nullable=False),  # the digest of each kind of rows
    sa.Column("first_used_at", INSTANT, nullable=False, server_default=sa.func.now()),
    schema="ledger",
)

run = sa.Table(
    "run",
    metadata,
    key("run_id"),  # without a gap, also where an opening was given up
    sa.Column("as_of", INSTANT, nullable=False),
    rules(),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    sa.Column("opened_at", INSTANT, nullable=False, server_default=sa.func.now()),
    sa.Column("closed_at", INSTANT),
    one_of("state", "open", "balanced", "balanced_with_open_items", "failed"),
    sa.Index("uq_run_open", "as_of", unique=True, postgresql_where=sa.text("state = 'open'")),
    schema="ledger",
)

# Who has worked for a run: a process from its start to its end, or a scheduler with all its tasks.
# The token is the number by which an owner is told from all former ones.
run_owner = sa.Table(
    "run_owner",
    metadata,
    identity("token"),
    reference("run_id", "ledger.run.run_id"),
    text("kind"),
    text("name"),  # program, process and machine, for people
    rules(),
    sa.Column("since", INSTANT, nullable=False, server_default=sa.func.now()),
    one_of("kind", "process", "scheduler"),
    schema="ledger",
)

# Whose turn it is, partner by partner. Whatever is written for a partner proves its token here.
partner_owner = sa.Table(
    "partner_owner",
    metadata,
    sa.Column("partner_id", sa.Text, primary_key=True),
    reference("token", "ledger.run_owner.token"),
    sa.Column("at_work", sa.Boolean, nullable=False),
    schema="ledger",
)

step_failure = sa.Table(
    "step_failure",
    metadata,
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("ledger.run.run_id"), primary_key=True),
    sa.Column("partner_id", sa.Text, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    text("sentence"),
    schema="ledger",
)
