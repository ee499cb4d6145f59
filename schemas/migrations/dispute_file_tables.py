"""Files of disputes, which dispute went in which, and what the audit trail tells of them."""

DISPUTE_FILE_TABLES = """
CREATE TABLE ledger.dispute_file (
  dispute_file_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL,
  sha256 TEXT NOT NULL, disputes BIGINT NOT NULL, dollars NUMERIC(14, 2) NOT NULL,
  taken_by TEXT NOT NULL, account TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_dispute_file PRIMARY KEY (dispute_file_id)
);
CREATE INDEX ix_dispute_file_partner ON ledger.dispute_file (partner_id, dispute_file_id);

CREATE TABLE ledger.dispute_told (
  dispute_told_id BIGINT GENERATED ALWAYS AS IDENTITY, dispute_file_id BIGINT NOT NULL,
  dispute_id BIGINT, action_id BIGINT,
  CONSTRAINT pk_dispute_told PRIMARY KEY (dispute_told_id),
  CONSTRAINT fk_dispute_told_dispute_file_id FOREIGN KEY(dispute_file_id)
    REFERENCES ledger.dispute_file (dispute_file_id),
  CONSTRAINT fk_dispute_told_dispute_id FOREIGN KEY(dispute_id)
    REFERENCES ledger.dispute (dispute_id),
  CONSTRAINT fk_dispute_told_action_id FOREIGN KEY(action_id)
    REFERENCES reconciliation.month_action (action_id),
  CONSTRAINT ck_dispute_told_what CHECK ((dispute_id IS NULL) <> (action_id IS NULL)),
  CONSTRAINT uq_dispute_told_dispute_id UNIQUE (dispute_id),
  CONSTRAINT uq_dispute_told_action_id UNIQUE (action_id)
);
CREATE INDEX ix_dispute_told_file ON ledger.dispute_told (dispute_file_id);
"""

DISPUTE_FILE_AUDIT = """
CREATE FUNCTION ledger.audit_dispute_file() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('disputes told', 'dispute file', NEW.dispute_file_id,
      jsonb_build_object('partner', NEW.partner_id, 'disputes', NEW.disputes,
        'dollars', NEW.dollars, 'sha256', NEW.sha256, 'account', NEW.account), NEW.taken_by);
  ELSE
    PERFORM ledger.audit_note('dispute file altered', 'dispute file', OLD.dispute_file_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

-- One entry for all that went in a file: which, by the hash of their numbers.
CREATE FUNCTION ledger.audit_dispute_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('dispute in file', 'dispute file', dispute_file_id,
    jsonb_build_object('disputes', disputes, 'sha256', ledger.audit_digest(ids)))
  FROM (
    SELECT dispute_file_id, count(*) AS disputes,
      string_agg(coalesce('dispute ' || dispute_id, 'action ' || action_id), chr(10)
        ORDER BY dispute_id, action_id) AS ids
    FROM new_rows GROUP BY dispute_file_id ORDER BY dispute_file_id
  ) told;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_dispute_told_altered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('dispute file altered', 'dispute file', OLD.dispute_file_id,
    jsonb_build_object('by', lower(TG_OP), 'dispute', OLD.dispute_id, 'action', OLD.action_id));
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.dispute_file
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_dispute_file();
CREATE TRIGGER audit AFTER INSERT ON ledger.dispute_told
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_dispute_told();
CREATE TRIGGER audit_altered AFTER UPDATE OR DELETE ON ledger.dispute_told
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_dispute_told_altered();
"""
