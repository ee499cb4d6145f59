"""The console's accounts and sessions of the first revision, and what the audit trail tells."""

CONSOLE_TABLES = """
CREATE SCHEMA console;

CREATE TABLE console.account (
  account_id BIGINT GENERATED ALWAYS AS IDENTITY, issuer TEXT NOT NULL, subject TEXT NOT NULL,
  name TEXT NOT NULL, password_hash TEXT, roles TEXT[] NOT NULL, partners TEXT[] NOT NULL,
  state TEXT DEFAULT 'active' NOT NULL, created_by TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  last_seen_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_account PRIMARY KEY (account_id),
  CONSTRAINT ck_account_state CHECK (state IN ('active', 'disabled')),
  CONSTRAINT ck_account_password CHECK ((issuer = 'local') = (password_hash IS NOT NULL)),
  CONSTRAINT uq_account_issuer_subject UNIQUE (issuer, subject)
);

CREATE TABLE console.session (
  session_id BIGINT GENERATED ALWAYS AS IDENTITY, token_sha256 TEXT NOT NULL,
  account_id BIGINT NOT NULL, began_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE, emergency_until TIMESTAMP WITH TIME ZONE,
  emergency_reason TEXT,
  CONSTRAINT pk_session PRIMARY KEY (session_id),
  CONSTRAINT ck_session_emergency CHECK ((emergency_until IS NULL) = (emergency_reason IS NULL)),
  CONSTRAINT uq_session_token_sha256 UNIQUE (token_sha256),
  CONSTRAINT fk_session_account_id FOREIGN KEY(account_id) REFERENCES console.account (account_id)
);
CREATE INDEX ix_session_account_id ON console.session (account_id);

CREATE TABLE console.saved_view (
  view_id BIGINT GENERATED ALWAYS AS IDENTITY, account_id BIGINT NOT NULL, name TEXT NOT NULL,
  query TEXT NOT NULL, role TEXT, is_default BOOLEAN DEFAULT false NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_saved_view PRIMARY KEY (view_id),
  CONSTRAINT uq_saved_view_account_id_name UNIQUE (account_id, name),
  CONSTRAINT fk_saved_view_account_id FOREIGN KEY(account_id) REFERENCES
    console.account (account_id)
);
CREATE UNIQUE INDEX uq_saved_view_default ON console.saved_view (account_id) WHERE is_default;
CREATE INDEX ix_saved_view_role ON console.saved_view (role);

CREATE TABLE console.failed_sign_in (
  failed_id BIGINT GENERATED ALWAYS AS IDENTITY, subject_sha256 TEXT NOT NULL,
  address_sha256 TEXT NOT NULL, at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_failed_sign_in PRIMARY KEY (failed_id)
);
CREATE INDEX ix_failed_sign_in_subject ON console.failed_sign_in (subject_sha256, at);
CREATE INDEX ix_failed_sign_in_address ON console.failed_sign_in (address_sha256, at);
"""

CONSOLE_AUDIT = """
CREATE FUNCTION ledger.audit_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM ledger.audit_note('account deleted', 'account', OLD.account_id, '{}');
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' OR (NEW.name, NEW.roles, NEW.partners, NEW.state) IS DISTINCT FROM
      (OLD.name, OLD.roles, OLD.partners, OLD.state) THEN
    PERFORM ledger.audit_note(
      CASE TG_OP WHEN 'INSERT' THEN 'account made' ELSE 'account changed' END,
      'account', NEW.account_id, jsonb_build_object('roles', NEW.roles, 'partners', NEW.partners,
        'state', NEW.state, 'name_sha256', ledger.audit_digest(NEW.name)));
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.password_hash IS DISTINCT FROM OLD.password_hash THEN
    PERFORM ledger.audit_note('password changed', 'account', NEW.account_id, '{}');
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.audit_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('signed in', 'account', NEW.account_id,
      jsonb_build_object('session', NEW.session_id));
    RETURN NULL;
  END IF;
  IF NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL THEN
    PERFORM ledger.audit_note('signed out', 'account', NEW.account_id,
      jsonb_build_object('session', NEW.session_id));
  END IF;
  IF NEW.emergency_until IS DISTINCT FROM OLD.emergency_until THEN
    PERFORM ledger.audit_note('emergency access', 'account', NEW.account_id,
      jsonb_build_object('session', NEW.session_id, 'until', to_char(
        NEW.emergency_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'reason_sha256', ledger.audit_digest(NEW.emergency_reason)));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON console.account
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_account();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON console.session
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_session();
"""
