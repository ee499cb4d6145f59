"""The audit trail of breaks: what became of them in each run, and what persons did with them."""

AUDIT_OF_BREAKS = """
-- What became of breaks, by states, in the run that saw them last; and what a person did with one.
CREATE FUNCTION ledger.audit_breaks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed TEXT := CASE TG_OP WHEN 'INSERT' THEN 'SELECT n.* FROM new_rows n'
    ELSE 'SELECT n.* FROM new_rows n JOIN old_rows o USING (break_id) WHERE n.state <> o.state' END;
BEGIN
  EXECUTE format(
    'SELECT count(ledger.audit_note(''breaks '' || state, ''reconciliation'', run_id,
       jsonb_build_object(''partner'', partner_id, ''source'', source, ''breaks'', breaks,
         ''sha256'', ledger.audit_digest(ids))))
     FROM (
       SELECT coalesce(resolved_run_id, last_run_id) AS run_id, partner_id, source, state,
         count(*) AS breaks,
         string_agg(CAST(break_id AS text), chr(10) ORDER BY break_id) AS ids
       FROM (%s) changed GROUP BY 1, partner_id, source, state ORDER BY 1, 2, 3, 4
     ) found', changed);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_break_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note(action, 'break', break_id, jsonb_build_object(
    'state', state, 'account', account, 'reason_sha256', ledger.audit_digest(reason)), person)
  FROM (SELECT * FROM new_rows WHERE run_id IS NULL ORDER BY break_event_id) said;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_breaks_altered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('break altered', 'break', o.break_id,
    jsonb_build_object('table', TG_TABLE_NAME, 'by', lower(TG_OP)))
  FROM old_rows o ORDER BY o.break_id;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT ON reconciliation.break
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_breaks();
CREATE TRIGGER audit_update AFTER UPDATE ON reconciliation.break
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_breaks();
CREATE TRIGGER audit AFTER INSERT ON reconciliation.break_event
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_break_events();
CREATE TRIGGER audit_update AFTER UPDATE ON reconciliation.break_event
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_breaks_altered();
CREATE TRIGGER audit_delete AFTER DELETE ON reconciliation.break_event
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_breaks_altered();
CREATE TRIGGER audit_delete AFTER DELETE ON reconciliation.break
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_breaks_altered();
"""
