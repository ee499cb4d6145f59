"""How many members the verdict has kept out of each set."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the count, which is 0 of what was staged before."""
    op.execute("ALTER TABLE book.event_set ADD COLUMN members_fallen BIGINT NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Removes it."""
    op.execute("ALTER TABLE book.event_set DROP COLUMN members_fallen")
