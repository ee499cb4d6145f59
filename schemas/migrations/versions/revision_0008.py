"""What the set of a case does, and when it was said."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; of the cases of before they are null until a file brings them again."""
    op.execute("ALTER TABLE ledger.case ADD COLUMN maintenance_type TEXT")
    op.execute("ALTER TABLE ledger.case ADD COLUMN submitted_at TEXT")


def downgrade() -> None:
    """Removes them."""
    op.execute("ALTER TABLE ledger.case DROP COLUMN submitted_at")
    op.execute("ALTER TABLE ledger.case DROP COLUMN maintenance_type")
