"""The audit trail of the first revision: tables, what writes them, and what keeps them as they are.

Triggers write it, so that no program and no person changes a state without an entry. A trigger
notes what happened in `ledger.audit_pending`; at the end of the transaction each note becomes the
next link of the chain in `ledger.audit_entry`, under a lock that is held for the commit only. Where
that fails, the commit fails.

An entry's hash is the SHA-256, in hexadecimal, of its fields in the order of `ledger.audit_hash`:
each as the number of its UTF-8 bytes, a colon, its text and a line feed.
"""

from schemas.migrations.audit_work import AUDIT_OF_WORK
from schemas.migrations.console_tables import CONSOLE_AUDIT
from schemas.migrations.match_tables import MATCH_AUDIT
from schemas.migrations.monthly_tables import MONTHLY_AUDIT
from schemas.migrations.sign_off_tables import SIGN_OFF_AUDIT

_CHAIN = """
CREATE TABLE ledger.audit_entry (
  ordinal BIGINT NOT NULL, at TIMESTAMP WITH TIME ZONE NOT NULL, actor TEXT NOT NULL,
  action TEXT NOT NULL, object_kind TEXT NOT NULL, object_id BIGINT NOT NULL,
  details JSON NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL,
  CONSTRAINT pk_audit_entry PRIMARY KEY (ordinal)
);
CREATE INDEX ix_audit_entry_object ON ledger.audit_entry (object_kind, object_id);

CREATE TABLE ledger.audit_pending (
  pending_id BIGINT GENERATED ALWAYS AS IDENTITY, at TIMESTAMP WITH TIME ZONE NOT NULL,
  actor TEXT NOT NULL, action TEXT NOT NULL, object_kind TEXT NOT NULL, object_id BIGINT NOT NULL,
  details JSON NOT NULL,
  CONSTRAINT pk_audit_pending PRIMARY KEY (pending_id)
);

CREATE FUNCTION ledger.audit_hash(entry ledger.audit_entry) RETURNS TEXT
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to(string_agg(
    octet_length(convert_to(field, 'UTF8')) || ':' || field || chr(10), '' ORDER BY place
  ), 'UTF8')), 'hex')
  FROM unnest(ARRAY[
    CAST(entry.ordinal AS text),
    to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    entry.actor, entry.action, entry.object_kind, CAST(entry.object_id AS text),
    CAST(entry.details AS text), entry.previous_hash
  ]) WITH ORDINALITY AS fields (field, place)
$$;

CREATE FUNCTION ledger.audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  entry ledger.audit_entry;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('ledger.audit_entry', 834));
  SELECT last.ordinal, last.hash INTO entry.ordinal, entry.previous_hash
  FROM ledger.audit_entry last ORDER BY last.ordinal DESC LIMIT 1;
  entry.ordinal := coalesce(entry.ordinal, 0) + 1;
  entry.previous_hash := coalesce(entry.previous_hash, repeat('0', 64));
  entry.at := NEW.at;
  entry.actor := NEW.actor;
  entry.action := NEW.action;
  entry.object_kind := NEW.object_kind;
  entry.object_id := NEW.object_id;
  entry.details := NEW.details;
  entry.hash := ledger.audit_hash(entry);
  INSERT INTO ledger.audit_entry SELECT entry.*;
  DELETE FROM ledger.audit_pending WHERE pending_id = NEW.pending_id;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON ledger.audit_pending
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.audit_chain();

CREATE FUNCTION ledger.audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit trail is only ever appended to.'
    USING ERRCODE = 'insufficient_privilege', TABLE = 'audit_entry';
END $$;

CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_refuse();

CREATE FUNCTION ledger.audit_note(
  action TEXT, object_kind TEXT, object_id BIGINT, details JSONB, actor TEXT DEFAULT NULL
) RETURNS VOID
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO ledger.audit_pending (at, actor, action, object_kind, object_id, details)
  VALUES (
    clock_timestamp(),
    coalesce(actor, nullif(current_setting('edi834.actor', true), ''), session_user),
    action, object_kind, object_id, CAST(CAST(jsonb_strip_nulls(details) AS text) AS json)
  )
$$;
REVOKE EXECUTE ON FUNCTION ledger.audit_note FROM PUBLIC;

CREATE FUNCTION ledger.audit_digest(content TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to(coalesce(content, ''), 'UTF8')), 'hex')
$$;
"""

