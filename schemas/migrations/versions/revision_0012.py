"""Whose transaction the set of a case is: the subscriber's or a dependent's."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of the cases of before it is null until a file brings them again."""
    op.execute("ALTER TABLE ledger.case ADD COLUMN is_subscriber BOOLEAN")


def downgrade() -> None:
    """Removes it."""
    op.execute("ALTER TABLE ledger.case DROP COLUMN is_subscriber")
