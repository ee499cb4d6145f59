"""Questions about breaks: lists, causes, one break with all that happened to it.

Lists are paged by key, never by offset. Values of members are in them only where they are asked
for; who shows them has them masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.breaks import break_, break_event
from schemas.work import load_work_rules


@dataclass(frozen=True)
class Wanted:
    """Which breaks are asked for; None and () ask for all. `after` is the last id seen."""

    states: Sequence[str] = ()
    partner_id: str | None = None
    source: str | None = None
    kind: str | None = None
    field: str | None = None
    file_id: int | None = None
    owner: str | None = None
    policy: str | None = None
    after: int = 0
    limit: int = 50


def open_states() -> tuple[str, ...]:
    """The states in which somebody has to do something."""
    return load_work_rules().open


def list_breaks(conn: sa.Connection, wanted: Wanted) -> list[dict[str, Any]]:
    """The breaks as rows of the table without both sides' values, in the order of their ids."""
    shown = [c for c in break_.c if c.name not in ("book_value", "carrier_value")]
    query = (
        sa.select(*shown)
        .where(*_conditions(wanted), break_.c.break_id > wanted.after)
        .order_by(break_.c.break_id)
        .limit(wanted.limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    equal = {
        "partner_id": wanted.partner_id,
        "source": wanted.source,
        "kind": wanted.kind,
        "field": wanted.field,
        "file_id": wanted.file_id,
        "owner": wanted.owner,
        "exchange_policy_id": wanted.policy,
    }
    found = [break_.c[name] == value for name, value in equal.items() if value is not None]
    return [*found, break_.c.state.in_(wanted.states)] if wanted.states else found


_CAUSES = """
SELECT partner_id, source, period, kind, field, rule, file_id, count(*) AS breaks,
  count(DISTINCT exchange_policy_id) AS policies, min(first_seen) AS first_seen,
  max(last_seen) AS last_seen, min(break_id) AS example,
  coalesce(sum(premium_difference), 0) AS premium, coalesce(sum(aptc_difference), 0) AS aptc,
  coalesce(sum(csr_difference), 0) AS csr,
  coalesce(sum(abs(premium_difference)), 0) + coalesce(sum(abs(aptc_difference)), 0)
    + coalesce(sum(abs(csr_difference)), 0) AS gross
FROM reconciliation.break
WHERE state = ANY(:states) AND (CAST(:partner_id AS text) IS NULL OR partner_id = :partner_id)
GROUP BY partner_id, source, period, kind, field, rule, file_id
ORDER BY breaks DESC, partner_id, source, period, kind, field, rule, file_id
"""


def causes(conn: sa.Connection, partner_id: str | None = None) -> list[dict[str, Any]]:
    """Open breaks by cause: the same comparison, period, kind, field, rule and file.

    Dollars are a month's, net by premium, APTC and CSR, and `gross` without regard to the sign.
    """
    asked = {"states": list(open_states()), "partner_id": partner_id}
    return [dict(row) for row in conn.execute(sa.text(_CAUSES), asked).mappings()]


@dataclass(frozen=True)
class Break:
    """One break with both sides' values, and what happened to it, oldest first."""

    row: dict[str, Any]
    events: list[dict[str, Any]]
    file_name: str | None  # of the exchange, behind the book's value
    byte_start: int | None  # of the member in that file; byte_end is not included
    byte_end: int | None

    @property
    def age_days(self) -> int:
        """Whole days from when it was first seen to when it was last, by the clock of the runs."""
        return int((self.row["last_seen"] - self.row["first_seen"]).days)


_PLACE = """
SELECT f.name, e.byte_start, e.byte_end
FROM ledger.file f
LEFT JOIN book.event e ON e.file_id = f.file_id AND e.exchange_member_id = :member
  AND (e.file_id, e.set_ordinal) IN (
    SELECT s.file_id, s.set_ordinal FROM book.event_set s
    WHERE s.file_id = :file_id AND s.exchange_policy_id = :policy)
WHERE f.file_id = :file_id
ORDER BY e.set_ordinal DESC, e.member_ordinal DESC LIMIT 1
"""


def read_break(conn: sa.Connection, break_id: int) -> Break | None:
    """The break of that id; None when there is none."""
    row = conn.execute(sa.select(break_).where(break_.c.break_id == break_id)).mappings().first()
    if row is None:
        return None
    events = sa.select(break_event).where(break_event.c.break_id == break_id)
    happened = conn.execute(events.order_by(break_event.c.break_event_id)).mappings()
    asked = {
        "file_id": row["file_id"],
        "member": row["exchange_member_id"],
        "policy": row["exchange_policy_id"],
    }
    place = conn.execute(sa.text(_PLACE), asked).first() or (None, None, None)
    return Break(dict(row), [dict(event) for event in happened], *place)
