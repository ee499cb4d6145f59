"""Whose word a withdrawn correction is: not its drafter's."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A night withdraws what was overtaken, and the next draft of a case the one before it: person,
# account and reason of a correction are told where they said it, as draft and as release.
_AUDIT_CORRECTION = """
CREATE OR REPLACE FUNCTION ledger.audit_correction() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('correction deleted', 'correction', OLD.correction_id,
      jsonb_build_object('sha256', OLD.sha256));
  ELSE
    PERFORM ledger.audit_note('correction ' || NEW.state, 'correction', NEW.correction_id,
      jsonb_build_object('case', NEW.case_id, 'parent', NEW.parent_file_id,
        'set', NEW.set_ordinal, 'edits', jsonb_array_length(NEW.edits), 'sha256', NEW.sha256,
        'file', NEW.file_id,
        'account', CASE NEW.state WHEN 'draft' THEN NEW.account
          WHEN 'released' THEN NEW.released_account END,
        'reason_sha256', CASE NEW.state WHEN 'draft' THEN ledger.audit_digest(NEW.reason)
          WHEN 'released' THEN ledger.audit_digest(NEW.release_reason) END),
      CASE NEW.state WHEN 'draft' THEN NEW.drafted_by WHEN 'released' THEN NEW.released_by END);
  END IF;
  RETURN NULL;
END $$;
"""


def upgrade() -> None:
    """Replaces the function; what the trail has told stays as it is."""
    op.execute(_AUDIT_CORRECTION)


def downgrade() -> None:
    """Leaves it: the trail of before is told in the same columns."""
