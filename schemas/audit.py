"""The audit trail in the database: what it remembers of every change of state, in one chain.

`schemas/migrations/audit_trail.py` has the triggers that write it and that keep it from being
changed; docs/decisions has the reasons. No value of a file and no name of a member stands here.
"""

import sqlalchemy as sa

from schemas.columns import INSTANT, identity, metadata, text

GENESIS = "0" * 64  # what the first entry has for a previous hash


def _what_happened() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("at", INSTANT, nullable=False),
        text("actor"),
        text("action"),
        text("object_kind"),
        sa.Column("object_id", sa.BigInteger, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),  # JSON, not JSONB: its text is hashed
    ]


audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("ordinal", sa.BigInteger, primary_key=True, autoincrement=False),
    *_what_happened(),
    text("previous_hash"),
    text("hash"),
    sa.Index("ix_audit_entry_object", "object_kind", "object_id"),
    schema="ledger",
)

# What the running transaction has done so far. Its commit moves these rows into the chain, so that
# writers wait for one another only while they commit. Nobody ever sees another one's rows here.
audit_pending = sa.Table(
    "audit_pending",
    metadata,
    identity("pending_id"),
    *_what_happened(),
    schema="ledger",
)

# When somebody walked along the chain, and what that found: beside the chain, so that a walk leaves
# it as it was.
audit_walk = sa.Table(
    "audit_walk",
    metadata,
    identity("audit_walk_id"),
    sa.Column("at", INSTANT, nullable=False, server_default=sa.func.clock_timestamp()),
    sa.Column("entries", sa.BigInteger, nullable=False),  # that hold
    sa.Column("is_whole", sa.Boolean, nullable=False),
    schema="ledger",
)
