"""The month in the database: files of it, what follows from an answer, and what persons said of it.

Values of either side stand here as they were answered; the audit trail has ids and counts only.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas import monthly_tables
from schemas.columns import INSTANT, identity, metadata, one_of, reference, text, without

# What we sent and what came back, once each: the same bytes again in the same month are the same
# file; in another month they say that nothing has changed. An answer that is refused leaves
# everything as it was. An RCNI is written, released by a person, sent by a night. A pre-audit file
# that leaves out too much is held until a second person has accepted or refused it.
month_file = sa.Table(
    "month_file",
    metadata,
    identity("month_file_id"),
    text("partner_id"),
    text("kind"),
    text("layout"),  # and its version, as `schemas/monthly` has them
    text("name"),
    sa.Column("coverage_year", sa.Integer, nullable=False),
    text("month"),  # CCYYMM, by its name, or in which it came or was written
    text("sha256"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    text("storage_key"),
    sa.Column("as_of", INSTANT, nullable=False),  # of which belief it tells, or when it came
    reference("answers_month_file_id", "reconciliation.month_file.month_file_id", nullable=True),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("balance", JSONB, nullable=False),  # rows and dollars by fate, and what was wrong
    text("state"),
    reference("file_id", "ledger.file.file_id", nullable=True),  # null: it has not been sent
    sa.Column("frozen_key", sa.Text),  # of what a pre-audit file says, as Parquet
    sa.Column("judged_by", sa.Text),  # in whose name the night ran that held it
    sa.Column("released_by", sa.Text),  # the person, as named with --by
    sa.Column("account", sa.Text),  # of the operating system, under which the command ran
    sa.Column("reason", sa.Text),
    one_of("kind", "rcni", "answer", "pre_audit"),
    one_of("state", "written", "released", "sent", "loaded", "superseded", "refused", "held"),
    sa.CheckConstraint(
        "(kind = 'rcni') = (state IN ('written', 'released', 'sent'))", name="written"
    ),
    sa.CheckConstraint(
        "(file_id IS NULL) = (state IN ('written', 'released'))", name="in_the_ledger"
    ),
    sa.CheckConstraint("state <> 'held' OR kind = 'pre_audit'", name="held"),
    sa.UniqueConstraint("partner_id", "kind", "month", "sha256"),
    schema="reconciliation",
)

# What follows from an answer. A dispute is a draft until a person releases or drops it.
month_action = sa.Table(
    "month_action",
    metadata,
    identity("action_id"),
    reference("month_file_id", "reconciliation.month_file.month_file_id"),
    *without(monthly_tables.MONTHLY_ACTIONS),
    sa.Column("event_id", sa.BigInteger),  # of the book: what our value comes from
    sa.Column("due_on", sa.Date),  # the last day of a dispute
    reference("break_id", "reconciliation.break.break_id", nullable=True),  # null: none follows
    text("state"),
    one_of("action", "correct", "dispute", "ignore", "look"),
    one_of("state", "open", "draft", "ignored", "released", "dropped", "done", "superseded"),
    sa.CheckConstraint("(action = 'ignore') = (state = 'ignored')", name="ignored"),
    sa.CheckConstraint("state NOT IN ('draft', 'released') OR action = 'dispute'", name="disputed"),
    sa.UniqueConstraint("month_file_id", "action_ordinal"),
    schema="reconciliation",
)

# Each word of a person about an action, once and for good.
month_word = sa.Table(
    "month_word",
    metadata,
    sa.Column(
        "action_id",
        sa.BigInteger,
        sa.ForeignKey("reconciliation.month_action.action_id"),
        primary_key=True,
    ),
    text("word"),
    text("decided_by"),  # the person, as named with --by
    text("account"),  # of the operating system, under which the command ran
    text("reason"),
    sa.Column("decided_at", INSTANT, nullable=False, server_default=sa.func.now()),
    one_of("word", "released", "dropped", "done"),
    schema="reconciliation",
)
