"""The tables of the book in the first revision, in the order in which they refer to one another."""

BOOK_TABLES = """
CREATE TABLE book.event_set (
  file_id BIGINT NOT NULL, set_ordinal BIGINT NOT NULL, partner_id TEXT NOT NULL,
  exchange_policy_id TEXT, transaction TEXT, circumstance TEXT,
  needs_effectuation BOOLEAN NOT NULL, plan_id TEXT, insurance_line TEXT, benefit_begin DATE,
  benefit_end DATE, maintenance_effective DATE, function_rank SMALLINT NOT NULL,
  named_at TIMESTAMP WITHOUT TIME ZONE, submitted_at TEXT, moment TEXT NOT NULL,
  content_hash TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, run_id BIGINT NOT NULL,
  CONSTRAINT pk_event_set PRIMARY KEY (file_id, set_ordinal),
  CONSTRAINT ck_event_set_state CHECK (state IN ('staged', 'applied', 'pending', 'duplicate',
    'refused')),
  CONSTRAINT ck_event_set_transaction CHECK (transaction IN ('initial', 'renewal', 'change',
    'cancellation', 'termination', 'reinstatement', 'audit', 'effectuation',
    'issuer_cancellation', 'issuer_termination', 'issuer_maintenance', 'issuer_reinstatement')),
  CONSTRAINT ck_event_set_circumstance CHECK (circumstance IN ('leaves', 'enters')),
  CONSTRAINT ck_event_set_pending CHECK (state <> 'pending' OR reason IS NOT NULL)
) WITH (fillfactor = 45);
CREATE INDEX ix_event_set_circumstance ON book.event_set (partner_id) WHERE circumstance IS NOT
  NULL;
CREATE INDEX ix_event_set_audit ON book.event_set (partner_id) WHERE transaction = 'audit';
CREATE INDEX ix_event_set_policy ON book.event_set (exchange_policy_id, partner_id);
CREATE INDEX ix_event_set_reason ON book.event_set (partner_id) WHERE reason IS NOT NULL;

CREATE TABLE book.event (
  event_id BIGINT GENERATED ALWAYS AS IDENTITY, file_id BIGINT NOT NULL,
  set_ordinal BIGINT NOT NULL, member_ordinal BIGINT NOT NULL, kind TEXT,
  is_subscriber BOOLEAN NOT NULL, exchange_member_id TEXT, maintenance_type TEXT,
  maintenance_reason TEXT, additional_maintenance_reason TEXT, maintenance_effective DATE,
  relationship_code TEXT, exchange_subscriber_id TEXT, issuer_subscriber_id TEXT,
  issuer_member_id TEXT, ssn TEXT, birth_date DATE, gender_code TEXT, marital_status TEXT,
  phone TEXT, email TEXT, tobacco_code TEXT, last_name TEXT, first_name TEXT, middle_name TEXT,
  name_suffix TEXT, address_line_1 TEXT, address_line_2 TEXT, city TEXT, state TEXT,
  postal_code TEXT, county_code TEXT, mailing_line_1 TEXT, mailing_line_2 TEXT,
  mailing_city TEXT, mailing_state TEXT, mailing_postal_code TEXT, eligibility_begin DATE,
  plan_id TEXT, insurance_line TEXT, issuer_policy_id TEXT, benefit_begin DATE,
  benefit_end DATE, former_issuer_subscriber_id TEXT, former_issuer_member_id TEXT,
  former_issuer_policy_id TEXT, further_lines TEXT, rating_area TEXT,
  byte_start BIGINT, byte_end BIGINT,
  amount_names TEXT[] NOT NULL, amounts_from DATE[] NOT NULL, amounts NUMERIC(12, 2)[] NOT NULL,
  CONSTRAINT pk_event PRIMARY KEY (event_id),
  CONSTRAINT uq_event_file_id_set_ordinal_member_ordinal UNIQUE (file_id, set_ordinal,
    member_ordinal)
);

CREATE TABLE book.policy (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, exchange_subscriber_id TEXT,
  plan_id TEXT NOT NULL, insurance_line TEXT, issuer_policy_id TEXT, rating_area TEXT,
  status TEXT NOT NULL, benefit_begin DATE NOT NULL, benefit_end DATE,
  needs_effectuation BOOLEAN NOT NULL, initial_event_id BIGINT NOT NULL, reference TEXT,
  total_count BIGINT, dependent_count BIGINT,
  sponsor_name TEXT, sponsor_qualifier TEXT, sponsor_id TEXT, payer_name TEXT, payer_id TEXT,
  known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_policy PRIMARY KEY (exchange_policy_id, partner_id, known_to),
  CONSTRAINT ck_policy_known CHECK (known_from < known_to),
  CONSTRAINT ck_policy_status CHECK (status IN ('initial', 'effectuated', 'terminated',
    'cancelled')),
  CONSTRAINT ck_policy_benefit CHECK (benefit_begin <= benefit_end)
);
CREATE INDEX ix_policy_subscriber ON book.policy (exchange_subscriber_id);

CREATE TABLE book.member (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, exchange_member_id TEXT NOT NULL,
  is_subscriber BOOLEAN NOT NULL, relationship_code TEXT, exchange_subscriber_id TEXT,
  issuer_subscriber_id TEXT, issuer_member_id TEXT, ssn TEXT, birth_date DATE, gender_code TEXT,
  marital_status TEXT, phone TEXT, email TEXT, tobacco_code TEXT, last_name TEXT,
  first_name TEXT, middle_name TEXT, name_suffix TEXT, eligibility_begin DATE,
  known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_member PRIMARY KEY (exchange_policy_id, exchange_member_id, partner_id,
    known_to),
  CONSTRAINT ck_member_known CHECK (known_from < known_to)
);
CREATE INDEX ix_member_id ON book.member (exchange_member_id);

CREATE TABLE book.coverage (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, exchange_member_id TEXT NOT NULL,
  insurance_line TEXT, plan_id TEXT NOT NULL, benefit_begin DATE NOT NULL, benefit_end DATE,
  known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_coverage PRIMARY KEY (exchange_policy_id, exchange_member_id, benefit_begin,
    partner_id, known_to),
  CONSTRAINT ck_coverage_known CHECK (known_from < known_to),
  CONSTRAINT ck_coverage_benefit CHECK (benefit_begin <= benefit_end)
);

CREATE TABLE book.amount (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, exchange_member_id TEXT NOT NULL,
  name TEXT NOT NULL, amount NUMERIC(12, 2) NOT NULL, valid_from DATE NOT NULL, valid_to DATE,
  known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_amount PRIMARY KEY (exchange_policy_id, exchange_member_id, name, valid_from,
    partner_id, known_to),
  CONSTRAINT ck_amount_valid CHECK (valid_from <= valid_to),
  CONSTRAINT ck_amount_known CHECK (known_from < known_to)
);

CREATE TABLE book.address (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, exchange_member_id TEXT NOT NULL,
  kind TEXT NOT NULL, address_line_1 TEXT, address_line_2 TEXT, city TEXT, state TEXT,
  postal_code TEXT, county_code TEXT, valid_from DATE NOT NULL, valid_to DATE,
  known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_address PRIMARY KEY (exchange_policy_id, exchange_member_id, kind, valid_from,
    partner_id, known_to),
  CONSTRAINT ck_address_valid CHECK (valid_from <= valid_to),
  CONSTRAINT ck_address_known CHECK (known_from < known_to),
  CONSTRAINT ck_address_kind CHECK (kind IN ('residence', 'mailing'))
);

CREATE TABLE book.identifier (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, exchange_member_id TEXT NOT NULL,
  kind TEXT NOT NULL, value TEXT NOT NULL, valid_from DATE NOT NULL, valid_to DATE,
  known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_identifier PRIMARY KEY (exchange_policy_id, exchange_member_id, kind,
    valid_from, partner_id, known_to),
  CONSTRAINT ck_identifier_valid CHECK (valid_from <= valid_to),
  CONSTRAINT ck_identifier_known CHECK (known_from < known_to),
  CONSTRAINT ck_identifier_kind CHECK (kind IN ('issuer_policy_id', 'issuer_subscriber_id',
    'issuer_member_id', 'exchange_subscriber_id'))
);

CREATE TABLE book.broker (
  partner_id TEXT NOT NULL, exchange_policy_id TEXT NOT NULL, broker_name TEXT, broker_id TEXT,
  valid_from DATE NOT NULL, valid_to DATE, known_from TIMESTAMP WITH TIME ZONE NOT NULL,
  known_to TIMESTAMP WITH TIME ZONE DEFAULT 'infinity' NOT NULL, event_id BIGINT NOT NULL,
  CONSTRAINT pk_broker PRIMARY KEY (exchange_policy_id, valid_from, partner_id, known_to),
  CONSTRAINT ck_broker_valid CHECK (valid_from <= valid_to),
  CONSTRAINT ck_broker_known CHECK (known_from < known_to)
);

CREATE TABLE book.audit_difference (
  event_id BIGINT NOT NULL, field TEXT NOT NULL, run_id BIGINT NOT NULL,
  CONSTRAINT pk_audit_difference PRIMARY KEY (event_id, field),
  CONSTRAINT fk_audit_difference_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);

CREATE TABLE book.hold (
  hold_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL, run_id BIGINT NOT NULL,
  reasons TEXT[] NOT NULL, persons INTEGER NOT NULL, state TEXT NOT NULL,
  CONSTRAINT pk_hold PRIMARY KEY (hold_id),
  CONSTRAINT ck_hold_state CHECK (state IN ('held', 'released', 'refused')),
  CONSTRAINT fk_hold_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);
CREATE INDEX ix_hold_open ON book.hold (partner_id) WHERE state = 'held';

CREATE TABLE book.hold_word (
  hold_id BIGINT NOT NULL, decided_by TEXT NOT NULL, account TEXT NOT NULL, word TEXT NOT NULL,
  reason TEXT NOT NULL, decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_hold_word PRIMARY KEY (hold_id, decided_by),
  CONSTRAINT ck_hold_word_word CHECK (word IN ('released', 'refused')),
  CONSTRAINT fk_hold_word_hold_id FOREIGN KEY(hold_id) REFERENCES book.hold (hold_id)
);

CREATE TABLE book.decision (
  decision_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL,
  exchange_policy_id TEXT NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL,
  additional_maintenance_reason TEXT NOT NULL, event_id BIGINT NOT NULL, coverage_end DATE,
  responsible_amount NUMERIC(12, 2), paid_amount NUMERIC(12, 2), paid_on DATE, paid_through DATE,
  evidence JSONB NOT NULL, run_id BIGINT NOT NULL, state TEXT NOT NULL, sent_file_id BIGINT,
  set_ordinal BIGINT, hold_id BIGINT, rejected_by TEXT,
  again_by TEXT, obstacle TEXT,
  CONSTRAINT pk_decision PRIMARY KEY (decision_id),
  CONSTRAINT ck_decision_kind CHECK (kind IN ('effectuation', 'cancellation', 'termination',
    'maintenance', 'reinstatement')),
  CONSTRAINT ck_decision_state CHECK (state IN ('open', 'held', 'released', 'refused', 'withdrawn',
    'sent', 'rejected')),
  CONSTRAINT ck_decision_sent CHECK ((state IN ('sent', 'rejected')) = (sent_file_id IS NOT NULL)
    AND (sent_file_id IS NULL) = (set_ordinal IS NULL)),
  CONSTRAINT ck_decision_rejected_by CHECK (rejected_by IN ('interchange', 'group', 'set',
    'business')),
  CONSTRAINT ck_decision_rejected CHECK ((state = 'rejected') = (rejected_by IS NOT NULL)),
  CONSTRAINT ck_decision_obstacle CHECK (obstacle IS NULL OR state IN ('open', 'released')),
  CONSTRAINT fk_decision_hold_id FOREIGN KEY(hold_id) REFERENCES book.hold (hold_id),
  CONSTRAINT fk_decision_event_id FOREIGN KEY(event_id) REFERENCES book.event (event_id),
  CONSTRAINT fk_decision_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT fk_decision_sent_file_id FOREIGN KEY(sent_file_id) REFERENCES ledger.file (file_id)
);
CREATE INDEX ix_decision_policy ON book.decision (exchange_policy_id, partner_id);
CREATE INDEX ix_decision_hold ON book.decision (hold_id);
CREATE INDEX ix_decision_sent ON book.decision (sent_file_id, set_ordinal);
CREATE UNIQUE INDEX uq_decision_unsent ON book.decision (exchange_policy_id, partner_id)
  WHERE state IN ('open', 'held', 'released');

CREATE TABLE book.carrier_finding (
  finding_id BIGINT GENERATED ALWAYS AS IDENTITY, partner_id TEXT NOT NULL,
  exchange_policy_id TEXT NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL,
  figures JSONB NOT NULL, run_id BIGINT NOT NULL,
  CONSTRAINT pk_carrier_finding PRIMARY KEY (finding_id),
  CONSTRAINT ck_carrier_finding_kind CHECK (kind IN ('payment', 'request', 'member')),
  CONSTRAINT fk_carrier_finding_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id)
);
CREATE INDEX ix_carrier_finding_partner ON book.carrier_finding (partner_id);
"""
