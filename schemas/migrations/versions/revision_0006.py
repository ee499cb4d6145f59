"""What a word about a waiver said of its last day."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of what was said before it is null."""
    op.execute("ALTER TABLE reconciliation.break_event ADD COLUMN until DATE")
    op.execute("ALTER TABLE ledger.case_event ADD COLUMN until DATE")


def downgrade() -> None:
    """Removes it, and with it the last days of waivers that have ended."""
    op.execute("ALTER TABLE reconciliation.break_event DROP COLUMN until")
    op.execute("ALTER TABLE ledger.case_event DROP COLUMN until")
