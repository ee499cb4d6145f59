"""The tables of HIX 820s in the first revision."""

PREMIUM_TABLES = """
CREATE TABLE reconciliation.premium_file (
  file_id BIGINT NOT NULL, partner_id TEXT NOT NULL, run_id BIGINT NOT NULL, stated NUMERIC(12,
  2) NOT NULL, expected NUMERIC(12, 2) NOT NULL, payments BIGINT NOT NULL, book_sha256 TEXT NOT
  NULL,
  CONSTRAINT pk_premium_file PRIMARY KEY (file_id),
  CONSTRAINT fk_premium_file_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_premium_file_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);
CREATE INDEX ix_premium_file_partner ON reconciliation.premium_file (partner_id);
CREATE TABLE reconciliation.premium_remittance (
  file_id BIGINT NOT NULL, set_ordinal BIGINT NOT NULL, interchange_ordinal BIGINT,
  group_ordinal BIGINT, set_control_number TEXT, handling_code TEXT, total_amount NUMERIC(12,
  2), credit_or_debit TEXT, payment_method TEXT, effective_date DATE, trace_number TEXT,
  payee_name TEXT, payee_id TEXT, payer_name TEXT, payer_id TEXT, byte_start BIGINT, byte_end
  BIGINT,
  CONSTRAINT pk_premium_remittance PRIMARY KEY (file_id, set_ordinal),
  CONSTRAINT fk_premium_remittance_file_id FOREIGN KEY(file_id) REFERENCES
    reconciliation.premium_file (file_id)
);
CREATE TABLE reconciliation.premium_payment (
  file_id BIGINT NOT NULL, entity_ordinal BIGINT NOT NULL, payment_ordinal BIGINT NOT NULL,
  interchange_control_number TEXT, group_control_number TEXT, transaction_set_control_number
  TEXT, set_ordinal BIGINT, assigned_number TEXT, exchange_subscriber_id TEXT,
  exchange_policy_id TEXT, plan_id TEXT, issuer_policy_id TEXT, issuer_subscriber_id TEXT,
  employer_group_id TEXT, issuer_plan_id TEXT, reference_qualifier TEXT, payment_type TEXT,
  amount NUMERIC(12, 2), billed_amount NUMERIC(12, 2), report_type TEXT, period_begin DATE,
  period_end DATE, adjustment_reason TEXT, adjustment_amount NUMERIC(12, 2), byte_start BIGINT,
  byte_end BIGINT,
  CONSTRAINT pk_premium_payment PRIMARY KEY (file_id, entity_ordinal, payment_ordinal),
  CONSTRAINT fk_premium_payment_file_id FOREIGN KEY(file_id) REFERENCES
    reconciliation.premium_file (file_id)
);
CREATE TABLE reconciliation.premium_month (
  file_id BIGINT NOT NULL, row_ordinal BIGINT NOT NULL, category TEXT, exchange_policy_id TEXT,
  month DATE, amount_type TEXT, expected NUMERIC(12, 2), paid_before NUMERIC(12, 2), payments
  NUMERIC(12, 2), charges NUMERIC(12, 2), adjusted NUMERIC(12, 2), difference NUMERIC(12, 2),
  matched_by TEXT, payment_count BIGINT, byte_start BIGINT, byte_end BIGINT,
  CONSTRAINT pk_premium_month PRIMARY KEY (file_id, row_ordinal),
  CONSTRAINT fk_premium_month_file_id FOREIGN KEY(file_id) REFERENCES
    reconciliation.premium_file (file_id)
);
CREATE INDEX ix_premium_month_policy ON reconciliation.premium_month (exchange_policy_id);
CREATE TABLE reconciliation.premium_figure (
  file_id BIGINT NOT NULL, fate TEXT NOT NULL, insurance_line TEXT NOT NULL,
  plan_year TEXT NOT NULL, measure TEXT NOT NULL, ours NUMERIC(12, 2) NOT NULL, theirs NUMERIC(12,
  2) NOT NULL,
  CONSTRAINT pk_premium_figure PRIMARY KEY (file_id, fate, insurance_line, plan_year, measure),
  CONSTRAINT fk_premium_figure_file_id FOREIGN KEY(file_id) REFERENCES
    reconciliation.premium_file (file_id)
);
"""
