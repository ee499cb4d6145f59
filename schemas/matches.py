"""The queue of matches: pairs of records at which a person looks, and what persons said."""

import sqlalchemy as sa

from schemas import records
from schemas.columns import (
    INSTANT,
    columns_of,
    identity,
    metadata,
    one_of,
    reference,
    text,
    without,
)

STATES = ("proposed", "matched", "accepted", "refused", "gone")

# A pair of a member of the book and a record of the carrier is its two keys; its weight and reasons
# are those of the last reconciliation that weighed it. What a person said stays.
match = sa.Table(
    "match",
    metadata,
    identity("match_id"),
    text("partner_id"),
    *columns_of(records.MATCHES, records.MATCH_KEY),
    text("state"),
    *without(records.MATCHES, *records.MATCH_KEY, "state"),
    sa.Column("first_seen", INSTANT, nullable=False),  # the clock of the run
    sa.Column("last_seen", INSTANT, nullable=False),
    reference("last_run_id", "ledger.run.run_id"),
    sa.Column("version", sa.Integer, nullable=False),  # counts what persons said
    one_of("state", *STATES),
    sa.Index(
        "uq_match_identity",
        *records.MATCH_KEY,
        "partner_id",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    sa.Index("ix_match_state", "state", "partner_id", "match_id"),
    schema="reconciliation",
)

# What persons said of a pair: never changed, never removed.
match_word = sa.Table(
    "match_word",
    metadata,
    identity("match_word_id"),
    reference("match_id", "reconciliation.match.match_id"),
    sa.Column("at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
    text("person"),
    text("account"),  # of the operating system
    text("word"),
    text("reason"),
    one_of("word", "accept", "refuse"),
    sa.Index("ix_match_word_match", "match_id"),
    schema="reconciliation",
)
