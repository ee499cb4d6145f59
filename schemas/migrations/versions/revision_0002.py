"""Alerts, who was told of them, and when somebody walked along the audit trail."""

from alembic import op

from schemas.migrations.alert_tables import ALERT_AUDIT, ALERT_TABLES, AUDIT_WALK_TABLE

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DOWN = """
DROP TABLE ledger.audit_walk;
DROP TABLE ledger.alert_told;
DROP TABLE ledger.alert;
DROP FUNCTION ledger.audit_alert;
"""


def upgrade() -> None:
    """Adds the tables, which are empty."""
    op.execute(ALERT_TABLES)
    op.execute(ALERT_AUDIT)
    op.execute(AUDIT_WALK_TABLE)


def downgrade() -> None:
    """Removes them, and with them who was told of what."""
    op.execute(_DOWN)
