"""What error reports have told of received files: the table, and what it holds at first."""

REPORTED_TABLE = """
CREATE TABLE ledger.reported_file (
  file_id BIGINT NOT NULL, kind TEXT NOT NULL, run_id BIGINT NOT NULL,
  CONSTRAINT pk_reported_file PRIMARY KEY (file_id, kind),
  CONSTRAINT fk_reported_file_file_id FOREIGN KEY(file_id) REFERENCES ledger.file (file_id),
  CONSTRAINT fk_reported_file_run_id FOREIGN KEY(run_id) REFERENCES ledger.run (run_id),
  CONSTRAINT ck_reported_file_kind CHECK (kind IN ('verdict', 'refusal'))
);
"""

# Until now a run told of the files that it had received, and of the batches that it had closed as
# refused. What its report came too early for, or never came for, was told to nobody: no row, and
# the next report has it. What is no longer kept cannot be told.
REPORTED_SO_FAR = """
WITH told AS (
  SELECT object_id AS run_id, details ->> 'partner' AS partner_id, max(ordinal) AS ordinal,
    min(ordinal) FILTER (WHERE CAST(details ->> 'rows' AS bigint) > 0) AS letter
  FROM ledger.audit_entry WHERE object_kind = 'run' AND action = 'errors reported' GROUP BY 1, 2
), checked AS (
  SELECT CAST(details ->> 'file' AS bigint) AS file_id, min(ordinal) AS ordinal
  FROM ledger.audit_entry WHERE object_kind = 'run' AND action = 'file checked' GROUP BY 1
), settled AS (
  SELECT object_id AS batch_id, max(ordinal) AS ordinal
  FROM ledger.audit_entry WHERE object_kind = 'batch' AND action = 'settled' GROUP BY 1
), gone AS (
  SELECT object_id AS file_id FROM ledger.audit_entry
  WHERE object_kind = 'file' AND action = 'content removed'
), due AS (
  SELECT f.file_id, f.partner_id, 'verdict' AS kind, f.run_id, coalesce(c.ordinal, 0) AS ordinal
  FROM ledger.file f LEFT JOIN checked c USING (file_id)
  WHERE f.direction = 'exchange_to_issuer' AND f.verdict IS NOT NULL
  UNION ALL
  SELECT f.file_id, f.partner_id, 'refusal', b.settled_in_run, coalesce(s.ordinal, 0)
  FROM ledger.file f JOIN ledger.gate_file USING (file_id) JOIN ledger.gate_batch b USING (batch_id)
  LEFT JOIN settled s USING (batch_id)
  WHERE f.state = 'refused' AND b.settled_in_run IS NOT NULL
)
INSERT INTO ledger.reported_file (file_id, kind, run_id)
SELECT d.file_id, d.kind, d.run_id FROM due d LEFT JOIN told t USING (run_id, partner_id)
WHERE d.ordinal < coalesce(t.letter, t.ordinal) OR d.file_id IN (SELECT file_id FROM gone);
"""
