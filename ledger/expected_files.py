"""Which files were expected of the exchange, and whether they have come."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa

from schemas.partners import Exchange, Partner

# A file belongs to the last drop before the moment in its name, or before its arrival where the
# name has none. Copies of files that came before are nobody's drop. What no night has waited for
# is not missed: it begins a day before the first run.
_EXPECTED = """
WITH expected AS (
  SELECT row_number() OVER () AS number, e.* FROM jsonb_to_recordset(CAST(:expected AS jsonb))
    AS e(partner_id text, kind text, zone text, days int[], drop_time time, due_by time,
      first_day date, last_day date)
), since AS (
  SELECT min(as_of) - interval '1 day' AS at FROM ledger.run
), day AS (
  SELECT e.*, CAST(day AS date) AS day,
    CAST(lead(day, 1, CAST(:clock AT TIME ZONE e.zone AS date) + interval '1 day')
      OVER (PARTITION BY number ORDER BY day) AS date) AS next_day
  FROM expected e, since, generate_series(
    greatest(e.first_day, CAST(since.at AT TIME ZONE e.zone AS date)),
    least(e.last_day, CAST(:clock AT TIME ZONE e.zone AS date)), interval '1 day') AS day
  WHERE extract(isodow FROM day) = ANY(e.days)
), occurrence AS (
  SELECT d.*, (d.day + d.drop_time) AT TIME ZONE d.zone AS dropped_at,
    (d.day + d.due_by + CASE WHEN d.due_by < d.drop_time THEN interval '1 day'
      ELSE interval '0' END) AT TIME ZONE d.zone AS due_at
  FROM day d
), dropped AS (
  SELECT e.number, f.recorded_at, f.file_id, CAST(coalesce(
    f.named_at, f.recorded_at AT TIME ZONE e.zone) - e.drop_time AS date) AS drop_day
  FROM expected e JOIN ledger.file f ON f.partner_id = e.partner_id AND f.kind = e.kind
  WHERE f.direction = 'exchange_to_issuer' AND f.duplicate_of IS NULL
), arrived AS (
  SELECT number, drop_day, min(recorded_at) AS arrived_at, min(file_id) AS file_id
  FROM dropped GROUP BY number, drop_day
), met AS (
  SELECT o.number, o.day, min(a.arrived_at) AS arrived_at, min(a.file_id) AS file_id
  FROM occurrence o JOIN arrived a
    ON a.number = o.number AND a.drop_day >= o.day AND a.drop_day < o.next_day
  GROUP BY o.number, o.day
)
SELECT o.partner_id, o.kind, o.zone, o.dropped_at, o.due_at, m.arrived_at, m.file_id,
  CASE WHEN m.arrived_at <= o.due_at THEN 'arrived' WHEN m.arrived_at IS NOT NULL THEN 'late'
    WHEN o.due_at <= :clock THEN 'missing' ELSE 'expected' END AS state,
  w.person AS explained_by, w.said_at AS explained_at, w.reason
FROM occurrence o CROSS JOIN since LEFT JOIN met m USING (number, day)
LEFT JOIN LATERAL (
  SELECT w.person, w.said_at, w.reason FROM ledger.operator_word w
  WHERE w.partner_id = o.partner_id AND w.word = 'absence explained' AND w.file_kind = o.kind
    AND w.due_at = o.due_at ORDER BY w.operator_word_id DESC LIMIT 1) w ON true
WHERE o.dropped_at <= :clock AND o.dropped_at >= since.at
ORDER BY o.dropped_at, o.partner_id, o.kind
"""


@dataclass(frozen=True)
class ExpectedFile:
    """One file that was expected. Late: it came after it was due, for its own drop.

    `file_id` is the first file of the drop; `explained_by` has said why there is none.
    """

    partner_id: str
    kind: str
    zone: str  # the exchange's, in which its drops are set
    dropped_at: datetime
    due_at: datetime
    arrived_at: datetime | None
    file_id: int | None
    state: Literal["expected", "arrived", "late", "missing"]
    explained_by: str | None
    explained_at: datetime | None
    reason: str | None

    @property
    def is_alarm(self) -> bool:
        """Whether it is missing, and nobody has said why."""
        return self.state == "missing" and self.explained_by is None


def clock_of(conn: sa.Connection, now: datetime) -> datetime:
    """What time it is: the hour, or the clock of the newest run where that is ahead of it."""
    newest = conn.execute(sa.text("SELECT max(as_of) FROM ledger.run")).scalar()
    return max(now.astimezone(UTC), newest) if newest else now.astimezone(UTC)


def expected_files(
    conn: sa.Connection,
    partners: Iterable[Partner],
    exchanges: Mapping[str, Exchange],
    clock: datetime,
) -> list[ExpectedFile]:
    """All files that were expected up to that clock, since the first night, in the order of drops.

    `exchanges` are the partners' by id: drops and deadlines are in their time zones.
    """
    asked = [
        {
            "partner_id": partner.id,
            "kind": row.kind,
            "zone": exchanges[partner.exchange].time_zone,
            "days": row.weekdays,
            "drop_time": row.drop,
            "due_by": row.due_by,
            "first_day": row.effective_from.isoformat(),
            "last_day": row.effective_to.isoformat() if row.effective_to else None,
        }
        for partner in partners
        for row in partner.expected_files
    ]
    found = conn.execute(sa.text(_EXPECTED), {"expected": json.dumps(asked), "clock": clock})
    return [ExpectedFile(**row) for row in found.mappings()]
