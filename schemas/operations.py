"""What persons say to the nights: of held partners, released files, steps that failed: a table."""

import sqlalchemy as sa

from schemas.columns import INSTANT, identity, metadata, one_of, reference, text

# Written once. A partner is held while its last word of the two is `partner held`. Of a released
# file the night that takes it in says as which one.
operator_word = sa.Table(
    "operator_word",
    metadata,
    identity("operator_word_id"),
    text("word"),
    text("partner_id"),
    reference("file_id", "ledger.file.file_id", nullable=True),  # that is released
    sa.Column("rule", sa.Text),  # that had set it apart, and does not hold for it any more
    reference("taken_as", "ledger.file.file_id", nullable=True),
    sa.Column("file_kind", sa.Text),  # of a file that has not come
    sa.Column("due_at", INSTANT),  # by when it was expected
    reference("run_id", "ledger.run.run_id", nullable=True),  # whose step is tried again
    sa.Column("step", sa.Text),
    text("person"),  # as named with --by or signed in
    text("account"),
    sa.Column("said_at", INSTANT, nullable=False, server_default=sa.func.clock_timestamp()),
    text("reason"),
    one_of(
        "word",
        "partner held",
        "partner resumed",
        "file released",
        "absence explained",
        "step asked for again",
    ),
    sa.CheckConstraint(
        "(word = 'file released') = (file_id IS NOT NULL) AND"
        " (file_id IS NULL) = (rule IS NULL) AND (taken_as IS NULL OR file_id IS NOT NULL) AND"
        " (word = 'absence explained') = (due_at IS NOT NULL) AND"
        " (due_at IS NULL) = (file_kind IS NULL) AND"
        " (word = 'step asked for again') = (run_id IS NOT NULL) AND"
        " (run_id IS NULL) = (step IS NULL)",
        name="about",
    ),
    sa.Index("ix_operator_word_partner", "partner_id", "word", "operator_word_id"),
    sa.Index("uq_operator_word_file", "file_id", unique=True),
    sa.Index("uq_operator_word_taken_as", "taken_as", unique=True),
    schema="ledger",
)
