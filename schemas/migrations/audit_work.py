"""The audit trail of breaks and cases: what became of them in each run, and what persons did.

With what persons make of them: corrections and disputes.
"""

from schemas.migrations.case_tables import CORRECTION_AUDIT
from schemas.migrations.dispute_tables import DISPUTE_AUDIT
from schemas.migrations.operation_tables import OPERATION_AUDIT
from schemas.migrations.what_if_tables import WHAT_IF_AUDIT
from schemas.migrations.wrapping_tables import WRAPPING_AUDIT

_OF_WORK = """
-- What became of {noun}s, by states, in the run that saw them last; and what a person did with one.
CREATE FUNCTION ledger.audit_{noun}s() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed TEXT := CASE TG_OP WHEN 'INSERT' THEN 'SELECT n.* FROM new_rows n'
    ELSE 'SELECT n.* FROM new_rows n JOIN old_rows o USING ({noun}_id)
      WHERE n.state <> o.state' END;
BEGIN
  EXECUTE format(
    'SELECT count(ledger.audit_note(''{noun}s '' || state, ''{about}'', run_id,
       jsonb_build_object(''partner'', partner_id, ''{by}'', {by}, ''{noun}s'', {noun}s,
         ''sha256'', ledger.audit_digest(ids))))
     FROM (
       SELECT coalesce(resolved_run_id, last_run_id) AS run_id, partner_id, {by}, state,
         count(*) AS {noun}s,
         string_agg(CAST({noun}_id AS text), chr(10) ORDER BY {noun}_id) AS ids
       FROM (%s) changed GROUP BY 1, partner_id, {by}, state ORDER BY 1, 2, 3, 4
     ) found', changed);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_{noun}_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note(action, '{noun}', {noun}_id, jsonb_build_object(
    'state', state, 'account', account, 'reason_sha256', ledger.audit_digest(reason)), person)
  FROM (SELECT * FROM new_rows WHERE run_id IS NULL ORDER BY {noun}_event_id) said;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_{noun}s_altered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('{noun} altered', '{noun}', o.{noun}_id,
    jsonb_build_object('table', TG_TABLE_NAME, 'by', lower(TG_OP)))
  FROM old_rows o ORDER BY o.{noun}_id;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT ON {table}
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_{noun}s();
CREATE TRIGGER audit_update AFTER UPDATE ON {table}
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_{noun}s();
CREATE TRIGGER audit AFTER INSERT ON {table}_event
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_{noun}_events();
CREATE TRIGGER audit_update AFTER UPDATE ON {table}_event
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_{noun}s_altered();
CREATE TRIGGER audit_delete AFTER DELETE ON {table}_event
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_{noun}s_altered();
CREATE TRIGGER audit_delete AFTER DELETE ON {table}
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_{noun}s_altered();
"""

AUDIT_OF_WORK = (
    _OF_WORK.format(noun="break", table="reconciliation.break", by="source", about="reconciliation")
    + _OF_WORK.format(noun="case", table="ledger.case", by="kind", about="triage")
    + CORRECTION_AUDIT
    + DISPUTE_AUDIT
    + OPERATION_AUDIT
    + WRAPPING_AUDIT
    + WHAT_IF_AUDIT
)
