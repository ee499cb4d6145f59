"""What files were wrapped in on the wire, both ways: a table."""

import sqlalchemy as sa

from schemas.columns import identity, metadata, one_of, reference, text

# Both the wrapped and the clear bytes have a hash and lie in the landing zone. What came wrapped is
# a received file itself, of the kind `wrapped`; what goes out is wrapped once, when it is delivered
# for the first time.
wrapping = sa.Table(
    "wrapping",
    metadata,
    identity("wrapping_id"),
    reference("file_id", "ledger.file.file_id"),  # what is within
    reference(
        "origin_file_id", "ledger.file.file_id", nullable=True
    ),  # what came; null: we sent it
    sa.Column("ordinal", sa.BigInteger, nullable=False),  # which entry of it
    text("how"),
    text("name"),  # of the wrapped bytes, on the wire
    text("sha256"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    text("storage_key"),
    one_of("how", "openpgp", "zip", "gzip"),
    sa.Index("uq_wrapping_file", "file_id", "sha256", unique=True),
    sa.Index("ix_wrapping_origin", "origin_file_id"),
    schema="ledger",
)
