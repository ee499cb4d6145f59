"""How good the work of a time was: right at the first try, found again, answered by the clock."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from reconciliation.report_breaks import REOPENED
from reconciliation.reports import OF_ASKED, Asked
from schemas.partners import Exchange
from schemas.postgres_copy import copy_out
from schemas.report_tables import MEASURE_DEFINITIONS, MEASURES

_COUNTED = pa.schema([field for field in MEASURES if field.name not in ("rate", "definition")])

# One row a transaction set. Line and year are the policy's by then; what never became an event, as
# it was rejected, has none.
SETS = f"""
sets AS (
  SELECT f.partner_id, f.file_id, t.set_ordinal, f.name, t.byte_start, t.byte_end,
    coalesce(s.insurance_line, p.insurance_line, 'not told') AS insurance_line,
    coalesce(CAST(extract(year FROM coalesce(p.benefit_begin, s.benefit_begin)) AS text),
      'not told') AS plan_year,
    s.exchange_policy_id, coalesce(s.state, 'not in the book') AS state,
    coalesce(s.state = 'applied' AND s.run_id = f.run_id AND i.file_id IS NULL, false) AS good
  FROM ledger.file f JOIN ledger.transaction_set t ON t.file_id = f.file_id
  LEFT JOIN book.event_set s ON s.file_id = t.file_id AND s.set_ordinal = t.set_ordinal
  LEFT JOIN book.policy p ON p.exchange_policy_id = s.exchange_policy_id
    AND p.partner_id = s.partner_id AND p.known_from < :end AND p.known_to >= :end
  LEFT JOIN (
    SELECT DISTINCT i.file_id, i.set_ordinal FROM ledger.issue i JOIN ledger.file g USING (file_id)
    WHERE i.severity IN ('reject', 'error') AND g.recorded_at >= :since AND g.recorded_at < :end
  ) i ON i.file_id = t.file_id AND i.set_ordinal = t.set_ordinal
  WHERE f.direction = 'exchange_to_issuer' AND f.kind = 'enrollment' AND f.state <> 'duplicate'
    AND f.recorded_at >= :since AND f.recorded_at < :end AND s.state IS DISTINCT FROM 'duplicate'
    AND {OF_ASKED.format("f")}
)
"""  # noqa: S608

_FIRST_TIME_RIGHT = f"""
WITH {SETS}
SELECT partner_id, 'first_time_right', insurance_line, plan_year, count(*) FILTER (WHERE good),
  count(*)
FROM sets GROUP BY 1, 2, 3, 4
"""  # noqa: S608

# Since when an answer is awaited, and when it came, in both directions. The exchange's came when
# the name of its file says, not when a night of ours fetched it; one that no night has looked for
# since it was due is not late.
AWAITED = f"""
clock AS (
  SELECT * FROM jsonb_to_recordset(CAST(:clocks AS jsonb))
    AS c(partner_id text, zone text, drop_times time[], drops integer)
), awaited AS (
  SELECT f.partner_id, a.kind || '_to_exchange' AS measure, f.file_id,
    f.recorded_at AS since, a.delivered_at AS answered
  FROM ledger.file f
  JOIN ledger.file a ON a.answers_file_id = f.file_id AND a.kind IN ('ta1', '999')
  WHERE f.direction = 'exchange_to_issuer' AND f.recorded_at >= :since AND f.recorded_at < :end
    AND {OF_ASKED.format("f")}
  UNION ALL
  SELECT f.partner_id, l.measure, f.file_id, f.delivered_at, (
    SELECT min(coalesce(came.named_at AT TIME ZONE c.zone, came.recorded_at))
    FROM ledger.answer w JOIN ledger.file came USING (file_id)
    WHERE w.sent_file_id = f.file_id AND w.level = l.level)
  FROM ledger.file f JOIN clock c USING (partner_id)
  CROSS JOIN (VALUES ('ta1_from_exchange', 'interchange'), ('999_from_exchange', 'group'))
    l (measure, level)
  WHERE f.direction = 'issuer_to_exchange' AND f.kind = 'enrollment'
    AND f.delivered_at >= :since AND f.delivered_at < :end AND {OF_ASKED.format("f")}
), timed AS (
  SELECT w.*, due.drop_at AS due FROM awaited w JOIN clock c USING (partner_id)
  CROSS JOIN LATERAL (
    SELECT drop_at FROM generate_series(0, c.drops) day
    CROSS JOIN unnest(c.drop_times) AS drop_time
    CROSS JOIN LATERAL (SELECT (CAST(w.since AT TIME ZONE c.zone AS date) + day + drop_time)
      AT TIME ZONE c.zone AS drop_at) moment
    WHERE drop_at > w.since ORDER BY drop_at LIMIT 1 OFFSET c.drops - 1
  ) due
  WHERE w.answered IS NOT NULL
    OR drop_at < least(:end, (SELECT max(as_of) FROM ledger.run))
)
"""  # noqa: S608

_TIMELINESS = f"""
WITH {AWAITED}
SELECT partner_id, measure, CAST(NULL AS text), CAST(NULL AS text),
  count(*) FILTER (WHERE answered <= due), count(*)
