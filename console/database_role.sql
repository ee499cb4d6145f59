-- The console's role of the database: reads what screens show, writes what named use cases need,
-- and can neither change a file's verdict or the book nor forge the audit trail. Run it as the owner
-- of the database, again after an upgrade or a restore; then `console.database_url` names a login
-- that has this role. Without that setting `edi834 console` runs it itself and works as this role.
-- Who may not make roles runs it where a superuser has made this one (deploy/create-databases.sql).

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'edi834_console') THEN
    CREATE ROLE edi834_console NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF NOT pg_has_role('edi834_console', 'SET') THEN
    EXECUTE format('GRANT edi834_console TO %I WITH SET TRUE', current_user);
  END IF;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO edi834_console', current_database());
END $$;

GRANT USAGE ON SCHEMA ledger, book, reconciliation, console TO edi834_console;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger, book, reconciliation, console TO edi834_console;
REVOKE ALL ON ledger.audit_pending FROM edi834_console;

-- Accounts and sessions.
GRANT INSERT, UPDATE ON console.account, console.session TO edi834_console;
GRANT INSERT ON console.failed_sign_in TO edi834_console;

-- The second person's word: batches at the gate, and what would end coverage.
GRANT INSERT ON ledger.gate_decision TO edi834_console;
GRANT UPDATE (state) ON ledger.gate_batch TO edi834_console;
GRANT INSERT ON book.hold_word TO edi834_console;
GRANT UPDATE (state) ON book.hold, book.decision TO edi834_console;

-- Signatures, and a record of what was taken away.
GRANT INSERT ON ledger.signed_period, ledger.report_export TO edi834_console;
GRANT UPDATE (reviewed_by, reviewed_account, reviewed_at, reviewed_note)
  ON ledger.signed_period TO edi834_console;

-- Disputes, words about pairs, and views that somebody keeps.
GRANT INSERT ON ledger.dispute, reconciliation.match_word TO edi834_console;
GRANT UPDATE (state, decided_by, decided_account, decision_reason, decided_at)
  ON ledger.dispute TO edi834_console;
GRANT UPDATE (state, version) ON reconciliation.match TO edi834_console;
GRANT INSERT, UPDATE, DELETE ON console.saved_view TO edi834_console;

-- What persons say to the nights.
GRANT INSERT ON ledger.operator_word TO edi834_console;

-- What changes no row is noted by name.
GRANT EXECUTE ON FUNCTION ledger.audit_note TO edi834_console;

-- Stewards: words about cases and breaks, and corrections of rejected sets.
GRANT INSERT ON ledger.case_event, reconciliation.break_event, ledger.correction TO edi834_console;
GRANT UPDATE (state, owner, waived_until, snoozed_until, is_escalated, version, asked_by, asked_until)
  ON ledger.case, reconciliation.break TO edi834_console;
GRANT UPDATE (state, released_by, released_account, release_reason, released_at)
  ON ledger.correction TO edi834_console;
