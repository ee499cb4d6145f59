"""Which error report has told of which received file."""

from alembic import op

from schemas.migrations.reported_tables import REPORTED_SO_FAR, REPORTED_TABLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table, with what was told so far."""
    op.execute(REPORTED_TABLE)
    op.execute(REPORTED_SO_FAR)


def downgrade() -> None:
    """Removes it, and with it what was told."""
    op.execute("DROP TABLE ledger.reported_file")
