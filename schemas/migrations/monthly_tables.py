"""The tables of the month in the first revision, and what notes changes in the audit trail."""

MONTHLY_TABLES = """
CREATE TABLE reconciliation.month_file (
  month_file_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, kind TEXT NOT NULL,
  layout TEXT NOT NULL, name TEXT NOT NULL, coverage_year INTEGER NOT NULL, month TEXT NOT NULL,
  sha256 TEXT NOT NULL, size_bytes BIGINT NOT NULL, storage_key TEXT NOT NULL,
  as_of TIMESTAMP WITH TIME ZONE NOT NULL,
  answers_month_file_id BIGINT, records BIGINT NOT NULL, balance JSONB NOT NULL,
  state TEXT NOT NULL, file_id BIGINT, frozen_key TEXT, judged_by TEXT, released_by TEXT,
  account TEXT, reason TEXT,
  CONSTRAINT pk_month_file PRIMARY KEY (month_file_id),
  CONSTRAINT ck_month_file_kind CHECK (kind IN ('rcni', 'answer', 'pre_audit')),
  CONSTRAINT ck_month_file_state CHECK (state IN ('written', 'released', 'sent', 'loaded',
    'superseded', 'refused', 'held')),
  CONSTRAINT ck_month_file_held CHECK (state <> 'held' OR kind = 'pre_audit'),
  CONSTRAINT ck_month_file_written CHECK ((kind = 'rcni') = (state IN ('written', 'released',
    'sent'))),
  CONSTRAINT ck_month_file_in_the_ledger CHECK ((file_id IS NULL) = (state IN ('written',
    'released'))),
  CONSTRAINT fk_month_file_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT uq_month_file_partner_id_kind_month_sha256 UNIQUE (partner_id, kind, month, sha256),
  CONSTRAINT fk_month_file_answers_month_file_id FOREIGN KEY(answers_month_file_id)
    REFERENCES reconciliation.month_file (month_file_id)
);

CREATE TABLE reconciliation.month_action (
  action_id BIGINT GENERATED ALWAYS AS IDENTITY, month_file_id BIGINT NOT NULL,
  action_ordinal BIGINT, record_ordinal BIGINT, line BIGINT, byte_start BIGINT, byte_end BIGINT,
  exchange_policy_id TEXT, exchange_member_id TEXT, field TEXT, exchange_value TEXT,
  issuer_value TEXT, flag TEXT, rule TEXT, action TEXT, dollars NUMERIC(12, 2), event_id BIGINT,
  due_on DATE, break_id BIGINT, state TEXT NOT NULL,
  CONSTRAINT fk_month_action_break_id FOREIGN KEY(break_id) REFERENCES
    reconciliation.break (break_id),
  CONSTRAINT pk_month_action PRIMARY KEY (action_id),
  CONSTRAINT ck_month_action_action CHECK (action IN ('correct', 'dispute', 'ignore', 'look')),
  CONSTRAINT ck_month_action_state CHECK (state IN ('open', 'draft', 'ignored', 'released',
    'dropped', 'done', 'superseded')),
  CONSTRAINT ck_month_action_ignored CHECK ((action = 'ignore') = (state = 'ignored')),
  CONSTRAINT ck_month_action_disputed CHECK (state NOT IN ('draft', 'released')
    OR action = 'dispute'),
  CONSTRAINT uq_month_action_month_file_id_action_ordinal UNIQUE (month_file_id, action_ordinal),
  CONSTRAINT fk_month_action_month_file_id FOREIGN KEY(month_file_id)
    REFERENCES reconciliation.month_file (month_file_id)
);

CREATE TABLE reconciliation.month_word (
  action_id BIGINT NOT NULL, word TEXT NOT NULL, decided_by TEXT NOT NULL, account TEXT NOT NULL,
  reason TEXT NOT NULL, decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_month_word PRIMARY KEY (action_id),
  CONSTRAINT ck_month_word_word CHECK (word IN ('released', 'dropped', 'done')),
  CONSTRAINT fk_month_word_action_id FOREIGN KEY(action_id)
    REFERENCES reconciliation.month_action (action_id)
);
"""

# Many actions change at once: one entry per file, action and state, with a hash over their ids.
# That an action is given its break belongs to its making.
MONTHLY_AUDIT = """
CREATE FUNCTION ledger.audit_month_file() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told reconciliation.month_file := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  PERFORM ledger.audit_note('month ' || CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE told.state END,
    'month file', told.month_file_id, jsonb_build_object('partner', told.partner_id,
      'kind', told.kind, 'year', told.coverage_year, 'sha256', told.sha256,
      'records', told.records, 'answers', told.answers_month_file_id, 'file', told.file_id,
      'account', told.account, 'reason_sha256', CASE WHEN told.reason IS NOT NULL
        THEN ledger.audit_digest(told.reason) END),
    CASE WHEN told.state IN ('released', 'loaded', 'refused') THEN told.released_by END);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_month_actions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed TEXT := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT n.*, n.state AS became FROM new_rows n'
    WHEN 'DELETE' THEN 'SELECT o.*, ''deleted'' AS became FROM old_rows o'
    ELSE 'SELECT n.*, n.state AS became FROM new_rows n JOIN old_rows o USING (action_id)
      WHERE n IS DISTINCT FROM o
        AND NOT (o.break_id IS NULL AND n.break_id IS NOT NULL AND n.state = o.state)' END;
BEGIN
  EXECUTE format(
    'SELECT count(ledger.audit_note(''month actions '' || became, ''month file'', month_file_id,
       jsonb_build_object(''action'', action, ''actions'', actions, ''dollars'', dollars,
         ''sha256'', ledger.audit_digest(ids))))
     FROM (
       SELECT month_file_id, action, became, count(*) AS actions, sum(dollars) AS dollars,
         string_agg(CAST(action_id AS text), chr(10) ORDER BY action_id) AS ids
       FROM (%s) told GROUP BY month_file_id, action, became
       ORDER BY month_file_id, action, became
     ) counted', changed);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_month_word() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM ledger.audit_note('month word altered', 'month action', OLD.action_id,
      jsonb_build_object('by', lower(TG_OP)));
    RETURN NULL;
  END IF;
  PERFORM ledger.audit_note('month spoken', 'month action', NEW.action_id, jsonb_build_object(
    'word', NEW.word, 'account', NEW.account,
    'reason_sha256', ledger.audit_digest(NEW.reason)), NEW.decided_by);
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR DELETE ON reconciliation.month_file
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_month_file();
CREATE TRIGGER audit_update AFTER UPDATE ON reconciliation.month_file
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION ledger.audit_month_file();
CREATE TRIGGER audit AFTER INSERT ON reconciliation.month_action
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_month_actions();
CREATE TRIGGER audit_update AFTER UPDATE ON reconciliation.month_action
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_month_actions();
CREATE TRIGGER audit_delete AFTER DELETE ON reconciliation.month_action
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_month_actions();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON reconciliation.month_word
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_month_word();
"""
