"""Which dispute went to the exchange in which file."""

from alembic import op

from schemas.migrations.dispute_file_tables import DISPUTE_FILE_AUDIT, DISPUTE_FILE_TABLES

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables, empty: nobody knows which of the files before has reached the exchange."""
    op.execute(DISPUTE_FILE_TABLES)
    op.execute(DISPUTE_FILE_AUDIT)


def downgrade() -> None:
    """Removes them, and with them which dispute was told."""
    op.execute("DROP TABLE ledger.dispute_told")
    op.execute("DROP TABLE ledger.dispute_file")
    op.execute("DROP FUNCTION ledger.audit_dispute_told_altered")
    op.execute("DROP FUNCTION ledger.audit_dispute_told")
    op.execute("DROP FUNCTION ledger.audit_dispute_file")
