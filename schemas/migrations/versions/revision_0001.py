"""The tables of the ledger, the book and the reconciliation, and the audit trail of all three."""

from alembic import op

from schemas.migrations.audit_trail import AUDIT_TRAIL
from schemas.migrations.book_tables import BOOK_TABLES
from schemas.migrations.book_views import BOOK_VIEWS
from schemas.migrations.case_tables import CASE_TABLES
from schemas.migrations.console_tables import CONSOLE_TABLES
from schemas.migrations.dispute_tables import DISPUTE_TABLES
from schemas.migrations.match_tables import MATCH_TABLES
from schemas.migrations.monthly_tables import MONTHLY_TABLES
from schemas.migrations.operation_tables import OPERATION_TABLES
from schemas.migrations.premium_tables import PREMIUM_TABLES
from schemas.migrations.sign_off_tables import SIGN_OFF_TABLES
from schemas.migrations.what_if_tables import WHAT_IF_TABLES
from schemas.migrations.wrapping_tables import WRAPPING_TABLES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_UP = """
CREATE SCHEMA ledger;
CREATE SCHEMA book;
CREATE SCHEMA reconciliation;

CREATE TABLE ledger.control_number (
  partner_id TEXT NOT NULL, kind TEXT NOT NULL, last_value BIGINT NOT NULL,
  CONSTRAINT pk_control_number PRIMARY KEY (partner_id, kind),
  CONSTRAINT ck_control_number_kind CHECK (kind IN ('interchange', 'group', 'transaction_set')),
  CONSTRAINT ck_control_number_nine_digits CHECK (last_value BETWEEN 1 AND 999999999)
);

CREATE TABLE ledger.rule_version (
  digest TEXT NOT NULL, program TEXT NOT NULL, parts JSONB NOT NULL,
  first_used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_rule_version PRIMARY KEY (digest)
);

CREATE TABLE ledger.run (
  run_id BIGINT NOT NULL, as_of TIMESTAMP WITH TIME ZONE NOT NULL,
  rules_digest TEXT NOT NULL,
  state TEXT DEFAULT 'open' NOT NULL, opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_run PRIMARY KEY (run_id),
  CONSTRAINT fk_run_rules_digest FOREIGN KEY(rules_digest) REFERENCES ledger.rule_version (digest),
  CONSTRAINT ck_run_state CHECK (state IN ('open', 'balanced', 'balanced_with_open_items',
    'failed'))
);
CREATE UNIQUE INDEX uq_run_open ON ledger.run (as_of) WHERE state = 'open';

CREATE TABLE ledger.run_owner (
  token BIGINT GENERATED ALWAYS AS IDENTITY, run_id BIGINT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, rules_digest TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_run_owner PRIMARY KEY (token),
  CONSTRAINT ck_run_owner_kind CHECK (kind IN ('process', 'scheduler')),
  CONSTRAINT fk_run_owner_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_run_owner_rules_digest FOREIGN KEY(rules_digest)
    REFERENCES ledger.rule_version (digest)
);

CREATE TABLE ledger.partner_owner (
  partner_id TEXT NOT NULL, token BIGINT NOT NULL, at_work BOOLEAN NOT NULL,
  CONSTRAINT pk_partner_owner PRIMARY KEY (partner_id),
  CONSTRAINT fk_partner_owner_token FOREIGN KEY(token) REFERENCES ledger.run_owner (token)
);

CREATE TABLE ledger.file (
  file_id BIGINT GENERATED ALWAYS AS IDENTITY, direction TEXT NOT NULL, partner_id TEXT NOT NULL,
  name TEXT NOT NULL, kind TEXT NOT NULL, function_code TEXT,
  named_at TIMESTAMP WITHOUT TIME ZONE, sha256 TEXT NOT NULL, size_bytes BIGINT NOT NULL,
  storage_key TEXT NOT NULL, run_id BIGINT NOT NULL,
  recorded_at TIMESTAMP WITH TIME ZONE NOT NULL, state TEXT NOT NULL, verdict TEXT,
  rules_digest TEXT, duplicate_of BIGINT, answers_file_id BIGINT,
  delivered_at TIMESTAMP WITH TIME ZONE, note TEXT,
  CONSTRAINT pk_file PRIMARY KEY (file_id),
  CONSTRAINT ck_file_direction CHECK ((direction = 'exchange_to_issuer' AND kind IN
    ('enrollment', 'payment', 'acknowledgement', 'month_answer', 'pre_audit', 'unknown',
    'correction', 'wrapped')
    AND state IN ('received', 'checked', 'staged', 'applied', 'refused', 'duplicate',
    'quarantined')) OR (direction = 'issuer_to_exchange'
    AND kind IN ('ta1', '999', 'enrollment', 'error_report', 'rcni')
    AND state IN ('written', 'delivered', 'acknowledged', 'refused'))),
  CONSTRAINT ck_file_verdict CHECK (verdict IN ('accepted', 'accepted_with_errors',
    'partially_accepted', 'rejected', 'unreadable')),
  CONSTRAINT uq_file_direction_partner_id_name_sha256 UNIQUE (direction, partner_id, name,
    sha256),
  CONSTRAINT fk_file_rules_digest FOREIGN KEY(rules_digest) REFERENCES ledger.rule_version (digest),
  CONSTRAINT fk_file_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_file_duplicate_of FOREIGN KEY(duplicate_of) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_file_answers_file_id FOREIGN KEY(answers_file_id) REFERENCES ledger.file
    (file_id)
);
CREATE INDEX ix_file_name ON ledger.file (name text_pattern_ops);
CREATE INDEX ix_file_run_id ON ledger.file (run_id);
CREATE INDEX ix_file_recorded_at ON ledger.file (recorded_at);
CREATE INDEX ix_file_delivered_at ON ledger.file (delivered_at);
CREATE INDEX ix_file_duplicate_of ON ledger.file (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX ix_file_undelivered ON ledger.file (partner_id)
  WHERE delivered_at IS NULL AND answers_file_id IS NOT NULL;
CREATE INDEX ix_file_awaited ON ledger.file (partner_id)
  WHERE kind = 'enrollment' AND state = 'delivered';
CREATE INDEX ix_file_sha256 ON ledger.file (partner_id, sha256);
CREATE INDEX ix_file_state ON ledger.file (partner_id, state);
CREATE UNIQUE INDEX uq_file_answer ON ledger.file (kind, answers_file_id)
  WHERE answers_file_id IS NOT NULL;
CREATE UNIQUE INDEX uq_file_sent_in_run
  ON ledger.file (kind, run_id, partner_id)
  WHERE direction = 'issuer_to_exchange' AND answers_file_id IS NULL;

CREATE TABLE ledger.gate_batch (
  batch_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, run_id BIGINT NOT NULL,
  state TEXT DEFAULT 'waiting' NOT NULL, judged_in_run BIGINT, judged_by TEXT,
  settled_in_run BIGINT,
  CONSTRAINT pk_gate_batch PRIMARY KEY (batch_id),
  CONSTRAINT ck_gate_batch_state CHECK (state IN ('waiting', 'passed', 'held', 'released',
    'refused')),
  CONSTRAINT ck_gate_batch_judged CHECK ((state = 'waiting') = (judged_by IS NULL)),
  CONSTRAINT fk_gate_batch_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_gate_batch_judged_in_run FOREIGN KEY(judged_in_run) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_gate_batch_settled_in_run FOREIGN KEY(settled_in_run) REFERENCES ledger.run
    (run_id)
);
CREATE INDEX ix_gate_batch_partner ON ledger.gate_batch (partner_id, batch_id);
CREATE INDEX ix_gate_batch_open ON ledger.gate_batch (partner_id, batch_id)
  WHERE settled_in_run IS NULL;

CREATE TABLE ledger.gate_file (
  file_id BIGINT NOT NULL, batch_id BIGINT NOT NULL,
  CONSTRAINT pk_gate_file PRIMARY KEY (file_id),
  CONSTRAINT fk_gate_file_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_gate_file_batch_id FOREIGN KEY(batch_id) REFERENCES ledger.gate_batch (batch_id)
);
CREATE INDEX ix_gate_file_batch_id ON ledger.gate_file (batch_id);

CREATE TABLE ledger.gate_finding (
  batch_id BIGINT NOT NULL, expectation TEXT NOT NULL, severity TEXT NOT NULL,
  rows BIGINT NOT NULL, observed DOUBLE PRECISION, minimum DOUBLE PRECISION,
  maximum DOUBLE PRECISION, outcome TEXT NOT NULL, sentence TEXT, evidence JSONB NOT NULL,
  CONSTRAINT pk_gate_finding PRIMARY KEY (batch_id, expectation),
  CONSTRAINT ck_gate_finding_severity CHECK (severity IN ('hold', 'warn')),
  CONSTRAINT ck_gate_finding_outcome CHECK (outcome IN ('within', 'outside', 'not_judged')),
  CONSTRAINT fk_gate_finding_batch_id FOREIGN KEY(batch_id) REFERENCES ledger.gate_batch
    (batch_id)
);

CREATE TABLE ledger.carrier_reading (
  reading_id BIGINT GENERATED ALWAYS AS IDENTITY, run_id BIGINT NOT NULL, partner_id TEXT NOT NULL,
  members_key TEXT NOT NULL, members_rows BIGINT NOT NULL, payments_key TEXT NOT NULL,
  payments_rows BIGINT NOT NULL, requests_key TEXT NOT NULL, requests_rows BIGINT NOT NULL,
  unchanged_since TIMESTAMP WITH TIME ZONE NOT NULL, is_stale BOOLEAN NOT NULL,
  CONSTRAINT pk_carrier_reading PRIMARY KEY (reading_id),
  CONSTRAINT fk_carrier_reading_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);
CREATE INDEX ix_carrier_reading_run ON ledger.carrier_reading (run_id, partner_id);
CREATE INDEX ix_carrier_reading_partner ON ledger.carrier_reading (partner_id, reading_id);

CREATE TABLE ledger.carrier_acceptance (
  acceptance_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL,
  members_rows BIGINT NOT NULL, payments_rows BIGINT NOT NULL, accepted_by TEXT NOT NULL,
  account TEXT NOT NULL, accepted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  reason TEXT NOT NULL, used_in_run BIGINT,
  CONSTRAINT pk_carrier_acceptance PRIMARY KEY (acceptance_id),
  CONSTRAINT fk_carrier_acceptance_used_in_run FOREIGN KEY(used_in_run) REFERENCES ledger.run
    (run_id)
);
CREATE INDEX ix_carrier_acceptance_partner
  ON ledger.carrier_acceptance (partner_id, acceptance_id);

CREATE TABLE ledger.gate_decision (
  batch_id BIGINT NOT NULL, decision TEXT NOT NULL, decided_by TEXT NOT NULL,
  account TEXT NOT NULL, decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  reason TEXT NOT NULL,
  CONSTRAINT pk_gate_decision PRIMARY KEY (batch_id),
  CONSTRAINT ck_gate_decision_decision CHECK (decision IN ('released', 'refused')),
  CONSTRAINT fk_gate_decision_batch_id FOREIGN KEY(batch_id) REFERENCES ledger.gate_batch
    (batch_id)
);

CREATE TABLE ledger.answer (
  answer_id BIGINT GENERATED ALWAYS AS IDENTITY, file_id BIGINT NOT NULL,
  partner_id TEXT NOT NULL, level TEXT, interchange_number TEXT, group_number TEXT,
  set_number TEXT, code TEXT, note TEXT, exchange_policy_id TEXT, exchange_member_id TEXT,
  element TEXT, sent_file_id BIGINT, ordinal BIGINT, state TEXT NOT NULL,
  CONSTRAINT pk_answer PRIMARY KEY (answer_id),
  CONSTRAINT ck_answer_level CHECK (level IN ('interchange', 'group', 'set', 'business')),
  CONSTRAINT ck_answer_state CHECK (state IN ('unmatched', 'matched', 'counts', 'repeats',
    'contradicts')),
  CONSTRAINT ck_answer_matched CHECK ((state = 'unmatched') = (sent_file_id IS NULL)),
  CONSTRAINT fk_answer_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_answer_sent_file_id FOREIGN KEY(sent_file_id) REFERENCES ledger.file (file_id)
);
CREATE INDEX ix_answer_file_id ON ledger.answer (file_id);
CREATE INDEX ix_answer_about ON ledger.answer (sent_file_id, level, ordinal);
CREATE INDEX ix_answer_open ON ledger.answer (partner_id) WHERE state <> 'counts';

CREATE TABLE reconciliation.result (
  run_id BIGINT NOT NULL, partner_id TEXT NOT NULL, book_sha256 TEXT NOT NULL,
  carrier_sha256 TEXT NOT NULL, matched BIGINT NOT NULL, differing BIGINT NOT NULL,
  missing_at_carrier BIGINT NOT NULL, missing_in_book BIGINT NOT NULL, decisions_key TEXT,
  last_batch_id BIGINT,
  CONSTRAINT pk_result PRIMARY KEY (run_id, partner_id),
  CONSTRAINT fk_result_last_batch_id FOREIGN KEY(last_batch_id) REFERENCES ledger.gate_batch
    (batch_id),
  CONSTRAINT fk_result_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);

CREATE TABLE ledger.disposition (
  file_id BIGINT NOT NULL, member_ordinal BIGINT NOT NULL, set_ordinal BIGINT,
  state TEXT NOT NULL, reason TEXT, decided_in_run BIGINT NOT NULL,
  CONSTRAINT pk_disposition PRIMARY KEY (file_id, member_ordinal),
  CONSTRAINT ck_disposition_state CHECK (state IN ('accepted', 'rejected', 'pending')),
  CONSTRAINT fk_disposition_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_disposition_decided_in_run FOREIGN KEY(decided_in_run) REFERENCES ledger.run
    (run_id)
);

CREATE TABLE ledger.functional_group (
  file_id BIGINT NOT NULL, group_ordinal BIGINT NOT NULL, interchange_ordinal BIGINT,
  control_number TEXT, functional_identifier TEXT, sender_code TEXT, receiver_code TEXT,
  date TEXT, time TEXT, responsible_agency TEXT, version TEXT, trailer_set_count TEXT,
  trailer_control_number TEXT, set_count BIGINT, byte_start BIGINT, byte_end BIGINT, ack TEXT,
  codes TEXT[], set_count_included BIGINT, set_count_received BIGINT, set_count_accepted BIGINT,
  CONSTRAINT pk_functional_group PRIMARY KEY (file_id, group_ordinal),
  CONSTRAINT fk_functional_group_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id)
);
CREATE INDEX ix_functional_group_control_number ON ledger.functional_group (control_number);

CREATE TABLE ledger.interchange (
  file_id BIGINT NOT NULL, interchange_ordinal BIGINT NOT NULL, control_number TEXT,
  authorization_qualifier TEXT, security_qualifier TEXT, sender_qualifier TEXT, sender_id TEXT,
  receiver_qualifier TEXT, receiver_id TEXT, date TEXT, time TEXT, repetition_separator TEXT,
  version TEXT, acknowledgment_requested TEXT, usage_indicator TEXT, component_separator TEXT,
  trailer_group_count TEXT, trailer_control_number TEXT, group_count BIGINT, byte_start BIGINT,
  byte_end BIGINT, ta1_code TEXT, ta1_note TEXT,
  CONSTRAINT pk_interchange PRIMARY KEY (file_id, interchange_ordinal),
  CONSTRAINT fk_interchange_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id)
);
CREATE INDEX ix_interchange_control_number ON ledger.interchange (control_number);

CREATE TABLE ledger.issue (
  file_id BIGINT NOT NULL, issue_ordinal BIGINT NOT NULL, rule TEXT, severity TEXT,
  snip SMALLINT, x12_field TEXT, x12_code TEXT, interchange_ordinal BIGINT, group_ordinal BIGINT,
  set_ordinal BIGINT, member_ordinal BIGINT, segment_id TEXT, segment_ordinal BIGINT, loop TEXT,
  element SMALLINT, component SMALLINT, repetition SMALLINT, data_element TEXT,
  byte_start BIGINT, byte_end BIGINT,
  message TEXT,
  CONSTRAINT pk_issue PRIMARY KEY (file_id, issue_ordinal),
  CONSTRAINT fk_issue_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id)
);

CREATE TABLE ledger.sighting (
  file_id BIGINT NOT NULL, run_id BIGINT NOT NULL, seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sighting PRIMARY KEY (file_id, run_id, seen_at),
  CONSTRAINT fk_sighting_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_sighting_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);

CREATE TABLE ledger.received_interchange (
  file_id BIGINT NOT NULL, interchange_ordinal BIGINT NOT NULL, sender_id TEXT NOT NULL,
  control_number TEXT NOT NULL,
  CONSTRAINT pk_received_interchange PRIMARY KEY (file_id, interchange_ordinal),
  CONSTRAINT fk_received_interchange_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id)
);
CREATE INDEX ix_received_interchange_number
  ON ledger.received_interchange (sender_id, control_number);

CREATE TABLE ledger.step_failure (
  run_id BIGINT NOT NULL, partner_id TEXT NOT NULL, step TEXT NOT NULL, sentence TEXT NOT NULL,
  CONSTRAINT pk_step_failure PRIMARY KEY (run_id, partner_id, step),
  CONSTRAINT fk_step_failure_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);

CREATE TABLE ledger.transaction_set (
  file_id BIGINT NOT NULL, set_ordinal BIGINT NOT NULL, interchange_ordinal BIGINT,
  group_ordinal BIGINT, control_number TEXT, identifier TEXT, convention TEXT,
  trailer_segment_count TEXT, trailer_control_number TEXT, segment_count BIGINT,
  member_count BIGINT, purpose_code TEXT, reference TEXT, date DATE, time TEXT, time_code TEXT,
  original_reference TEXT, action_code TEXT, master_policy_number TEXT, file_effective DATE,
  total_count BIGINT, subscriber_count BIGINT, dependent_count BIGINT, sponsor_name TEXT,
  sponsor_qualifier TEXT, sponsor_id TEXT, payer_name TEXT, payer_qualifier TEXT, payer_id TEXT,
  broker_name TEXT, broker_qualifier TEXT, broker_id TEXT, byte_start BIGINT, byte_end BIGINT,
  ack TEXT, codes TEXT[],
  CONSTRAINT pk_transaction_set PRIMARY KEY (file_id, set_ordinal),
  CONSTRAINT fk_transaction_set_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id)
);

CREATE TABLE reconciliation.difference (
  difference_id BIGINT GENERATED ALWAYS AS IDENTITY, run_id BIGINT NOT NULL,
  partner_id TEXT NOT NULL, kind TEXT, exchange_policy_id TEXT, exchange_member_id TEXT,
  field TEXT, book_value TEXT, carrier_value TEXT, premium_difference NUMERIC(12, 2),
  aptc_difference NUMERIC(12, 2), csr_difference NUMERIC(12, 2), file_id BIGINT,
  CONSTRAINT pk_difference PRIMARY KEY (difference_id),
  CONSTRAINT fk_difference_run_id_partner_id FOREIGN KEY(run_id, partner_id) REFERENCES
    reconciliation.result (run_id, partner_id),
  CONSTRAINT ck_difference_kind CHECK (kind IN ('differs', 'missing_at_carrier',
    'missing_in_book'))
);
CREATE INDEX ix_difference_result ON reconciliation.difference (run_id, partner_id);

CREATE TABLE reconciliation.balance (
  run_id BIGINT NOT NULL, partner_id TEXT NOT NULL, fate TEXT NOT NULL,
  insurance_line TEXT NOT NULL, plan_year TEXT NOT NULL, book_rows BIGINT,
  carrier_rows BIGINT, book_premium NUMERIC(12, 2), carrier_premium NUMERIC(12, 2),
  book_aptc NUMERIC(12, 2), carrier_aptc NUMERIC(12, 2), book_csr NUMERIC(12, 2),
  carrier_csr NUMERIC(12, 2),
  CONSTRAINT pk_balance PRIMARY KEY (run_id, partner_id, fate, insurance_line, plan_year),
  CONSTRAINT fk_balance_run_id_partner_id FOREIGN KEY(run_id, partner_id) REFERENCES
    reconciliation.result (run_id, partner_id),
  CONSTRAINT ck_balance_fate CHECK (fate IN ('matched', 'differing', 'missing_at_carrier',
    'missing_in_book', 'may_be_absent'))
);

CREATE TABLE reconciliation.set_figure (
  file_id BIGINT NOT NULL, insurance_line TEXT NOT NULL, plan_year TEXT NOT NULL,
  good BIGINT NOT NULL, sets BIGINT NOT NULL,
  CONSTRAINT pk_set_figure PRIMARY KEY (file_id, insurance_line, plan_year),
  CONSTRAINT fk_set_figure_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id)
);

CREATE TABLE reconciliation.break (
  break_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, source TEXT NOT NULL,
  kind TEXT, exchange_policy_id TEXT, exchange_member_id TEXT, field TEXT, book_value TEXT,
  carrier_value TEXT, premium_difference NUMERIC(12, 2), aptc_difference NUMERIC(12, 2),
  csr_difference NUMERIC(12, 2), file_id BIGINT, rule TEXT, period TEXT, insurance_line TEXT,
  plan_year TEXT, state TEXT NOT NULL,
  owner TEXT, waived_until DATE, snoozed_until DATE, is_escalated BOOLEAN DEFAULT false NOT NULL,
  version INTEGER DEFAULT 0 NOT NULL, due_at TIMESTAMP WITH TIME ZONE NOT NULL, asked_by TEXT,
  asked_until DATE, first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
  last_seen TIMESTAMP WITH TIME ZONE NOT NULL, first_run_id BIGINT NOT NULL,
  last_run_id BIGINT NOT NULL, times_seen INTEGER NOT NULL, times_reopened INTEGER NOT NULL,
  resolved_at TIMESTAMP WITH TIME ZONE, resolved_run_id BIGINT, resolved_file_id BIGINT,
  resolved_sha256 TEXT,
  CONSTRAINT pk_break PRIMARY KEY (break_id),
  CONSTRAINT fk_break_first_run_id FOREIGN KEY(first_run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_break_last_run_id FOREIGN KEY(last_run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_break_resolved_run_id FOREIGN KEY(resolved_run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_break_resolved_file_id FOREIGN KEY(resolved_file_id) REFERENCES
    ledger.file (file_id),
  CONSTRAINT ck_break_source CHECK (source IN ('carrier', 'exchange_full', 'pre_audit', 'monthly',
    'premium')),
  CONSTRAINT ck_break_kind CHECK (kind IN ('differs', 'missing_at_carrier', 'missing_in_book')),
  CONSTRAINT ck_break_state CHECK (state IN ('new', 'assigned', 'in_progress',
    'waiting_for_exchange', 'waiting_for_carrier', 'reopened', 'waived', 'resolved')),
  CONSTRAINT ck_break_asked CHECK ((asked_by IS NULL) = (asked_until IS NULL))
);
CREATE UNIQUE INDEX uq_break_identity ON reconciliation.break (exchange_policy_id,
  exchange_member_id, field, kind, source, partner_id, period) NULLS NOT DISTINCT;
CREATE INDEX ix_break_state ON reconciliation.break (state, partner_id, break_id);
CREATE INDEX ix_break_due ON reconciliation.break ((NOT is_escalated), due_at, break_id)
  WHERE state NOT IN ('resolved', 'waived');
CREATE INDEX ix_break_cause ON reconciliation.break (partner_id, source, kind, field, file_id);
CREATE INDEX ix_break_first_seen ON reconciliation.break (first_seen);
CREATE INDEX ix_break_gone ON reconciliation.break (coalesce(resolved_at, 'infinity'));

CREATE TABLE reconciliation.break_event (
  break_event_id BIGINT GENERATED ALWAYS AS IDENTITY, break_id BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, run_id BIGINT, person TEXT,
  account TEXT, action TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
  CONSTRAINT pk_break_event PRIMARY KEY (break_event_id),
  CONSTRAINT fk_break_event_break_id FOREIGN KEY(break_id) REFERENCES
    reconciliation.break (break_id),
  CONSTRAINT fk_break_event_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT ck_break_event_state CHECK (state IN ('new', 'assigned', 'in_progress',
    'waiting_for_exchange', 'waiting_for_carrier', 'reopened', 'waived', 'resolved'))
);
CREATE INDEX ix_break_event_break ON reconciliation.break_event (break_id);
CREATE INDEX ix_break_event_at ON reconciliation.break_event (at);
CREATE INDEX ix_break_event_waive ON reconciliation.break_event (break_event_id)
  WHERE action = 'waive' OR action = 'allow';
"""

_DOWN = """
DROP SCHEMA console CASCADE;
DROP SCHEMA reconciliation CASCADE;
DROP SCHEMA book CASCADE;
DROP SCHEMA ledger CASCADE;
"""


def upgrade() -> None:
    """Creates everything."""
    op.execute(_UP)
    op.execute(BOOK_TABLES)
    op.execute(BOOK_VIEWS)
    op.execute(CASE_TABLES)
    op.execute(DISPUTE_TABLES)
    op.execute(MATCH_TABLES)
    op.execute(MONTHLY_TABLES)
    op.execute(PREMIUM_TABLES)
    op.execute(SIGN_OFF_TABLES)
    op.execute(OPERATION_TABLES)
    op.execute(WHAT_IF_TABLES)
    op.execute(WRAPPING_TABLES)
    op.execute(CONSOLE_TABLES)
    op.execute(AUDIT_TRAIL)


def downgrade() -> None:
    """Removes everything, data included."""
    op.execute(_DOWN)
