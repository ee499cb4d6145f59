"""Disputes that persons draft of breaks and cases: what the exchange is asked to mend, and by when.

Those that follow from an answer to a monthly file are `schemas/months.py`.
"""

import sqlalchemy as sa

from schemas.columns import INSTANT, MONEY, identity, metadata, one_of, reference, text

# What it is about, as it was when it was drafted: ids, both sides' values where a comparison found
# them, dollars a month, and the exchange's bytes. A draft is released or dropped by a person.
dispute = sa.Table(
    "dispute",
    metadata,
    identity("dispute_id"),
    text("partner_id"),
    reference("break_id", "reconciliation.break.break_id", nullable=True),
    reference("case_id", "ledger.case.case_id", nullable=True),
    sa.Column("exchange_policy_id", sa.Text),
    sa.Column("exchange_member_id", sa.Text),
    sa.Column("field", sa.Text),  # of a case: segment and element
    sa.Column("issuer_value", sa.Text),
    sa.Column("exchange_value", sa.Text),
    sa.Column("dollars", MONEY, nullable=False),  # a month
    reference("file_id", "ledger.file.file_id", nullable=True),  # of the exchange
    sa.Column("byte_start", sa.BigInteger),  # in that file; byte_end is not included
    sa.Column("byte_end", sa.BigInteger),
    sa.Column("due_on", sa.Date, nullable=False),  # the last day
    sa.Column("needs_second", sa.Boolean, nullable=False),
    text("state"),
    text("drafted_by"),
    text("account"),
    text("reason"),
    sa.Column("drafted_at", INSTANT, nullable=False, server_default=sa.func.now()),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_account", sa.Text),
    sa.Column("decision_reason", sa.Text),
    sa.Column("decided_at", INSTANT),
    one_of("state", "draft", "released", "dropped"),
    sa.CheckConstraint("(break_id IS NULL) <> (case_id IS NULL)", name="about"),
    sa.CheckConstraint("(state = 'draft') = (decided_by IS NULL)", name="decided"),
    sa.Index("ix_dispute_break", "break_id"),
    sa.Index("ix_dispute_case", "case_id"),
    sa.Index("ix_dispute_state", "state", "partner_id", "dispute_id"),
    schema="ledger",
)

# Each file of released disputes, for the exchange: its bytes are made of the rows that it told.
dispute_file = sa.Table(
    "dispute_file",
    metadata,
    identity("dispute_file_id"),
    text("partner_id"),
    text("sha256"),
    sa.Column("disputes", sa.BigInteger, nullable=False),  # how many lines
    sa.Column("dollars", sa.Numeric(14, 2), nullable=False),  # a month, of all of them
    text("taken_by"),  # the person
    text("account"),
    sa.Column("at", INSTANT, nullable=False, server_default=sa.func.now()),
    sa.Index("ix_dispute_file_partner", "partner_id", "dispute_file_id"),
    schema="ledger",
)

# Which dispute, or which action of the month, went in which file: each in one at most.
dispute_told = sa.Table(
    "dispute_told",
    metadata,
    identity("dispute_told_id"),
    reference("dispute_file_id", "ledger.dispute_file.dispute_file_id"),
    reference("dispute_id", "ledger.dispute.dispute_id", nullable=True),
    reference("action_id", "reconciliation.month_action.action_id", nullable=True),
    sa.CheckConstraint("(dispute_id IS NULL) <> (action_id IS NULL)", name="what"),
    sa.UniqueConstraint("dispute_id"),
    sa.UniqueConstraint("action_id"),
    sa.Index("ix_dispute_told_file", "dispute_file_id"),
    schema="ledger",
)
