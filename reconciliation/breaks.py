"""What a reconciliation makes of the breaks: found first, again, no longer, or after all.

One statement each over all breaks of a partner and source. Persons' states stay as they are while
the difference does; a waiver holds until its last day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from schemas.postgres_copy import copy_to_temporary

_SAME = """
  b.partner_id = :partner_id AND b.source = :source
  AND coalesce(b.exchange_policy_id, '') = coalesce(s.exchange_policy_id, '')
  AND coalesce(b.exchange_member_id, '') = coalesce(s.exchange_member_id, '')
  AND coalesce(b.field, '') = coalesce(s.field, '') AND b.kind = s.kind
"""
_COLUMNS = (
    "kind, exchange_policy_id, exchange_member_id, field, book_value, carrier_value, "
    "premium_difference, aptc_difference, csr_difference, file_id"
)

# A row that somebody waits for is locked here, before any is changed.
_OF_BEFORE = """
CREATE TEMP TABLE break_before ON COMMIT DROP AS
SELECT break_id, state FROM reconciliation.break
WHERE partner_id = :partner_id AND source = :source ORDER BY break_id FOR UPDATE
"""

_FOUND_AGAIN = f"""
UPDATE reconciliation.break b SET
  state = CASE WHEN b.state = 'resolved' THEN 'reopened'
    WHEN b.state = 'waived' AND b.waived_until < :on_day THEN 'reopened'
    ELSE b.state END,
  waived_until = CASE WHEN b.state = 'waived' AND b.waived_until >= :on_day
    THEN b.waived_until END,
  times_reopened = b.times_reopened + CAST(b.state = 'resolved'
    OR (b.state = 'waived' AND b.waived_until < :on_day) AS integer),
  resolved_at = NULL, resolved_run_id = NULL, resolved_file_id = NULL, resolved_sha256 = NULL,
  book_value = s.book_value, carrier_value = s.carrier_value,
  premium_difference = s.premium_difference, aptc_difference = s.aptc_difference,
  csr_difference = s.csr_difference, file_id = s.file_id, last_seen = :at,
  last_run_id = CASE WHEN :is_news THEN :run_id ELSE b.last_run_id END,
  times_seen = b.times_seen + CAST(:is_news AS integer)
FROM found_difference s WHERE {_SAME}
"""  # noqa: S608

_FOUND_FIRST = f"""
INSERT INTO reconciliation.break (partner_id, source, {_COLUMNS}, state, first_seen, last_seen,
  first_run_id, last_run_id, times_seen, times_reopened, version)
SELECT :partner_id, :source, {_COLUMNS}, 'new', :at, :at, :run_id, :run_id, 1, 0, 0
FROM found_difference s
WHERE NOT EXISTS (SELECT 1 FROM reconciliation.break b WHERE {_SAME})
ORDER BY exchange_policy_id, exchange_member_id, kind, field
"""  # noqa: S608

# A file of the exchange that has changed the member since proves it, or else the other side.
_NOT_FOUND = f"""
UPDATE reconciliation.break b SET state = 'resolved', waived_until = NULL, resolved_at = :at,
  resolved_run_id = :run_id, resolved_sha256 = :sha256,
  resolved_file_id = (
    SELECT m.file_id FROM current_member m
    WHERE m.exchange_policy_id = b.exchange_policy_id
      AND m.exchange_member_id = b.exchange_member_id AND m.file_id IS DISTINCT FROM b.file_id)
WHERE b.partner_id = :partner_id AND b.source = :source AND b.state <> 'resolved'
  AND NOT EXISTS (SELECT 1 FROM found_difference s WHERE {_SAME})
"""  # noqa: S608

_EVENTS = """
INSERT INTO reconciliation.break_event (break_id, at, run_id, action, state)
SELECT b.break_id, :at, :run_id,
  CASE b.state WHEN 'new' THEN 'found' WHEN 'resolved' THEN 'gone' ELSE 'found again' END, b.state
FROM reconciliation.break b LEFT JOIN break_before o USING (break_id)
WHERE b.partner_id = :partner_id AND b.source = :source AND o.state IS DISTINCT FROM b.state
ORDER BY b.break_id
"""

_COUNTS = """
SELECT e.action, count(*) AS breaks FROM reconciliation.break_event e
JOIN reconciliation.break b USING (break_id)
WHERE e.run_id = :run_id AND b.partner_id = :partner_id AND b.source = :source
GROUP BY e.action
"""


@dataclass(frozen=True)
class Sighting:
    """Who looked, when, and at what.

    `is_news`: no reconciliation has compared these very snapshots before. `sha256` is of the other
    side's snapshot.
    """

    run_id: int
    partner_id: str
    source: str
    at: datetime
    is_news: bool
    sha256: str


def meet(
    conn: sa.Connection, sighting: Sighting, found: pa.Table, members: pa.Table
) -> Mapping[str, int]:
    """How many breaks were found first, found again after they were gone, and are gone now.

    `found` is tables.DIFFERENCES, all that this source says of the partner; `members` has
    `exchange_policy_id`, `exchange_member_id` and `file_id` of the book as it was compared.
    """
    keys = ["exchange_policy_id", "exchange_member_id"]
    copy_to_temporary(conn, "found_difference", found, keys)
    copy_to_temporary(conn, "current_member", members.select([*keys, "file_id"]), keys)
    told = vars(sighting) | {"on_day": sighting.at.date()}
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.break_before"))
    for statement in (_OF_BEFORE, _FOUND_AGAIN, _FOUND_FIRST, _NOT_FOUND, _EVENTS):
        query = sa.text(statement)
        conn.execute(query, {name: told[name] for name in query.compile().params})
    counted = sa.text(_COUNTS).bindparams(
        run_id=sighting.run_id, partner_id=sighting.partner_id, source=sighting.source
    )
    return {row.action: row.breaks for row in conn.execute(counted)}
