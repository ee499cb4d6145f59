"""Cases and their events: what of the exchange's files somebody must do something about."""

CASE_TABLES = """
CREATE TABLE ledger.case (
  case_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, kind TEXT NOT NULL,
  subject TEXT NOT NULL, rule TEXT NOT NULL, segment_id TEXT, element SMALLINT,
  severity TEXT NOT NULL, exchange_policy_id TEXT, exchange_member_id TEXT,
  premium NUMERIC(12, 2), aptc NUMERIC(12, 2), file_id BIGINT NOT NULL, set_ordinal BIGINT,
  member_ordinal BIGINT, issue_ordinal BIGINT, members BIGINT, state TEXT NOT NULL, owner TEXT,
  waived_until DATE, snoozed_until DATE, is_escalated BOOLEAN DEFAULT false NOT NULL,
  version INTEGER DEFAULT 0 NOT NULL, due_at TIMESTAMP WITH TIME ZONE NOT NULL, asked_by TEXT,
  asked_until DATE,
  first_seen TIMESTAMP WITH TIME ZONE NOT NULL, last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
  run_id BIGINT NOT NULL, last_run_id BIGINT NOT NULL, times_seen INTEGER NOT NULL,
  times_reopened INTEGER NOT NULL, resolved_at TIMESTAMP WITH TIME ZONE, resolved_run_id BIGINT,
  resolved_file_id BIGINT,
  CONSTRAINT pk_case PRIMARY KEY (case_id),
  CONSTRAINT fk_case_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_case_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_case_last_run_id FOREIGN KEY(last_run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_case_resolved_run_id FOREIGN KEY(resolved_run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_case_resolved_file_id FOREIGN KEY(resolved_file_id) REFERENCES
    ledger.file (file_id),
  CONSTRAINT ck_case_kind CHECK (kind IN ('rejected', 'unnamed', 'waits', 'file')),
  CONSTRAINT ck_case_state CHECK (state IN ('new', 'assigned', 'in_progress',
    'waiting_for_exchange', 'waiting_for_carrier', 'reopened', 'waived', 'resolved')),
  CONSTRAINT ck_case_asked CHECK ((asked_by IS NULL) = (asked_until IS NULL))
);
CREATE UNIQUE INDEX uq_case_identity ON ledger.case (subject, rule, segment_id, element, kind,
  partner_id) NULLS NOT DISTINCT;
CREATE INDEX ix_case_state ON ledger.case (state, partner_id, case_id);
CREATE INDEX ix_case_due ON ledger.case ((NOT is_escalated), due_at, case_id)
  WHERE state NOT IN ('resolved', 'waived');
CREATE INDEX ix_case_cause ON ledger.case (partner_id, kind, rule, segment_id, element);
CREATE INDEX ix_case_policy ON ledger.case (exchange_policy_id);
CREATE INDEX ix_case_file ON ledger.case (file_id);

CREATE TABLE ledger.case_event (
  case_event_id BIGINT GENERATED ALWAYS AS IDENTITY, case_id BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, run_id BIGINT, person TEXT,
  account TEXT, action TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
  CONSTRAINT pk_case_event PRIMARY KEY (case_event_id),
  CONSTRAINT fk_case_event_case_id FOREIGN KEY(case_id) REFERENCES ledger.case (case_id),
  CONSTRAINT fk_case_event_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT ck_case_event_state CHECK (state IN ('new', 'assigned', 'in_progress',
    'waiting_for_exchange', 'waiting_for_carrier', 'reopened', 'waived', 'resolved'))
);
CREATE INDEX ix_case_event_case ON ledger.case_event (case_id);
CREATE INDEX ix_case_event_at ON ledger.case_event (at);
CREATE INDEX ix_case_event_waive ON ledger.case_event (case_event_id)
  WHERE action = 'waive' OR action = 'allow';

CREATE TABLE ledger.correction (
  correction_id BIGINT GENERATED ALWAYS AS IDENTITY, case_id BIGINT NOT NULL,
  partner_id TEXT NOT NULL, parent_file_id BIGINT NOT NULL, set_ordinal BIGINT NOT NULL,
  byte_start BIGINT NOT NULL, byte_end BIGINT NOT NULL, edits JSONB NOT NULL, name TEXT NOT NULL,
  sha256 TEXT NOT NULL, size_bytes BIGINT NOT NULL, storage_key TEXT NOT NULL,
  verdict TEXT NOT NULL, needs_second BOOLEAN NOT NULL, state TEXT NOT NULL,
  drafted_by TEXT NOT NULL, account TEXT NOT NULL, reason TEXT NOT NULL,
  drafted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, released_by TEXT,
  released_account TEXT, release_reason TEXT, released_at TIMESTAMP WITH TIME ZONE,
  file_id BIGINT,
  CONSTRAINT pk_correction PRIMARY KEY (correction_id),
  CONSTRAINT fk_correction_case_id FOREIGN KEY(case_id) REFERENCES ledger.case (case_id),
  CONSTRAINT fk_correction_parent_file_id FOREIGN KEY(parent_file_id) REFERENCES
    ledger.file (file_id),
  CONSTRAINT fk_correction_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT ck_correction_state CHECK (state IN ('draft', 'released', 'received', 'withdrawn')),
  CONSTRAINT ck_correction_received CHECK ((state = 'received') = (file_id IS NOT NULL))
);
CREATE INDEX ix_correction_case ON ledger.correction (case_id);
CREATE INDEX ix_correction_state ON ledger.correction (partner_id, state);
"""

CORRECTION_AUDIT = """
CREATE FUNCTION ledger.audit_correction() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('correction deleted', 'correction', OLD.correction_id,
      jsonb_build_object('sha256', OLD.sha256));
  ELSE
    PERFORM ledger.audit_note('correction ' || NEW.state, 'correction', NEW.correction_id,
      jsonb_build_object('case', NEW.case_id, 'parent', NEW.parent_file_id,
        'set', NEW.set_ordinal, 'edits', jsonb_array_length(NEW.edits), 'sha256', NEW.sha256,
        'file', NEW.file_id, 'account', coalesce(NEW.released_account, NEW.account),
        'reason_sha256', ledger.audit_digest(coalesce(NEW.release_reason, NEW.reason))),
      CASE WHEN NEW.state <> 'received' THEN coalesce(NEW.released_by, NEW.drafted_by) END);
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.correction
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_correction();
"""
