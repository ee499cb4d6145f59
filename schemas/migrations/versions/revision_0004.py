"""The last day of coverage without an end, and changes in circumstance of impossible moments."""

from alembic import op

from schemas.migrations.year_views import CHANGE_IN_CIRCUMSTANCE, EFFECTIVE_COVERAGE

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replaces the two views."""
    op.execute(EFFECTIVE_COVERAGE)
    op.execute(CHANGE_IN_CIRCUMSTANCE)


def downgrade() -> None:
    """Leaves them: what 0003 asks of them they answer as before."""
