"""Whom the verdict has kept out of each set."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds their ids, which nobody has kept of what was staged before."""
    op.execute("ALTER TABLE book.event_set ADD COLUMN fallen_members TEXT[]")


def downgrade() -> None:
    """Removes them."""
    op.execute("ALTER TABLE book.event_set DROP COLUMN fallen_members")
