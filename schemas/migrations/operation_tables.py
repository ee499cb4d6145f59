"""What persons say to the nights: table and audit trail."""

OPERATION_TABLES = """
CREATE TABLE ledger.operator_word (
  operator_word_id BIGINT GENERATED ALWAYS AS IDENTITY, word TEXT NOT NULL,
  partner_id TEXT NOT NULL, file_id BIGINT, rule TEXT, taken_as BIGINT, file_kind TEXT,
  due_at TIMESTAMP WITH TIME ZONE, run_id BIGINT, step TEXT, person TEXT NOT NULL,
  account TEXT NOT NULL, said_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
  reason TEXT NOT NULL,
  CONSTRAINT pk_operator_word PRIMARY KEY (operator_word_id),
  CONSTRAINT fk_operator_word_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_operator_word_taken_as FOREIGN KEY(taken_as) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_operator_word_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT ck_operator_word_word CHECK (word IN ('partner held', 'partner resumed',
    'file released', 'absence explained', 'step asked for again')),
  CONSTRAINT ck_operator_word_about CHECK ((word = 'file released') = (file_id IS NOT NULL) AND
    (file_id IS NULL) = (rule IS NULL) AND (taken_as IS NULL OR file_id IS NOT NULL) AND
    (word = 'absence explained') = (due_at IS NOT NULL) AND
    (due_at IS NULL) = (file_kind IS NULL) AND
    (word = 'step asked for again') = (run_id IS NOT NULL) AND
    (run_id IS NULL) = (step IS NULL))
);
CREATE INDEX ix_operator_word_partner ON ledger.operator_word (partner_id, word, operator_word_id);
CREATE UNIQUE INDEX uq_operator_word_file ON ledger.operator_word (file_id);
CREATE UNIQUE INDEX uq_operator_word_taken_as ON ledger.operator_word (taken_as);
"""

OPERATION_AUDIT = """
CREATE FUNCTION ledger.audit_operator_word() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note(NEW.word, 'operator word', NEW.operator_word_id,
      jsonb_strip_nulls(jsonb_build_object('partner', NEW.partner_id, 'file', NEW.file_id,
        'rule', NEW.rule, 'file_kind', NEW.file_kind, 'due_at', to_char(
          NEW.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'run', NEW.run_id,
        'step', NEW.step, 'account', NEW.account,
        'reason_sha256', ledger.audit_digest(NEW.reason))), NEW.person);
  ELSIF TG_OP = 'UPDATE' AND OLD.taken_as IS NULL AND NEW.taken_as IS NOT NULL
    AND to_jsonb(NEW) - 'taken_as' = to_jsonb(OLD) - 'taken_as' THEN
    PERFORM ledger.audit_note('released file taken in', 'operator word', NEW.operator_word_id,
      jsonb_build_object('file', NEW.file_id, 'as', NEW.taken_as));
  ELSE
    PERFORM ledger.audit_note('operator word altered', 'operator word', OLD.operator_word_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.operator_word
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_operator_word();
"""