FROM timed
GROUP BY 1, 2
"""  # noqa: S608

_STATEMENTS = (_FIRST_TIME_RIGHT, REOPENED, _TIMELINESS)


@dataclass(frozen=True)
class Clocks:
    """By when a partner's exchange answers, and by when we do: the drops of its guide."""

    by_partner: Mapping[str, Exchange]

    @property
    def as_json(self) -> str:
        """A record for each partner, as `AWAITED` reads them."""
        return json.dumps(
            [
                {
                    "partner_id": partner_id,
                    "zone": exchange.time_zone,
                    "drop_times": list(exchange.schedule.drop_times),
                    "drops": exchange.schedule.answers_due_drops,
                }
                for partner_id, exchange in sorted(self.by_partner.items())
            ]
        )


def measures_of(conn: sa.Connection, asked: Asked, clocks: Clocks) -> pa.Table:
    """What was good of all, by partner, measure, line and plan year (MEASURES).

    Answers to files have no line and no year. A partner without a clock has no timeliness.
    """
    told = asked.parameters | {"clocks": clocks.as_json}
    counted = pa.concat_tables(_counted(conn, one, told) for one in _STATEMENTS)
    keys = [(name, "ascending") for name in _COUNTED.names[:4]]
    rows = counted.sort_by(keys).to_pylist()
    rows = [
        row | {"rate": row["good"] / row["of"], "definition": MEASURE_DEFINITIONS[row["measure"]]}
        for row in rows
    ]
    return pa.Table.from_pylist(rows, schema=MEASURES)


def _counted(conn: sa.Connection, statement: str, told: Mapping[str, object]) -> pa.Table:
    query = sa.text(statement)
    wanted: Iterable[str] = query.compile().params
    return copy_out(conn, query.bindparams(**{name: told[name] for name in wanted}), _COUNTED)


_ROWS_OF_SETS = f"""
WITH {SETS}
SELECT partner_id, file_id, set_ordinal AS place, name, byte_start, byte_end, exchange_policy_id,
  state, good, CAST(NULL AS timestamptz) AS since, CAST(NULL AS timestamptz) AS due,
  CAST(NULL AS timestamptz) AS answered
FROM sets WHERE (file_id, set_ordinal) > (:file_id, :place)
  AND (:line = '' OR insurance_line = :line) AND (:year = '' OR plan_year = :year)
ORDER BY file_id, set_ordinal LIMIT :most
"""  # noqa: S608

_ROWS_OF_ANSWERS = f"""
WITH {AWAITED}
SELECT t.partner_id, t.file_id, 0 AS place, f.name, CAST(NULL AS bigint) AS byte_start,
  CAST(NULL AS bigint) AS byte_end, CAST(NULL AS text) AS exchange_policy_id, f.state,
  coalesce(t.answered <= t.due, false) AS good, t.since, t.due, t.answered
FROM timed t JOIN ledger.file f USING (file_id)
WHERE t.measure = :measure AND t.file_id > :file_id ORDER BY t.file_id LIMIT :most
"""  # noqa: S608


@dataclass(frozen=True)
class Counted:
    """Which rows behind a rate: its measure, line and plan year, behind a file and set."""

    measure: str
    line: str = ""
    year: str = ""
    file_id: int = 0
    place: int = 0
    most: int = 50


def rows_behind(
    conn: sa.Connection, asked: Asked, clocks: Clocks, counted: Counted
) -> list[sa.Row[tuple[object, ...]]]:
    """What a rate counts, good or not, by file and set; of `reopened` see `lived_breaks`."""
    of_sets = counted.measure == "first_time_right"
    query = sa.text(_ROWS_OF_SETS if of_sets else _ROWS_OF_ANSWERS)
    told = asked.parameters | {"clocks": clocks.as_json} | vars(counted)
    return list(conn.execute(query, {n: told[n] for n in query.compile().params}).all())
