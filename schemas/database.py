"""The database: what PostgreSQL remembers, in the schemas `ledger`, `book` and `reconciliation`.

Columns that repeat a table of `schemas/tables.py` are derived from it, so that the two cannot
drift apart; the migrations spell every column out, and a test compares both.

The tables of the book are in `schemas/book.py`.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas import records, tables
from schemas.columns import (
    INSTANT,
    columns_of,
    identity,
    key,
    metadata,
    one_of,
    reference,
    text,
    without,
)
from schemas.runs import rules

VERSION_TABLE = "edi834_version"  # says at which revision a database is


def _file_key() -> sa.Column[int]:
    return sa.Column(
        "file_id", sa.BigInteger, sa.ForeignKey("ledger.file.file_id"), primary_key=True
    )


# ---------------------------------------------------------------------------------- ledger


file = sa.Table(
    "file",
    metadata,
    identity("file_id"),
    text("direction"),
    text("partner_id"),
    text("name"),
    text("kind"),
    sa.Column("function_code", sa.Text),  # of the file's name
    sa.Column("named_at", sa.DateTime),  # date and time of the file's name, exchange's own time
    text("sha256"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    text("storage_key"),
    reference("run_id", "ledger.run.run_id"),
    sa.Column("recorded_at", INSTANT, nullable=False),  # received by us, or made by us
    text("state"),
    sa.Column("verdict", sa.Text),  # ours on a received file
    rules(nullable=True),  # by which the verdict was made
    reference("duplicate_of", "ledger.file.file_id", nullable=True),
    reference("answers_file_id", "ledger.file.file_id", nullable=True),
    sa.Column("delivered_at", INSTANT),
    sa.Column("note", sa.Text),
    sa.CheckConstraint(
        "(direction = 'exchange_to_issuer'"
        " AND kind IN ('enrollment', 'payment', 'acknowledgement', 'month_answer', 'pre_audit',"
        " 'unknown', 'correction', 'wrapped')"
        " AND state IN ('received', 'checked', 'staged', 'applied', 'refused', 'duplicate',"
        " 'quarantined'))"
        " OR (direction = 'issuer_to_exchange'"
        " AND kind IN ('ta1', '999', 'enrollment', 'error_report', 'rcni')"
        " AND state IN ('written', 'delivered', 'acknowledged', 'refused'))",
        name="direction",
    ),
    one_of(
        "verdict",
        "accepted",
        "accepted_with_errors",
        "partially_accepted",
        "rejected",
        "unreadable",
    ),
    sa.UniqueConstraint("direction", "partner_id", "name", "sha256"),
    sa.Index("ix_file_name", "name", postgresql_ops={"name": "text_pattern_ops"}),
    sa.Index("ix_file_sha256", "partner_id", "sha256"),
    sa.Index("ix_file_state", "partner_id", "state"),
    sa.Index("ix_file_run_id", "run_id"),
    sa.Index("ix_file_recorded_at", "recorded_at"),
    sa.Index("ix_file_delivered_at", "delivered_at"),
    sa.Index(
        "ix_file_duplicate_of",
        "duplicate_of",
        postgresql_where=sa.text("duplicate_of IS NOT NULL"),
    ),
    # What somebody waits for: our answers that lie here still, and our files without an answer.
    sa.Index(
        "ix_file_undelivered",
        "partner_id",
        postgresql_where=sa.text("delivered_at IS NULL AND answers_file_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_file_awaited",
        "partner_id",
        postgresql_where=sa.text("kind = 'enrollment' AND state = 'delivered'"),
    ),
    sa.Index(
        "uq_file_answer",
        "kind",
        "answers_file_id",
        unique=True,
        postgresql_where=sa.text("answers_file_id IS NOT NULL"),
    ),
    sa.Index(
        "uq_file_sent_in_run",
        "kind",
        "run_id",
        "partner_id",
        unique=True,
        postgresql_where=sa.text("direction = 'issuer_to_exchange' AND answers_file_id IS NULL"),
    ),
    schema="ledger",
)

sighting = sa.Table(
    "sighting",
    metadata,
    _file_key(),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("ledger.run.run_id"), primary_key=True),
    sa.Column("seen_at", INSTANT, primary_key=True),
    schema="ledger",
)

# What ISA06 and ISA13 say by their fixed places, known before a file is checked: files that bring
# the same number are checked in the order of arrival, whichever task runs first.
received_interchange = sa.Table(
    "received_interchange",
    metadata,
    _file_key(),
    key("interchange_ordinal"),
    text("sender_id"),
    text("control_number"),
    sa.Index("ix_received_interchange_number", "sender_id", "control_number"),
    schema="ledger",
)

# Both directions: the verdict columns hold ours on what we received, and the exchange's on what
# we sent.
interchange = sa.Table(
    "interchange",
    metadata,
    _file_key(),
    key("interchange_ordinal"),
    *without(tables.INTERCHANGES, "interchange_ordinal"),
    *columns_of(tables.INTERCHANGE_VERDICTS, ["ta1_code", "ta1_note"]),
    sa.Index("ix_interchange_control_number", "control_number"),
    schema="ledger",
)

functional_group = sa.Table(
    "functional_group",
    metadata,
    _file_key(),
    key("group_ordinal"),
    *without(tables.FUNCTIONAL_GROUPS, "group_ordinal"),
    *without(tables.GROUP_VERDICTS, "interchange_ordinal", "group_ordinal", "control_number"),
    sa.Index("ix_functional_group_control_number", "control_number"),
    schema="ledger",
)

transaction_set = sa.Table(
    "transaction_set",
    metadata,
    _file_key(),
    key("set_ordinal"),
    *without(tables.TRANSACTION_SETS, "set_ordinal"),
    *without(tables.SET_VERDICTS, "group_ordinal", "set_ordinal", "control_number"),
    schema="ledger",
)

issue = sa.Table(
    "issue",
    metadata,
    _file_key(),
    key("issue_ordinal"),
    *columns_of(tables.ISSUES),
    schema="ledger",
)

disposition = sa.Table(
    "disposition",
    metadata,
    _file_key(),
    key("member_ordinal"),
    sa.Column("set_ordinal", sa.BigInteger),
    text("state"),
    sa.Column("reason", sa.Text),
    reference("decided_in_run", "ledger.run.run_id"),
    one_of("state", "accepted", "rejected", "pending"),
    schema="ledger",
)

# In which run's error report a received file stands: its verdict, and that a person has refused its
# batch. What is not here yet is told in the next report.
reported_file = sa.Table(
    "reported_file",
    metadata,
    _file_key(),
    sa.Column("kind", sa.Text, primary_key=True),
    reference("run_id", "ledger.run.run_id"),
    one_of("kind", "verdict", "refusal"),
    schema="ledger",
)

control_number = sa.Table(
    "control_number",
    metadata,
    sa.Column("partner_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("last_value", sa.BigInteger, nullable=False),
    one_of("kind", "interchange", "group", "transaction_set"),
    sa.CheckConstraint("last_value BETWEEN 1 AND 999999999", name="nine_digits"),
    schema="ledger",
)

# What one partner's night staged, judged as a whole before it may change the book. It is settled by
# the run that brought it into the book, or closed it as refused. No value of a file stands here.
gate_batch = sa.Table(
    "gate_batch",
    metadata,
    identity("batch_id"),
    text("partner_id"),
    reference("run_id", "ledger.run.run_id"),  # the run that staged it
    sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
    reference("judged_in_run", "ledger.run.run_id", nullable=True),
    sa.Column("judged_by", sa.Text),  # in whose name that run worked
    reference("settled_in_run", "ledger.run.run_id", nullable=True),
    one_of("state", "waiting", "passed", "held", "released", "refused"),
    sa.CheckConstraint("(state = 'waiting') = (judged_by IS NULL)", name="judged"),
    sa.Index("ix_gate_batch_partner", "partner_id", "batch_id"),
    sa.Index(
        "ix_gate_batch_open",
        "partner_id",
        "batch_id",
        postgresql_where=sa.text("settled_in_run IS NULL"),
    ),
    schema="ledger",
)

gate_file = sa.Table(
    "gate_file",
    metadata,
    _file_key(),
    reference("batch_id", "ledger.gate_batch.batch_id"),
    sa.Index("ix_gate_file_batch_id", "batch_id"),
    schema="ledger",
)

gate_finding = sa.Table(
    "gate_finding",
    metadata,
    sa.Column(
        "batch_id", sa.BigInteger, sa.ForeignKey("ledger.gate_batch.batch_id"), primary_key=True
    ),
    sa.Column("expectation", sa.Text, primary_key=True),
    text("severity"),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("observed", sa.Double),
    sa.Column("minimum", sa.Double),
    sa.Column("maximum", sa.Double),
    text("outcome"),
    sa.Column("sentence", sa.Text),
    sa.Column("evidence", JSONB, nullable=False),  # great-expectations' result, figures only
    one_of("severity", "hold", "warn"),
    one_of("outcome", "within", "outside", "not_judged"),
    schema="ledger",
)

# Who let a held batch into the book, or kept it out, and why. Written once, never changed.
gate_decision = sa.Table(
    "gate_decision",
    metadata,
    sa.Column(
        "batch_id", sa.BigInteger, sa.ForeignKey("ledger.gate_batch.batch_id"), primary_key=True
    ),
    text("decision"),
    text("decided_by"),  # the person, as named with --by
    text("account"),  # of the operating system, under which the command ran
    sa.Column("decided_at", INSTANT, nullable=False, server_default=sa.func.now()),
    text("reason"),
    one_of("decision", "released", "refused"),
    schema="ledger",
)

# What a run read of the carrier's own records, before it did anything with them: Parquet in the
# landing zone, which a replay reads in place of the carrier's table or extract.
carrier_reading = sa.Table(
    "carrier_reading",
    metadata,
    identity("reading_id"),
    reference("run_id", "ledger.run.run_id"),
    text("partner_id"),
    text("members_key"),  # storage key of records.CARRIER_MEMBERS
    sa.Column("members_rows", sa.BigInteger, nullable=False),
    text("payments_key"),  # storage key of tables.CARRIER_PAYMENTS
    sa.Column("payments_rows", sa.BigInteger, nullable=False),
    text("requests_key"),  # storage key of tables.CARRIER_REQUESTS
    sa.Column("requests_rows", sa.BigInteger, nullable=False),
    sa.Column("unchanged_since", INSTANT, nullable=False),  # clock of the first run that read this
    sa.Column("is_stale", sa.Boolean, nullable=False),  # for longer than the settings allow
    sa.Column("payments_unchanged_since", INSTANT),  # the same of the payments alone
    sa.Column("payments_are_stale", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_carrier_reading_run", "run_id", "partner_id"),
    sa.Index("ix_carrier_reading_partner", "partner_id", "reading_id"),
    schema="ledger",
)

# A person's word that records with so few rows, or unchanged for so long, are true. The partner's
# next reading is judged by it, and no other.
carrier_acceptance = sa.Table(
    "carrier_acceptance",
    metadata,
    identity("acceptance_id"),
    text("partner_id"),
    sa.Column("members_rows", sa.BigInteger, nullable=False),  # as the person found them
    sa.Column("payments_rows", sa.BigInteger, nullable=False),
    text("accepted_by"),  # the person, as named with --by
    text("account"),  # of the operating system, under which the command ran
    sa.Column("accepted_at", INSTANT, nullable=False, server_default=sa.func.now()),
    text("reason"),
    reference("used_in_run", "ledger.run.run_id", nullable=True),
    sa.Index("ix_carrier_acceptance_partner", "partner_id", "acceptance_id"),
    schema="ledger",
)

# What the exchange answered, in the order in which it came. `sent_file_id` and `ordinal` are what
# it is about: an interchange, functional group or transaction set of a file that we sent.
answer = sa.Table(
    "answer",
    metadata,
    identity("answer_id"),
    reference("file_id", "ledger.file.file_id"),  # the file that brought it
    text("partner_id"),
    *columns_of(tables.ANSWERS),
    reference("sent_file_id", "ledger.file.file_id", nullable=True),
    sa.Column("ordinal", sa.BigInteger),
    text("state"),
    one_of("level", "interchange", "group", "set", "business"),
    one_of("state", "unmatched", "matched", "counts", "repeats", "contradicts"),
    sa.CheckConstraint("(state = 'unmatched') = (sent_file_id IS NULL)", name="matched"),
    sa.Index("ix_answer_file_id", "file_id"),
    sa.Index("ix_answer_about", "sent_file_id", "level", "ordinal"),
    sa.Index("ix_answer_open", "partner_id", postgresql_where=sa.text("state <> 'counts'")),
    schema="ledger",
)

# -------------------------------------------------------------------------- reconciliation

result = sa.Table(
    "result",
    metadata,
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("ledger.run.run_id"), primary_key=True),
    sa.Column("partner_id", sa.Text, primary_key=True),
    text("book_sha256"),
    text("carrier_sha256"),
    sa.Column("matched", sa.BigInteger, nullable=False),
    sa.Column("differing", sa.BigInteger, nullable=False),
    sa.Column("missing_at_carrier", sa.BigInteger, nullable=False),
    sa.Column("missing_in_book", sa.BigInteger, nullable=False),
    # What persons had said of pairs, in the landing zone; null: nothing.
    sa.Column("decisions_key", sa.Text),
    # The last batch that was in the book: what else changes the book in a run is our own decision.
    reference("last_batch_id", "ledger.gate_batch.batch_id", nullable=True),
    schema="reconciliation",
)

difference = sa.Table(
    "difference",
    metadata,
    identity("difference_id"),
    sa.Column("run_id", sa.BigInteger, nullable=False),
    text("partner_id"),
    *columns_of(tables.DIFFERENCES),
    sa.ForeignKeyConstraint(
        ["run_id", "partner_id"],
        ["reconciliation.result.run_id", "reconciliation.result.partner_id"],
    ),
    one_of("kind", "differs", "missing_at_carrier", "missing_in_book"),
    sa.Index("ix_difference_result", "run_id", "partner_id"),
    schema="reconciliation",
)

balance = sa.Table(
    "balance",
    metadata,
    sa.Column("run_id", sa.BigInteger, primary_key=True),
    sa.Column("partner_id", sa.Text, primary_key=True),
    sa.Column("fate", sa.Text, primary_key=True),
    sa.Column("insurance_line", sa.Text, primary_key=True),
    sa.Column("plan_year", sa.Text, primary_key=True),
    *without(records.BALANCE, "fate", "insurance_line", "plan_year"),
    sa.ForeignKeyConstraint(
        ["run_id", "partner_id"],
        ["reconciliation.result.run_id", "reconciliation.result.partner_id"],
    ),
    one_of(
        "fate", "matched", "differing", "missing_at_carrier", "missing_in_book", "may_be_absent"
    ),
    schema="reconciliation",
)

# How many transaction sets of a received file were right at the first try, counted when its run
# was closed: nothing changes it afterwards, and a report needs not read the sets.
set_figure = sa.Table(
    "set_figure",
    metadata,
    _file_key(),
    sa.Column("insurance_line", sa.Text, primary_key=True),
    sa.Column("plan_year", sa.Text, primary_key=True),
    sa.Column("good", sa.BigInteger, nullable=False),
    sa.Column("sets", sa.BigInteger, nullable=False),
    schema="reconciliation",
)
