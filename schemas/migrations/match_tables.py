"""Pairs of a member and a carrier's record that ids do not make: tables and their audit trail."""

MATCH_TABLES = """
CREATE TABLE reconciliation.match (
  match_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, book_policy_id TEXT,
  book_member_id TEXT, carrier_policy_id TEXT, carrier_member_id TEXT, state TEXT NOT NULL,
  how TEXT, weight DOUBLE PRECISION, runner_up DOUBLE PRECISION, reasons TEXT[],
  first_seen TIMESTAMP WITH TIME ZONE NOT NULL, last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
  last_run_id BIGINT NOT NULL, version INTEGER NOT NULL,
  CONSTRAINT pk_match PRIMARY KEY (match_id),
  CONSTRAINT fk_match_last_run_id FOREIGN KEY(last_run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT ck_match_state CHECK (state IN ('proposed', 'matched', 'accepted', 'refused', 'gone'))
);
CREATE UNIQUE INDEX uq_match_identity ON reconciliation.match (book_policy_id, book_member_id,
  carrier_policy_id, carrier_member_id, partner_id) NULLS NOT DISTINCT;
CREATE INDEX ix_match_state ON reconciliation.match (state, partner_id, match_id);

CREATE TABLE reconciliation.match_word (
  match_word_id BIGINT GENERATED ALWAYS AS IDENTITY, match_id BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, person TEXT NOT NULL,
  account TEXT NOT NULL, word TEXT NOT NULL, reason TEXT NOT NULL,
  CONSTRAINT pk_match_word PRIMARY KEY (match_word_id),
  CONSTRAINT fk_match_word_match_id FOREIGN KEY(match_id) REFERENCES
    reconciliation.match (match_id),
  CONSTRAINT ck_match_word_word CHECK (word IN ('accept', 'refuse'))
);
CREATE INDEX ix_match_word_match ON reconciliation.match_word (match_id);
"""

MATCH_AUDIT = """
-- What became of pairs, by states, in the run that saw them last; what a person said is a word.
CREATE FUNCTION ledger.audit_matches() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed TEXT := CASE TG_OP WHEN 'INSERT' THEN 'SELECT n.* FROM new_rows n'
    ELSE 'SELECT n.* FROM new_rows n JOIN old_rows o USING (match_id)
      WHERE n.state <> o.state AND n.version = o.version' END;
BEGIN
  EXECUTE format(
    'SELECT count(ledger.audit_note(''matches '' || state, ''reconciliation'', last_run_id,
       jsonb_build_object(''partner'', partner_id, ''pairs'', pairs,
         ''sha256'', ledger.audit_digest(ids))))
     FROM (
       SELECT last_run_id, partner_id, state, count(*) AS pairs,
         string_agg(CAST(match_id AS text), chr(10) ORDER BY match_id) AS ids
       FROM (%s) changed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
     ) found', changed);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_match_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('match ' || word, 'match', match_id, jsonb_build_object(
    'account', account, 'reason_sha256', ledger.audit_digest(reason)), person)
  FROM (SELECT * FROM new_rows ORDER BY match_word_id) said;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_matches_altered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('match altered', 'match', o.match_id,
    jsonb_build_object('table', TG_TABLE_NAME, 'by', lower(TG_OP)))
  FROM old_rows o ORDER BY o.match_id;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT ON reconciliation.match
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_matches();
CREATE TRIGGER audit_update AFTER UPDATE ON reconciliation.match
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_matches();
CREATE TRIGGER audit_delete AFTER DELETE ON reconciliation.match
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_matches_altered();
CREATE TRIGGER audit AFTER INSERT ON reconciliation.match_word
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_match_words();
CREATE TRIGGER audit_update AFTER UPDATE ON reconciliation.match_word
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_matches_altered();
CREATE TRIGGER audit_delete AFTER DELETE ON reconciliation.match_word
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_matches_altered();
"""