# One entry per row that changes: there are few of these.
_SINGLE_ROWS = """
CREATE FUNCTION ledger.audit_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('opened', 'run', NEW.run_id, jsonb_build_object('as_of',
      to_char(NEW.as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'rules', NEW.rules_digest));
  ELSIF NEW.state <> OLD.state THEN
    PERFORM ledger.audit_note('closed', 'run', NEW.run_id,
      jsonb_build_object('from', OLD.state, 'to', NEW.state));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_partner_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('owner deleted', 'run',
      (SELECT run_id FROM ledger.run_owner WHERE token = OLD.token),
      jsonb_build_object('partner', OLD.partner_id, 'token', OLD.token));
    RETURN NULL;
  END IF;
  PERFORM ledger.audit_note(
    CASE WHEN NEW.at_work THEN 'work began' ELSE 'work ended' END, 'run', run_id,
    jsonb_build_object('partner', NEW.partner_id, 'token', token, 'owner', kind,
      'rules', rules_digest))
  FROM ledger.run_owner WHERE token = NEW.token;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_file() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  details JSONB;
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('deleted', 'file', OLD.file_id,
      jsonb_build_object('from', OLD.state, 'sha256', OLD.sha256));
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note(NEW.state, 'file', NEW.file_id, jsonb_build_object(
      'direction', NEW.direction, 'partner', NEW.partner_id, 'kind', NEW.kind,
      'run', NEW.run_id, 'bytes', NEW.size_bytes, 'sha256', NEW.sha256,
      'duplicate_of', NEW.duplicate_of, 'answers', NEW.answers_file_id));
  ELSIF (NEW.state, NEW.verdict) IS DISTINCT FROM (OLD.state, OLD.verdict) THEN
    details := jsonb_build_object('from', OLD.state);
    IF NEW.verdict IS DISTINCT FROM OLD.verdict THEN
      details := details || jsonb_build_object('verdict', NEW.verdict,
        'rules', NEW.rules_digest,
        'issues', (SELECT count(*) FROM ledger.issue WHERE file_id = NEW.file_id),
        'members', (SELECT jsonb_object_agg(state, members) FROM (
          SELECT state, count(*) AS members FROM ledger.disposition
          WHERE file_id = NEW.file_id GROUP BY state) counted));
    END IF;
    PERFORM ledger.audit_note(NEW.state, 'file', NEW.file_id, details);
  ELSE
    PERFORM ledger.audit_note('altered', 'file', NEW.file_id, jsonb_build_object('columns', (
      SELECT jsonb_agg(now.key ORDER BY now.key)
      FROM jsonb_each(to_jsonb(NEW)) now JOIN jsonb_each(to_jsonb(OLD)) before USING (key)
      WHERE now.value <> before.value)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_sighting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('seen again', 'file', NEW.file_id,
    jsonb_build_object('run', NEW.run_id));
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_gate_batch() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('formed', 'batch', NEW.batch_id,
      jsonb_build_object('partner', NEW.partner_id, 'run', NEW.run_id));
    RETURN NULL;
  END IF;
  IF NEW.state <> OLD.state THEN
    PERFORM ledger.audit_note(NEW.state, 'batch', NEW.batch_id, jsonb_build_object(
      'from', OLD.state, 'judged_in_run', NEW.judged_in_run, 'findings', (
        SELECT jsonb_object_agg(outcome, findings) FROM (
          SELECT outcome, count(*) AS findings FROM ledger.gate_finding
          WHERE batch_id = NEW.batch_id GROUP BY outcome) counted)));
  END IF;
  IF NEW.settled_in_run IS DISTINCT FROM OLD.settled_in_run THEN
    PERFORM ledger.audit_note('settled', 'batch', NEW.batch_id, jsonb_build_object(
      'state', NEW.state, 'run', NEW.settled_in_run,
      'files', (SELECT count(*) FROM ledger.gate_file WHERE batch_id = NEW.batch_id),
      'sets', (SELECT jsonb_object_agg(state, sets) FROM (
        SELECT s.state, count(*) AS sets
        FROM ledger.gate_file f JOIN book.event_set s ON s.file_id = f.file_id
        WHERE f.batch_id = NEW.batch_id GROUP BY s.state) counted)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_gate_decision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM ledger.audit_note('decision altered', 'batch', OLD.batch_id,
      jsonb_build_object('by', lower(TG_OP)));
    RETURN NULL;
  END IF;
  PERFORM ledger.audit_note('decided', 'batch', NEW.batch_id, jsonb_build_object(
    'decision', NEW.decision, 'account', NEW.account,
    'reason_sha256', ledger.audit_digest(NEW.reason)), NEW.decided_by);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_hold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('held', 'hold', NEW.hold_id, jsonb_build_object(
      'partner', NEW.partner_id, 'run', NEW.run_id, 'persons', NEW.persons));
  ELSIF NEW IS DISTINCT FROM OLD THEN
    PERFORM ledger.audit_note(NEW.state, 'hold', NEW.hold_id,
      jsonb_build_object('from', OLD.state, 'persons', NEW.persons));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_hold_word() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM ledger.audit_note('word altered', 'hold', OLD.hold_id,
      jsonb_build_object('by', lower(TG_OP)));
    RETURN NULL;
  END IF;
  PERFORM ledger.audit_note('spoken', 'hold', NEW.hold_id, jsonb_build_object(
    'word', NEW.word, 'account', NEW.account,
    'reason_sha256', ledger.audit_digest(NEW.reason)), NEW.decided_by);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_step_failure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('step went through', 'run', OLD.run_id,
      jsonb_build_object('partner', OLD.partner_id, 'step', OLD.step));
  ELSE
    PERFORM ledger.audit_note('step failed', 'run', NEW.run_id, jsonb_build_object(
      'partner', NEW.partner_id, 'step', NEW.step,
      'sentence_sha256', ledger.audit_digest(NEW.sentence)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_reconciliation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('reconciled', 'run', NEW.run_id, jsonb_build_object(
    'partner', NEW.partner_id, 'matched', NEW.matched, 'differing', NEW.differing,
    'missing_at_carrier', NEW.missing_at_carrier, 'missing_in_book', NEW.missing_in_book,
    'book_sha256', NEW.book_sha256, 'carrier_sha256', NEW.carrier_sha256));
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_carrier_reading() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reading ledger.carrier_reading := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  PERFORM ledger.audit_note(
    CASE TG_OP WHEN 'INSERT' THEN 'carrier records read' ELSE 'carrier records altered' END,
    'run', reading.run_id, jsonb_build_object('partner', reading.partner_id,
      'members', reading.members_rows, 'members_sha256', right(reading.members_key, 64),
      'payments', reading.payments_rows, 'payments_sha256', right(reading.payments_key, 64),
      'requests', reading.requests_rows, 'requests_sha256', right(reading.requests_key, 64),
      'stale', nullif(reading.is_stale, false)));
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_carrier_acceptance() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  accepted ledger.carrier_acceptance := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('carrier records accepted', 'acceptance', accepted.acceptance_id,
      jsonb_build_object('partner', accepted.partner_id, 'members', accepted.members_rows,
        'payments', accepted.payments_rows, 'account', accepted.account,
        'reason_sha256', ledger.audit_digest(accepted.reason)), accepted.accepted_by);
  ELSE
    PERFORM ledger.audit_note(
      CASE WHEN TG_OP = 'UPDATE' AND OLD.used_in_run IS NULL AND NEW.used_in_run IS NOT NULL
        THEN 'acceptance used' ELSE 'acceptance altered' END,
      'acceptance', accepted.acceptance_id,
      jsonb_build_object('partner', accepted.partner_id, 'run', accepted.used_in_run));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE ON ledger.run
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_run();
CREATE TRIGGER audit AFTER INSERT OR DELETE ON ledger.partner_owner
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_partner_owner();
CREATE TRIGGER audit_update AFTER UPDATE ON ledger.partner_owner
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION ledger.audit_partner_owner();
CREATE TRIGGER audit AFTER INSERT OR DELETE ON ledger.file
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_file();
CREATE TRIGGER audit_update AFTER UPDATE ON ledger.file
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION ledger.audit_file();
CREATE TRIGGER audit AFTER INSERT ON ledger.sighting
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_sighting();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON ledger.gate_batch
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_gate_batch();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.gate_decision
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_gate_decision();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON book.hold
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_hold();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON book.hold_word
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_hold_word();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.step_failure
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_step_failure();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.carrier_reading
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_carrier_reading();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.carrier_acceptance
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_carrier_acceptance();
CREATE TRIGGER audit AFTER INSERT ON reconciliation.result
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_reconciliation();
"""

