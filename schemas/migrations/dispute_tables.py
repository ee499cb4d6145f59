"""Disputes that persons draft of breaks and cases, and what the audit trail tells of them."""

DISPUTE_TABLES = """
CREATE TABLE ledger.dispute (
  dispute_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, break_id BIGINT,
  case_id BIGINT, exchange_policy_id TEXT, exchange_member_id TEXT, field TEXT,
  issuer_value TEXT, exchange_value TEXT, dollars NUMERIC(12, 2) NOT NULL, file_id BIGINT,
  byte_start BIGINT, byte_end BIGINT, due_on DATE NOT NULL, needs_second BOOLEAN NOT NULL,
  state TEXT NOT NULL, drafted_by TEXT NOT NULL, account TEXT NOT NULL, reason TEXT NOT NULL,
  drafted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, decided_by TEXT,
  decided_account TEXT, decision_reason TEXT, decided_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_dispute PRIMARY KEY (dispute_id),
  CONSTRAINT fk_dispute_break_id FOREIGN KEY(break_id) REFERENCES reconciliation.break (break_id),
  CONSTRAINT fk_dispute_case_id FOREIGN KEY(case_id) REFERENCES ledger.case (case_id),
  CONSTRAINT fk_dispute_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT ck_dispute_state CHECK (state IN ('draft', 'released', 'dropped')),
  CONSTRAINT ck_dispute_about CHECK ((break_id IS NULL) <> (case_id IS NULL)),
  CONSTRAINT ck_dispute_decided CHECK ((state = 'draft') = (decided_by IS NULL))
);
CREATE INDEX ix_dispute_break ON ledger.dispute (break_id);
CREATE INDEX ix_dispute_case ON ledger.dispute (case_id);
CREATE INDEX ix_dispute_state ON ledger.dispute (state, partner_id, dispute_id);
"""

DISPUTE_AUDIT = """
CREATE FUNCTION ledger.audit_dispute() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('dispute deleted', 'dispute', OLD.dispute_id,
      jsonb_build_object('partner', OLD.partner_id));
  ELSE
    PERFORM ledger.audit_note('dispute ' || NEW.state, 'dispute', NEW.dispute_id,
      jsonb_build_object('partner', NEW.partner_id, 'break', NEW.break_id, 'case', NEW.case_id,
        'dollars', NEW.dollars, 'due_on', NEW.due_on,
        'account', coalesce(NEW.decided_account, NEW.account),
        'reason_sha256', ledger.audit_digest(coalesce(NEW.decision_reason, NEW.reason))),
      coalesce(NEW.decided_by, NEW.drafted_by));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.dispute
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_dispute();
"""
