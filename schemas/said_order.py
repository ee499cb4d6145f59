"""Where a transaction set was said: a correction in the place of what it corrects."""

# Each correction that a night has taken in, with the file of the exchange and the set of it that
# were corrected, and the how many-th of that set it is. A correction may be corrected again.
CORRECTED = """
  WITH RECURSIVE taken AS (
    SELECT DISTINCT ON (file_id) file_id, parent_file_id, set_ordinal
    FROM ledger.correction WHERE partner_id = :partner_id AND state = 'received'
    ORDER BY file_id, correction_id
  ), led_back AS (
    SELECT file_id, parent_file_id, set_ordinal FROM taken
    UNION ALL
    SELECT l.file_id, t.parent_file_id, t.set_ordinal
    FROM led_back l JOIN taken t ON t.file_id = l.parent_file_id
  )
  SELECT l.file_id, f.file_id AS parent_id, f.named_at, l.set_ordinal,
    row_number() OVER (PARTITION BY f.file_id, l.set_ordinal ORDER BY l.file_id) AS times
  FROM led_back l JOIN ledger.file f ON f.file_id = l.parent_file_id AND f.kind <> 'correction'
"""

# Of a set `s` that is joined with what is `corrected`. A file whose name tells no time stands
# behind those whose names do, by its arrival.
SAID = """
  CASE WHEN corrected.file_id IS NULL THEN s.named_at ELSE corrected.named_at END AS said_name,
  CASE WHEN corrected.file_id IS NULL THEN CASE WHEN s.named_at IS NULL THEN s.file_id END
    WHEN corrected.named_at IS NULL THEN corrected.parent_id END AS said_file,
  coalesce(corrected.set_ordinal, s.set_ordinal) AS said_ordinal,
  coalesce(corrected.times, 0) AS times
"""
