"""How good the work of a time was: right at the first try, found again, answered by the clock."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from reconciliation.report_breaks import REOPENED
from reconciliation.report_figures import sets_of_files
from reconciliation.reports import OF_ASKED, Asked
from schemas.partners import Exchange
from schemas.postgres_copy import copy_out
from schemas.report_tables import MEASURE_DEFINITIONS, MEASURES

_COUNTED = pa.schema([field for field in MEASURES if field.name not in ("rate", "definition")])

_FIRST_TIME_RIGHT = f"""
SELECT f.partner_id, 'first_time_right', d.insurance_line, d.plan_year, sum(d.good), sum(d.sets)
FROM ledger.file f JOIN reconciliation.set_figure d USING (file_id)
WHERE f.recorded_at >= :since AND f.recorded_at < :end AND {OF_ASKED.format("f")}
GROUP BY 1, 2, 3, 4
"""  # noqa: S608

# Since when an answer is awaited, and when it came, in both directions. The exchange's came when
# the name of its file says, not when a night of ours fetched it; one that no night has looked for
# since it was due is not late. An answer counts in the time in which it is due: what comes later
# changes no report of a time that is over.
AWAITED = f"""
clock AS (
  SELECT * FROM jsonb_to_recordset(CAST(:clocks AS jsonb))
    AS c(partner_id text, zone text, drop_times time[], drops integer)
), earliest AS (
  SELECT :since - (max(drops) + 2) * interval '1 day' AS at FROM clock
), awaited AS (
  SELECT f.partner_id, a.kind || '_to_exchange' AS measure, f.file_id,
    f.recorded_at AS since, a.delivered_at AS answered
  FROM ledger.file f
  JOIN ledger.file a ON a.answers_file_id = f.file_id AND a.kind IN ('ta1', '999')
  WHERE f.direction = 'exchange_to_issuer' AND f.recorded_at >= (SELECT at FROM earliest)
    AND f.recorded_at < :end AND {OF_ASKED.format("f")}
  UNION ALL
  SELECT f.partner_id, l.measure, f.file_id, f.delivered_at, (
    SELECT min(coalesce(came.named_at AT TIME ZONE c.zone, came.recorded_at))
    FROM ledger.answer w JOIN ledger.file came USING (file_id)
    WHERE w.sent_file_id = f.file_id AND w.level = l.level)
  FROM ledger.file f JOIN clock c USING (partner_id)
  CROSS JOIN (VALUES ('ta1_from_exchange', 'interchange'), ('999_from_exchange', 'group'))
    l (measure, level)
  WHERE f.direction = 'issuer_to_exchange' AND f.kind = 'enrollment'
    AND f.delivered_at >= (SELECT at FROM earliest) AND f.delivered_at < :end
    AND {OF_ASKED.format("f")}
), moment AS (
  SELECT m.*, due.drop_at AS due
  FROM (SELECT DISTINCT partner_id, since FROM awaited) m JOIN clock c USING (partner_id)
  CROSS JOIN LATERAL (
    SELECT drop_at FROM generate_series(0, c.drops) day
    CROSS JOIN unnest(c.drop_times) AS drop_time
    CROSS JOIN LATERAL (SELECT (CAST(m.since AT TIME ZONE c.zone AS date) + day + drop_time)
      AT TIME ZONE c.zone AS drop_at) moment
    WHERE drop_at > m.since ORDER BY drop_at LIMIT 1 OFFSET c.drops - 1
  ) due
), timed AS (
  SELECT w.*, m.due FROM awaited w JOIN moment m USING (partner_id, since)
  WHERE m.due >= :since AND m.due < least(:end, (SELECT max(as_of) FROM ledger.run))
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


# The files of the next page: as few as have as many sets.
_FILES_OF_SETS = f"""
SELECT file_id FROM (
  SELECT d.file_id, sum(sum(d.sets)) OVER (ORDER BY d.file_id) - sum(d.sets) AS before
  FROM ledger.file f JOIN reconciliation.set_figure d USING (file_id)
  WHERE f.recorded_at >= :since AND f.recorded_at < :end AND {OF_ASKED.format("f")}
    AND (:line = '' OR d.insurance_line = :line) AND (:year = '' OR d.plan_year = :year)
    AND f.file_id >= :file_id
  GROUP BY d.file_id
) counted WHERE before < :most + :place ORDER BY file_id
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
    told = asked.parameters | {"clocks": clocks.as_json} | vars(counted)
    of_sets = counted.measure == "first_time_right"
    query = sa.text(_FILES_OF_SETS if of_sets else _ROWS_OF_ANSWERS)
    found = conn.execute(query, {name: told[name] for name in query.compile().params})
    if not of_sets:
        return list(found.all())
    wanted = {name: told[name] for name in ("file_id", "place", "line", "year", "most")}
    return sets_of_files(conn, list(found.scalars()), wanted)
