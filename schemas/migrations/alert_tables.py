"""Alerts, who was told of them, and walks along the audit trail: tables, and the alerts' audit."""

ALERT_TABLES = """
CREATE TABLE ledger.alert (
  alert_id BIGINT GENERATED ALWAYS AS IDENTITY, rule TEXT NOT NULL, about JSONB NOT NULL,
  value DOUBLE PRECISION NOT NULL, opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_alert PRIMARY KEY (alert_id)
);
CREATE UNIQUE INDEX uq_alert_open ON ledger.alert (rule, about) WHERE closed_at IS NULL;
CREATE INDEX ix_alert_closed_at ON ledger.alert (closed_at);

CREATE TABLE ledger.alert_told (
  alert_id BIGINT NOT NULL, event TEXT NOT NULL, sink TEXT NOT NULL,
  told_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_alert_told PRIMARY KEY (alert_id, event, sink),
  CONSTRAINT fk_alert_told_alert_id FOREIGN KEY(alert_id) REFERENCES ledger.alert (alert_id),
  CONSTRAINT ck_alert_told_event CHECK (event IN ('opened', 'closed')),
  CONSTRAINT ck_alert_told_sink CHECK (sink IN ('webhook', 'email'))
);
"""

AUDIT_WALK_TABLE = """
CREATE TABLE ledger.audit_walk (
  audit_walk_id BIGINT GENERATED ALWAYS AS IDENTITY,
  at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, entries BIGINT NOT NULL,
  is_whole BOOLEAN NOT NULL,
  CONSTRAINT pk_audit_walk PRIMARY KEY (audit_walk_id)
);
"""

ALERT_AUDIT = """
CREATE FUNCTION ledger.audit_alert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ledger.audit_note('alert opened', 'alert', NEW.alert_id,
      jsonb_build_object('rule', NEW.rule, 'about', NEW.about));
  ELSIF TG_OP = 'UPDATE' AND OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL
    AND to_jsonb(NEW) - 'closed_at' = to_jsonb(OLD) - 'closed_at' THEN
    PERFORM ledger.audit_note('alert closed', 'alert', NEW.alert_id,
      jsonb_build_object('rule', NEW.rule));
  ELSE
    PERFORM ledger.audit_note('alert altered', 'alert', OLD.alert_id,
      jsonb_build_object('by', lower(TG_OP)));
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ledger.alert
  FOR EACH ROW EXECUTE FUNCTION ledger.audit_alert();
ALTER TABLE ledger.alert ENABLE ALWAYS TRIGGER audit;
"""
