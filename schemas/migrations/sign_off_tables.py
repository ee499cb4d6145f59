"""Signed periods and exports: tables and their audit trail."""

SIGN_OFF_TABLES = """
CREATE TABLE ledger.signed_period (
  signed_period_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL,
  first_day DATE NOT NULL, last_day DATE NOT NULL, sha256 TEXT NOT NULL,
  size_bytes BIGINT NOT NULL, storage_key TEXT NOT NULL, prepared_by TEXT NOT NULL,
  prepared_account TEXT NOT NULL, prepared_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  prepared_note TEXT NOT NULL, reviewed_by TEXT, reviewed_account TEXT,
  reviewed_at TIMESTAMP WITH TIME ZONE, reviewed_note TEXT,
  CONSTRAINT pk_signed_period PRIMARY KEY (signed_period_id),
  CONSTRAINT ck_signed_period_days CHECK (first_day <= last_day),
  CONSTRAINT ck_signed_period_reviewed CHECK ((reviewed_by IS NULL) = (reviewed_at IS NULL) AND
    (reviewed_by IS NULL) = (reviewed_account IS NULL) AND
    (reviewed_by IS NULL) = (reviewed_note IS NULL)),
  CONSTRAINT ck_signed_period_two_persons CHECK (lower(reviewed_by) <> lower(prepared_by)),
  CONSTRAINT uq_signed_period_partner_id_first_day_last_day_sha256 UNIQUE (partner_id, first_day,
    last_day, sha256)
);

CREATE TABLE ledger.report_export (
  report_export_id BIGINT GENERATED ALWAYS AS IDENTITY,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, report TEXT NOT NULL, form TEXT NOT NULL,
  filters JSONB NOT NULL, run_ids BIGINT[] NOT NULL, rows JSONB NOT NULL, sha256 TEXT NOT NULL,
  person TEXT NOT NULL, account TEXT NOT NULL,
  CONSTRAINT pk_report_export PRIMARY KEY (report_export_id)
);
"""

SIGN_OFF_AUDIT = """
CREATE FUNCTION ledger.audit_signed_period() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('period prepared', 'period', NEW.signed_period_id,
      jsonb_build_object('partner', NEW.partner_id, 'first_day', NEW.first_day,
        'last_day', NEW.last_day, 'sha256', NEW.sha256, 'account', NEW.prepared_account,
        'note_sha256', ledger.audit_digest(NEW.prepared_note)), NEW.prepared_by);
  ELSIF TG_OP = 'UPDATE' AND OLD.reviewed_by IS NULL AND NEW.reviewed_by IS NOT NULL
    AND (to_jsonb(NEW) - ARRAY['reviewed_by', 'reviewed_account', 'reviewed_at', 'reviewed_note'])
      = (to_jsonb(OLD) - ARRAY['reviewed_by', 'reviewed_account', 'reviewed_at', 'reviewed_note'])
  THEN
    PERFORM ledger.audit_note('period reviewed', 'period', NEW.signed_period_id,
      jsonb_build_object('sha256', NEW.sha256, 'account', NEW.reviewed_account,
        'note_sha256', ledger.audit_digest(NEW.reviewed_note)), NEW.reviewed_by);
  ELSE
    PERFORM ledger.audit_note('period altered', 'period', OLD.signed_period_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_report_export() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('exported', 'export', NEW.report_export_id, jsonb_build_object(
      'report', NEW.report, 'form', NEW.form, 'filters', NEW.filters, 'rows', NEW.rows,
      'sha256', NEW.sha256, 'account', NEW.account), NEW.person);
  ELSE
    PERFORM ledger.audit_note('export altered', 'export', OLD.report_export_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.signed_period
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_signed_period();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.report_export
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_report_export();
"""
