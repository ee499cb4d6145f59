"""Random samples that anybody can draw again: the same seed, number and filters, the same rows.

Each row has a place that follows from the seed and its own key alone, so neither the order in which
rows lie nor what is drawn beside it matters. What a population is does not change with time:
members as the book knew them at the end of the last day, breaks by when they were first seen,
transactions by when their file came.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from reconciliation.reports import OF_ASKED, Asked
from schemas.errors import Terminal
from schemas.postgres_copy import copy_out
from schemas.tables import COUNT, TEXT

# Where each drawn row came from, to the bytes.
SAMPLE = pa.schema(
    [
        ("place", COUNT),  # in the sample
        ("key", TEXT),  # policy/member, break, or file:set
        ("partner_id", TEXT),
        ("exchange_policy_id", TEXT),
        ("exchange_member_id", TEXT),
        ("insurance_line", TEXT),
        ("state", TEXT),
        ("file_id", COUNT),
        ("file", TEXT),
        ("sha256", TEXT),
        ("byte_start", COUNT),
        ("byte_end", COUNT),
    ]
)

# key, partner, policy, member, line, state, and the event or set that it comes from
_MEMBERS = f"""
SELECT m.exchange_policy_id || '/' || m.exchange_member_id AS key, m.partner_id,
  m.exchange_policy_id, m.exchange_member_id, p.insurance_line, p.status AS state, m.event_id,
  CAST(NULL AS bigint) AS file_id, CAST(NULL AS bigint) AS set_ordinal
FROM book.member m JOIN book.policy p ON p.exchange_policy_id = m.exchange_policy_id
  AND p.partner_id = m.partner_id AND p.known_from < :end AND p.known_to >= :end
WHERE m.known_from < :end AND m.known_to >= :end AND {OF_ASKED.format("m")}
"""  # noqa: S608

_BREAKS = f"""
SELECT CAST(b.break_id AS text) AS key, b.partner_id, b.exchange_policy_id, b.exchange_member_id,
  p.insurance_line, b.state, CAST(NULL AS bigint) AS event_id, b.file_id,
  CAST(NULL AS bigint) AS set_ordinal
FROM reconciliation.break b LEFT JOIN book.policy p ON p.exchange_policy_id = b.exchange_policy_id
  AND p.partner_id = b.partner_id AND p.known_from < :end AND p.known_to >= :end
WHERE b.first_seen >= :since AND b.first_seen < :end AND {OF_ASKED.format("b")}
"""  # noqa: S608

_TRANSACTIONS = f"""
SELECT t.file_id || ':' || t.set_ordinal AS key, f.partner_id, s.exchange_policy_id,
  CAST(NULL AS text) AS exchange_member_id, s.insurance_line,
  coalesce(s.state, 'not in the book') AS state, CAST(NULL AS bigint) AS event_id, t.file_id,
  t.set_ordinal
FROM ledger.file f JOIN ledger.transaction_set t USING (file_id)
LEFT JOIN book.event_set s ON s.file_id = t.file_id AND s.set_ordinal = t.set_ordinal
WHERE f.direction = 'exchange_to_issuer' AND f.kind = 'enrollment'
  AND f.recorded_at >= :since AND f.recorded_at < :end AND {OF_ASKED.format("f")}
"""  # noqa: S608

POPULATIONS = {"members": _MEMBERS, "breaks": _BREAKS, "transactions": _TRANSACTIONS}

_DRAWN = """
WITH population AS ({population}), drawn AS (
  SELECT *, sha256(convert_to(:seed || chr(10) || key, 'UTF8')) AS lot FROM population
  WHERE CAST(:line AS text) IS NULL OR insurance_line = :line
  ORDER BY lot, partner_id, key LIMIT :n
)
SELECT row_number() OVER (ORDER BY d.lot, d.partner_id, d.key), d.key, d.partner_id,
  d.exchange_policy_id, d.exchange_member_id, d.insurance_line, d.state, f.file_id, f.name,
  f.sha256, coalesce(t.byte_start, e.byte_start, told.byte_start),
  coalesce(t.byte_end, e.byte_end, told.byte_end)
FROM drawn d
LEFT JOIN book.event e ON e.event_id = d.event_id
LEFT JOIN ledger.file f ON f.file_id = coalesce(d.file_id, e.file_id)
LEFT JOIN ledger.transaction_set t ON t.file_id = d.file_id AND t.set_ordinal = d.set_ordinal
LEFT JOIN LATERAL (
  SELECT o.byte_start, o.byte_end
  FROM book.event o JOIN book.event_set s USING (file_id, set_ordinal)
  WHERE d.set_ordinal IS NULL AND o.file_id = d.file_id
    AND s.exchange_policy_id = d.exchange_policy_id
    AND o.exchange_member_id = d.exchange_member_id
  ORDER BY o.set_ordinal DESC, o.member_ordinal DESC LIMIT 1
) told ON true
ORDER BY 1
"""

_SIZE = """
SELECT count(*) FROM ({population}) p WHERE CAST(:line AS text) IS NULL OR insurance_line = :line
"""


@dataclass(frozen=True)
class Draw:
    """What is drawn: how many rows of which population, by which seed."""

    population: str  # of POPULATIONS
    asked: Asked
    seed: str
    n: int
    line: str | None = None

    @property
    def filters(self) -> dict[str, object]:
        """All that is needed to draw the same rows again."""
        return {
            "from": str(self.asked.since),
            "to": str(self.asked.until),
            "partners": list(self.asked.partner_ids) or ["all"],
            "line": self.line or "all",
            "seed": self.seed,
            "n": self.n,
        }


@dataclass(frozen=True)
class Sample:
    """The rows (SAMPLE), and of how many they were drawn."""

    rows: pa.Table
    population: int


def draw_sample(conn: sa.Connection, draw: Draw) -> Sample:
    """The sample. Raises Terminal when there is no such population."""
    if draw.population not in POPULATIONS:
        raise Terminal(
            f"There are no samples of '{draw.population}'. There are: {', '.join(POPULATIONS)}."
        )
    told: dict[str, Any] = {**draw.asked.parameters, "line": draw.line}
    wanted = {"population": POPULATIONS[draw.population]}
    of = sa.text(_SIZE.format(**wanted))
    drawn = sa.text(_DRAWN.format(**wanted))
    size = conn.execute(of, {name: told[name] for name in of.compile().params}).scalar_one()
    told |= {"seed": draw.seed, "n": draw.n}
    rows = drawn.bindparams(**{name: told[name] for name in drawn.compile().params})
    return Sample(copy_out(conn, rows, SAMPLE), int(size))