# One entry per object and statement, however many rows it changes: their states are counted, and a
# hash over the lines `ordinal|control number|state`, in order, stands for each of them.
_MANY_ROWS = """
CREATE FUNCTION ledger.audit_rows_of_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  action CONSTANT TEXT := TG_ARGV[0];
  ordinal CONSTANT TEXT := TG_ARGV[1];
  number CONSTANT TEXT := TG_ARGV[2];
  state CONSTANT TEXT := TG_ARGV[3];
  states CONSTANT TEXT := TG_ARGV[4];
  changed TEXT := 'new_rows n';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    changed := format('new_rows n JOIN old_rows o ON o.file_id = n.file_id AND o.%1$I = n.%1$I'
      ' AND o.%2$I IS DISTINCT FROM n.%2$I', ordinal, state);
  ELSIF TG_OP = 'DELETE' THEN
    changed := 'old_rows n';
  END IF;
  EXECUTE format(
    'WITH changed AS MATERIALIZED ('
    ' SELECT n.file_id, n.%1$I AS ordinal, n.%2$I AS number, n.%3$I AS state FROM %4$s'
    '), told AS ('
    ' SELECT file_id, CASE WHEN state IS NULL THEN ''none'' WHEN state ~ %5$L THEN state'
    '   ELSE ''other'' END AS state, count(*) AS rows FROM changed GROUP BY 1, 2'
    '), counted AS ('
    ' SELECT file_id, jsonb_object_agg(state, rows) AS states FROM told GROUP BY file_id'
    '), hashed AS ('
    ' SELECT file_id, ledger.audit_digest(string_agg('
    '   ordinal || ''|'' || coalesce(number, '''') || ''|'' || coalesce(state, ''''),'
    '   chr(10) ORDER BY ordinal)) AS sha256 FROM changed GROUP BY file_id'
    ') SELECT count(ledger.audit_note(%6$L, ''file'', file_id,'
    '   jsonb_build_object(''states'', states, ''sha256'', sha256)))'
    ' FROM (SELECT * FROM counted JOIN hashed USING (file_id) ORDER BY file_id) in_order',
    ordinal, number, state, changed, states, action);
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_gate_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM ledger.audit_note('files joined', 'batch', batch_id, jsonb_build_object(
    'files', files, 'sha256', ledger.audit_digest(ids)))
  FROM (
    SELECT batch_id, count(*) AS files,
      string_agg(CAST(file_id AS text), chr(10) ORDER BY file_id) AS ids
    FROM new_rows GROUP BY batch_id ORDER BY batch_id
  ) joined;
  RETURN NULL;
END $$;

-- What was decided, and what has become of decisions. `renewed`: the same with newer evidence. What
-- becomes of a decision is told of the run in which it does, which is the newest one.
CREATE FUNCTION ledger.audit_decisions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told TEXT := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT n.*, ''made'' AS became FROM new_rows n'
    WHEN 'DELETE' THEN 'SELECT o.*, ''deleted'' AS became FROM old_rows o'
    ELSE 'SELECT n.*, CASE WHEN n.state = o.state THEN ''renewed'' ELSE n.state END AS became
      FROM new_rows n JOIN old_rows o USING (decision_id) WHERE n IS DISTINCT FROM o' END;
BEGIN
  EXECUTE format(
    'SELECT count(ledger.audit_note(''decisions '' || became, ''run'',
       CASE became WHEN ''made'' THEN run_id ELSE (SELECT max(r.run_id) FROM ledger.run r) END,
       jsonb_build_object(''partner'', partner_id, ''kind'', kind, ''state'', state,
         ''policies'', policies, ''sent_file'', sent_file_id,
         ''sha256'', ledger.audit_digest(ids))))
     FROM (
       SELECT run_id, partner_id, kind, became, state, sent_file_id, count(*) AS policies,
         string_agg(CAST(decision_id AS text), chr(10) ORDER BY decision_id) AS ids
       FROM (%s) told GROUP BY run_id, partner_id, kind, became, state, sent_file_id
       ORDER BY run_id, partner_id, kind, became, state, sent_file_id
     ) decided', told);
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT ON ledger.gate_file
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_gate_files();
CREATE TRIGGER audit AFTER INSERT ON book.decision
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_decisions();
CREATE TRIGGER audit_update AFTER UPDATE ON book.decision
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_decisions();
CREATE TRIGGER audit_delete AFTER DELETE ON book.decision
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.audit_decisions();
"""

