"""What files were wrapped in on the wire: table and audit trail."""

WRAPPING_TABLES = """
CREATE TABLE ledger.wrapping (
  wrapping_id BIGINT GENERATED ALWAYS AS IDENTITY, file_id BIGINT NOT NULL, origin_file_id BIGINT,
  ordinal BIGINT NOT NULL, how TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
  size_bytes BIGINT NOT NULL, storage_key TEXT NOT NULL,
  CONSTRAINT pk_wrapping PRIMARY KEY (wrapping_id),
  CONSTRAINT fk_wrapping_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_wrapping_origin_file_id FOREIGN KEY(origin_file_id)
    REFERENCES ledger.file (file_id),
  CONSTRAINT ck_wrapping_how CHECK (how IN ('openpgp', 'zip', 'gzip'))
);
CREATE UNIQUE INDEX uq_wrapping_file ON ledger.wrapping (file_id, sha256);
CREATE INDEX ix_wrapping_origin ON ledger.wrapping (origin_file_id);
"""

WRAPPING_AUDIT = """
CREATE FUNCTION ledger.audit_wrapping() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note(
      CASE WHEN NEW.origin_file_id IS NULL THEN 'wrapped' ELSE 'unwrapped' END,
      'wrapping', NEW.wrapping_id, jsonb_strip_nulls(jsonb_build_object('file', NEW.file_id,
        'origin_file', NEW.origin_file_id, 'ordinal', NEW.ordinal, 'how', NEW.how,
        'sha256', NEW.sha256)));
  ELSE
    PERFORM ledger.audit_note('wrapping altered', 'wrapping', OLD.wrapping_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.wrapping
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_wrapping();
"""
