"""Reports that persons have signed or taken away: tables."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from schemas.columns import INSTANT, identity, metadata, text

# The report of a period as its preparer saw it, and who has reviewed it. The bytes lie in the
# landing zone under their hash; a row is written once and reviewed once.
signed_period = sa.Table(
    "signed_period",
    metadata,
    identity("signed_period_id"),
    text("partner_id"),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    text("sha256"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    text("storage_key"),
    text("prepared_by"),  # the person, as named with --by or signed in
    text("prepared_account"),
    sa.Column("prepared_at", INSTANT, nullable=False, server_default=sa.func.now()),
    text("prepared_note"),
    sa.Column("reviewed_by", sa.Text),
    sa.Column("reviewed_account", sa.Text),
    sa.Column("reviewed_at", INSTANT),
    sa.Column("reviewed_note", sa.Text),
    sa.CheckConstraint("first_day <= last_day", name="days"),
    sa.CheckConstraint(
        "(reviewed_by IS NULL) = (reviewed_at IS NULL) AND"
        " (reviewed_by IS NULL) = (reviewed_account IS NULL) AND"
        " (reviewed_by IS NULL) = (reviewed_note IS NULL)",
        name="reviewed",
    ),
    sa.CheckConstraint("lower(reviewed_by) <> lower(prepared_by)", name="two_persons"),
    sa.UniqueConstraint("partner_id", "first_day", "last_day", "sha256"),
    schema="ledger",
)

# What left as a file or a sample: who took it, by which filters, of which runs, and how much.
report_export = sa.Table(
    "report_export",
    metadata,
    identity("report_export_id"),
    sa.Column("at", INSTANT, nullable=False, server_default=sa.func.now()),
    text("report"),  # reconciliation, or what was sampled
    text("form"),  # csv | xlsx | parquet | pdf | rows
    sa.Column("filters", JSONB, nullable=False),
    sa.Column("run_ids", ARRAY(sa.BigInteger), nullable=False),
    sa.Column("rows", JSONB, nullable=False),  # how many, by table
    text("sha256"),  # of the bytes of all its files, in the order of their names
    text("person"),
    text("account"),
    schema="ledger",
)
