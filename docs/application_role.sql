-- A role for edi834's daily work that can neither change nor forge the audit trail. Run it as the
-- owner of the database, after the owner has run any edi834 command once (which makes the tables),
-- and again after an upgrade or a restore. Then `database_url` names this role, and the owner is
-- used for upgrades, backups, restores and replays. Give the role a way to log in that fits your
-- server.

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'edi834_app') THEN
    CREATE ROLE edi834_app LOGIN;  -- an owner who may not: deploy/create-databases.sql has made it
  END IF;
END $$;

DO $$ BEGIN
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO edi834_app', current_database());
END $$;

GRANT USAGE ON SCHEMA ledger, book, reconciliation, console TO edi834_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ledger, book, reconciliation TO edi834_app;
GRANT DELETE ON ledger.step_failure, reconciliation.result, reconciliation.difference,
  reconciliation.balance, book.carrier_finding TO edi834_app;
-- A belief that the same moment has replaced was never one: nobody saw it.
GRANT DELETE ON book.policy, book.member, book.coverage, book.amount, book.address, book.identifier,
  book.broker TO edi834_app;
GRANT SELECT ON edi834_version TO edi834_app;
-- How many sign in by an emergency is a figure that is watched.
GRANT SELECT ON console.session TO edi834_app;

-- The trail is read. It is written by triggers, which work with the owner's rights.
REVOKE ALL ON ledger.audit_entry, ledger.audit_pending FROM edi834_app;
GRANT SELECT ON ledger.audit_entry TO edi834_app;
GRANT EXECUTE ON FUNCTION ledger.audit_note TO edi834_app;
