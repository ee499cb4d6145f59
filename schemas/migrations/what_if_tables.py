"""What changed rules would have done: table and audit trail."""

WHAT_IF_TABLES = """
CREATE TABLE ledger.what_if (
  what_if_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, since DATE NOT NULL,
  until DATE, rules_sha256 TEXT NOT NULL, changes JSONB NOT NULL, totals JSONB NOT NULL,
  rules JSONB NOT NULL, person TEXT NOT NULL, account TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, reason TEXT NOT NULL,
  CONSTRAINT pk_what_if PRIMARY KEY (what_if_id)
);
CREATE INDEX ix_what_if_partner ON ledger.what_if (partner_id, what_if_id);
"""

WHAT_IF_AUDIT = """
CREATE FUNCTION ledger.audit_what_if() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('what-if kept', 'what-if', NEW.what_if_id,
      jsonb_build_object('partner', NEW.partner_id, 'since', NEW.since, 'until', NEW.until,
        'rules_sha256', NEW.rules_sha256, 'account', NEW.account,
        'answer_sha256', ledger.audit_digest(
          jsonb_build_array(NEW.changes, NEW.totals, NEW.rules)::text),
        'reason_sha256', ledger.audit_digest(NEW.reason)), NEW.person);
  ELSE
    PERFORM ledger.audit_note('what-if altered', 'what-if', OLD.what_if_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.what_if
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_what_if();
"""
