"""What a reconciliation makes of the breaks: found first, again, no longer, or after all.

One statement each over all breaks of a partner and source. Persons' states stay as they are while
the difference does; a waiver holds until its last day. What a look did not look at stays as it is:
the breaks of other sources, of other months and years, of policies that it does not speak of or
could not read, and of fields that it could not compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pyarrow as pa
import sqlalchemy as sa

from schemas import tables
from schemas.breaks import load_break_rules
from schemas.postgres_copy import copy_to_temporary

_SAME = """
  b.partner_id = :partner_id AND b.source = :source
  AND coalesce(b.exchange_policy_id, '') = coalesce(s.exchange_policy_id, '')
  AND coalesce(b.exchange_member_id, '') = coalesce(s.exchange_member_id, '')
  AND coalesce(b.field, '') = coalesce(s.field, '') AND b.kind = s.kind
  AND coalesce(b.period, '') = coalesce(s.period, '')
"""
_COLUMNS = (
    "kind, exchange_policy_id, exchange_member_id, field, book_value, carrier_value, "
    "premium_difference, aptc_difference, csr_difference, file_id, rule, period"
)
_OF_FOUND = ", ".join(f"s.{name}" for name in _COLUMNS.split(", "))
# Which product it is about, for reports: by the period, or as the book has the policy.
_PRODUCT = """
LEFT JOIN book.policy p ON p.exchange_policy_id = s.exchange_policy_id
  AND p.partner_id = :partner_id AND p.known_to = 'infinity'
"""
_YEAR = "coalesce(left(s.period, 4), CAST(extract(year FROM p.benefit_begin) AS text))"

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
  due_at = CASE WHEN b.state = 'resolved' OR (b.state = 'waived' AND b.waived_until < :on_day)
    THEN CAST(:due_at AS timestamptz) ELSE b.due_at END,
  waived_until = CASE WHEN b.state = 'waived' AND b.waived_until >= :on_day
    THEN b.waived_until END,
  times_reopened = b.times_reopened + CAST(b.state = 'resolved'
    OR (b.state = 'waived' AND b.waived_until < :on_day) AS integer),
  resolved_at = NULL, resolved_run_id = NULL, resolved_file_id = NULL, resolved_sha256 = NULL,
  book_value = s.book_value, carrier_value = s.carrier_value,
  premium_difference = s.premium_difference, aptc_difference = s.aptc_difference,
  csr_difference = s.csr_difference, file_id = s.file_id, rule = s.rule,
  insurance_line = coalesce(b.insurance_line, p.insurance_line),
  plan_year = coalesce(b.plan_year, {_YEAR}),
  version = b.version + CAST(b.state = 'resolved'
    OR (b.state = 'waived' AND b.waived_until < :on_day)
    OR (b.book_value, b.carrier_value, b.premium_difference, b.aptc_difference, b.csr_difference,
      b.file_id) IS DISTINCT FROM (s.book_value, s.carrier_value, s.premium_difference,
      s.aptc_difference, s.csr_difference, s.file_id) AS integer),
  last_seen = :at,
  last_run_id = CASE WHEN :is_news THEN :run_id ELSE b.last_run_id END,
  times_seen = b.times_seen + CAST(:is_news AS integer)
FROM found_difference s {_PRODUCT} WHERE {_SAME}
"""  # noqa: S608

_FOUND_FIRST = f"""
INSERT INTO reconciliation.break (partner_id, source, {_COLUMNS}, insurance_line, plan_year, state,
  due_at, first_seen, last_seen, first_run_id, last_run_id, times_seen, times_reopened, version)
SELECT :partner_id, :source, {_OF_FOUND}, p.insurance_line, {_YEAR}, 'new', :due_at, :at, :at,
  :run_id, :run_id, 1, 0, 0
FROM found_difference s {_PRODUCT}
WHERE NOT EXISTS (SELECT 1 FROM reconciliation.break b WHERE {_SAME})
ORDER BY s.period, s.exchange_policy_id, s.exchange_member_id, s.kind, s.field
"""  # noqa: S608

# The exchange's file that was looked at proves it, or one that has changed the member since, or
# else the other side.
_NOT_FOUND = f"""
UPDATE reconciliation.break b SET state = 'resolved', waived_until = NULL,
  version = b.version + 1, snoozed_until = NULL, is_escalated = false, asked_by = NULL,
  asked_until = NULL,
  resolved_at = :at,
  resolved_run_id = :run_id, resolved_sha256 = :sha256,
  resolved_file_id = coalesce(CAST(:file_id AS bigint), (
    SELECT m.file_id FROM current_member m
    WHERE m.exchange_policy_id = b.exchange_policy_id
      AND m.exchange_member_id = b.exchange_member_id AND m.file_id IS DISTINCT FROM b.file_id))
WHERE b.partner_id = :partner_id AND b.source = :source AND b.state <> 'resolved'
  AND (b.period IS NULL AND :has_all_without_period OR b.period = ANY(:periods)
    OR (coalesce(b.period, ''), coalesce(b.exchange_policy_id, ''), coalesce(b.field, '')) IN
    (SELECT coalesce(l.period, ''), coalesce(l.exchange_policy_id, ''), coalesce(l.field, '')
     FROM looked_at l))
  AND NOT coalesce(b.field = ANY(:unread_fields), false)
  AND NOT EXISTS (SELECT 1 FROM not_read n WHERE n.exchange_policy_id = b.exchange_policy_id)
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


# A waiver ends on its day also where nobody looks at its month or field again.
_EXPIRED = """
WITH ended AS (
  UPDATE reconciliation.break SET state = 'reopened', waived_until = NULL, due_at = :due_at,
    times_reopened = times_reopened + 1, last_run_id = :run_id, version = version + 1
  WHERE partner_id = :partner_id AND state = 'waived' AND waived_until < :on_day
    AND source = :source
  RETURNING break_id)
