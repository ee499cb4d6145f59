"""How long the carrier's payments have been the same, whatever else was new."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; of what was read before, all records together say it."""
    op.execute(
        "ALTER TABLE ledger.carrier_reading"
        " ADD COLUMN payments_unchanged_since TIMESTAMP WITH TIME ZONE,"
        " ADD COLUMN payments_are_stale BOOLEAN NOT NULL DEFAULT false"
    )


def downgrade() -> None:
    """Removes them."""
    op.execute(
        "ALTER TABLE ledger.carrier_reading"
        " DROP COLUMN payments_unchanged_since, DROP COLUMN payments_are_stale"
    )
