"""What PostgreSQL keeps of HIX 820s: payments as they came, and where each cent of them went.

All of it is written once, in the transaction that posts the file; nothing of it changes afterwards.
Names of people are not kept here: the file has them.
"""

import sqlalchemy as sa

from schemas.columns import MONEY, columns_of, key, metadata, reference, text, without
from schemas.premium_tables import PREMIUM_MONTHS, PREMIUM_PAYMENTS, REMITTANCES

_NAMES = ("last_name", "first_name")


def _file_key() -> sa.Column[int]:
    return sa.Column(
        "file_id", sa.BigInteger, sa.ForeignKey("ledger.file.file_id"), primary_key=True
    )


premium_file = sa.Table(
    "premium_file",
    metadata,
    _file_key(),
    text("partner_id"),
    reference("run_id", "ledger.run.run_id"),
    sa.Column("stated", MONEY, nullable=False),  # sum of BPR02
    sa.Column("expected", MONEY, nullable=False),  # what was due in the months of its rows
    sa.Column("payments", sa.BigInteger, nullable=False),
    text("book_sha256"),  # of the segments that it was compared with
    sa.Index("ix_premium_file_partner", "partner_id"),
    schema="reconciliation",
)

premium_remittance = sa.Table(
    "premium_remittance",
    metadata,
    sa.Column(
        "file_id",
        sa.BigInteger,
        sa.ForeignKey("reconciliation.premium_file.file_id"),
        primary_key=True,
    ),
    key("set_ordinal"),
    *without(REMITTANCES, "set_ordinal"),
    schema="reconciliation",
)

premium_payment = sa.Table(
    "premium_payment",
    metadata,
    sa.Column(
        "file_id",
        sa.BigInteger,
        sa.ForeignKey("reconciliation.premium_file.file_id"),
        primary_key=True,
    ),
    key("entity_ordinal"),
    key("payment_ordinal"),
    *without(PREMIUM_PAYMENTS, "entity_ordinal", "payment_ordinal", *_NAMES),
    schema="reconciliation",
)

premium_month = sa.Table(
    "premium_month",
    metadata,
    sa.Column(
        "file_id",
        sa.BigInteger,
        sa.ForeignKey("reconciliation.premium_file.file_id"),
        primary_key=True,
    ),
    key("row_ordinal"),
    *columns_of(PREMIUM_MONTHS),
    sa.Index("ix_premium_month_policy", "exchange_policy_id"),
    schema="reconciliation",
)

# The months of a file added up when it was posted, as reports tell them (`report_tables.FIGURES`).
premium_figure = sa.Table(
    "premium_figure",
    metadata,
    sa.Column(
        "file_id",
        sa.BigInteger,
        sa.ForeignKey("reconciliation.premium_file.file_id"),
        primary_key=True,
    ),
    *(
        sa.Column(name, sa.Text, primary_key=True)
        for name in ("fate", "insurance_line", "plan_year", "measure")
    ),
    sa.Column("ours", MONEY, nullable=False),
    sa.Column("theirs", MONEY, nullable=False),
    schema="reconciliation",
)