_OF_FILES = """
CREATE TRIGGER audit AFTER INSERT ON {table}
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION ledger.audit_rows_of_files('{noun} {first}', {columns});
CREATE TRIGGER audit_update AFTER UPDATE ON {table}
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION ledger.audit_rows_of_files('{noun} {then}', {columns});
CREATE TRIGGER audit_delete AFTER DELETE ON {table}
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT
  EXECUTE FUNCTION ledger.audit_rows_of_files('{noun} deleted', {columns});
"""

# Also for a session that plays a replica, where other triggers do not fire.
_ALWAYS = """
DO $$
DECLARE
  known RECORD;
BEGIN
  FOR known IN
    SELECT CAST(tgrelid AS regclass) AS of_table, tgname FROM pg_trigger
    WHERE NOT tgisinternal AND starts_with(tgname, 'audit')
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', known.of_table, known.tgname);
  END LOOP;
END $$;
"""


def _of_files(
    table: str, *arguments: str, verbs: tuple[str, str] = ("recorded", "answered")
) -> str:
    """Triggers on a table of files' rows: noun, ordinal, number, state, and how states look."""
    noun, *columns = arguments
    listed = ", ".join(f"'{column}'" for column in columns)
    first, then = verbs
    return _OF_FILES.format(table=table, noun=noun, first=first, then=then, columns=listed)


# A state that does not look like one is counted as `other`: a received value may be anything.
_CODE, _WORD = "^[A-Z]$", "^[a-z]+$"

AUDIT_TRAIL = "".join(
    [
        _CHAIN,
        _SINGLE_ROWS,
        _MANY_ROWS,
        AUDIT_OF_WORK,
        _of_files(
            *("ledger.interchange", "interchanges"),
            *("interchange_ordinal", "control_number", "ta1_code", _CODE),
        ),
        _of_files(
            *("ledger.functional_group", "functional groups"),
            *("group_ordinal", "control_number", "ack", _CODE),
        ),
        _of_files(
            *("ledger.transaction_set", "transaction sets"),
            *("set_ordinal", "control_number", "ack", _CODE),
        ),
        _of_files(
            *("ledger.answer", "answers"),
            *("answer_id", "set_number", "state", _WORD),
            verbs=("read", "matched"),
        ),
        _of_files(
            *("book.event_set", "events"),
            *("set_ordinal", "content_hash", "state", _WORD),
            verbs=("staged", "decided"),
        ),
        MATCH_AUDIT,
        MONTHLY_AUDIT,
        SIGN_OFF_AUDIT,
        CONSOLE_AUDIT,
        _ALWAYS,
    ]
)