INSERT INTO reconciliation.break_event (break_id, at, run_id, action, state)
SELECT break_id, :at, :run_id, 'waiver ended', 'reopened' FROM ended ORDER BY break_id
"""

LOOKED_AT = pa.schema(
    [("period", tables.TEXT), ("exchange_policy_id", tables.TEXT), ("field", tables.TEXT)]
)
NOT_READ = pa.schema([("exchange_policy_id", tables.TEXT)])
BOOK_FILES = pa.schema(
    [
        ("exchange_policy_id", tables.TEXT),
        ("exchange_member_id", tables.TEXT),
        ("file_id", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Scope:
    """What was looked at: all of some periods, and single fields of policies (LOOKED_AT).

    A source that knows no periods looks at everything each time; of one that knows them, what has
    none is looked at as a single field (`has_all_without_period`). Within that nobody could look at
    the policies `unread` (NOT_READ) and at the fields `unread_fields`.
    """

    periods: tuple[str, ...] = ()
    fields: pa.Table = field(default_factory=LOOKED_AT.empty_table)
    unread: pa.Table = field(default_factory=NOT_READ.empty_table)
    unread_fields: tuple[str, ...] = ()
    has_all_without_period: bool = True


@dataclass(frozen=True)
class Sighting:
    """Who looked, when, on which day at the exchange, and at what.

    `is_news`: no reconciliation has compared these very snapshots before. `sha256` is of the other
    side's snapshot, `file_id` that of the exchange's file where it is one.
    """

    run_id: int
    partner_id: str
    source: str
    at: datetime
    on_day: date
    is_news: bool
    sha256: str
    scope: Scope = Scope()
    file_id: int | None = None


def meet(
    conn: sa.Connection, sighting: Sighting, found: pa.Table, members: pa.Table | None = None
) -> Mapping[str, int]:
    """How many breaks were found first, found again after they were gone, and are gone now.

    `found` is tables.DIFFERENCES or FOUND_DIFFERENCES: all that the source says of what was looked
    at. `members` has the columns BOOK_FILES of the book as it was compared, for a source whose
    differences end by what the exchange says of members.
    """
    keys = ["exchange_policy_id", "exchange_member_id"]
    members = BOOK_FILES.empty_table() if members is None else members.select(BOOK_FILES.names)
    copy_to_temporary(conn, "found_difference", _with_periods(found), keys)
    copy_to_temporary(conn, "current_member", members, keys)
    copy_to_temporary(conn, "looked_at", sighting.scope.fields)
    copy_to_temporary(conn, "not_read", sighting.scope.unread)
    hours = load_break_rules().source(sighting.source).hours
    told = vars(sighting) | {
        "due_at": sighting.at + timedelta(hours=hours),
        "periods": list(sighting.scope.periods),
        "unread_fields": list(sighting.scope.unread_fields),
        "has_all_without_period": sighting.scope.has_all_without_period,
    }
    conn.execute(sa.text("DROP TABLE IF EXISTS pg_temp.break_before"))
    for statement in (_OF_BEFORE, _FOUND_AGAIN, _FOUND_FIRST, _NOT_FOUND, _EVENTS):
        query = sa.text(statement)
        conn.execute(query, {name: told[name] for name in query.compile().params})
    counted = sa.text(_COUNTS).bindparams(
        run_id=sighting.run_id, partner_id=sighting.partner_id, source=sighting.source
    )
    return {row.action: row.breaks for row in conn.execute(counted)}


def _with_periods(found: pa.Table) -> pa.Table:
    """FOUND_DIFFERENCES, of a source that has no periods and no rules of its own, too."""
    missing = [name for name in tables.FOUND_DIFFERENCES.names if name not in found.column_names]
    for name in missing:
        found = found.append_column(name, pa.nulls(found.num_rows, tables.TEXT))
    return found.select(tables.FOUND_DIFFERENCES.names)


def end_waivers(
    conn: sa.Connection, partner_id: str, run_id: int, at: datetime, on_day: date
) -> int:
    """How many waivers have had their last day, of breaks that nobody has looked at since.

    Those that a look finds again it opens itself. Either way they are due anew.
    """
    told = {"partner_id": partner_id, "run_id": run_id, "at": at, "on_day": on_day}
    return sum(
        conn.execute(
            sa.text(_EXPIRED),
            told | {"source": source.name, "due_at": at + timedelta(hours=source.hours)},
        ).rowcount
        for source in load_break_rules().sources
    )
