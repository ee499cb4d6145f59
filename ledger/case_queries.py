"""Questions about cases: lists, causes, one case with all that is known of it.

Lists are paged by key, never by offset. No value of a file is in them: ids, places and dollars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from schemas.cases import case_, case_event
from schemas.work import load_work_rules


@dataclass(frozen=True)
class WantedCases:
    """Which cases are asked for; None and () ask for all. `after` is the last id seen."""

    states: Sequence[str] = ()
    partner_id: str | None = None
    kind: str | None = None
    rule: str | None = None
    file_id: int | None = None
    owner: str | None = None
    policy: str | None = None
    awake_on: date | None = None  # leaves out what is snoozed through this day
    after: int = 0
    limit: int = 50


def list_cases(conn: sa.Connection, wanted: WantedCases) -> list[dict[str, Any]]:
    """The cases as rows of the table, in the order of their ids."""
    query = (
        sa.select(case_)
        .where(*_conditions(wanted), case_.c.case_id > wanted.after)
        .order_by(case_.c.case_id)
        .limit(wanted.limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _conditions(wanted: WantedCases) -> list[sa.ColumnElement[bool]]:
    equal = {
        "partner_id": wanted.partner_id,
        "kind": wanted.kind,
        "rule": wanted.rule,
        "file_id": wanted.file_id,
        "owner": wanted.owner,
        "exchange_policy_id": wanted.policy,
    }
    found = [case_.c[name] == value for name, value in equal.items() if value is not None]
    if wanted.awake_on is not None:
        found.append(sa.func.coalesce(case_.c.snoozed_until < wanted.awake_on, sa.true()))
    return [*found, case_.c.state.in_(wanted.states)] if wanted.states else found


_CAUSES = """
SELECT partner_id, kind, rule, segment_id, element, severity, count(*) AS cases,
  count(DISTINCT exchange_policy_id) AS policies, min(first_seen) AS first_seen,
  min(due_at) AS due_at, min(case_id) AS example, coalesce(sum(premium), 0) AS premium,
  coalesce(sum(aptc), 0) AS aptc
FROM ledger.case
WHERE state = ANY(:states) AND (CAST(:partner_id AS text) IS NULL OR partner_id = :partner_id)
GROUP BY partner_id, kind, rule, segment_id, element, severity
ORDER BY cases DESC, partner_id, kind, rule, segment_id, element
"""


def case_causes(conn: sa.Connection, partner_id: str | None = None) -> list[dict[str, Any]]:
    """Open cases by cause: the same partner, kind, rule and element. Dollars are a month's."""
    asked = {"states": list(load_work_rules().open), "partner_id": partner_id}
    return [dict(row) for row in conn.execute(sa.text(_CAUSES), asked).mappings()]


@dataclass(frozen=True)
class Case:
    """One case with its issue, what happened to it (oldest first), and what stands in its way."""

    row: dict[str, Any]
    events: list[dict[str, Any]]
    issue: dict[str, Any] | None  # of ledger.issue; None: the book says so
    file: dict[str, Any]  # of ledger.file, that brought it last
    proof: str | None  # the name of the file that proved it gone
    blocked_by: list[int]  # open cases of the same policy that came before it

    @property
    def age_days(self) -> int:
        """Whole days from when it was first seen to when it was last, by the clock of the runs."""
        return int((self.row["last_seen"] - self.row["first_seen"]).days)


_FILE = sa.text("SELECT * FROM ledger.file WHERE file_id = :file_id")
_ISSUE = sa.text("SELECT * FROM ledger.issue WHERE file_id = :file_id AND issue_ordinal = :ordinal")
# What an earlier rejected set would have told is what a later one waits for.
_BLOCKED_BY = sa.text("""
SELECT b.case_id FROM ledger.case b
WHERE b.exchange_policy_id = :exchange_policy_id AND b.partner_id = :partner_id
  AND b.state = ANY(:states) AND b.case_id <> :case_id AND b.kind = 'rejected'
  AND (b.file_id, coalesce(b.set_ordinal, 0)) < (:file_id, coalesce(:set_ordinal, 0))
ORDER BY b.case_id
""")


def read_case(conn: sa.Connection, case_id: int) -> Case | None:
    """The case of that id; None when there is none."""
    row = conn.execute(sa.select(case_).where(case_.c.case_id == case_id)).mappings().first()
    if row is None:
        return None
    events = sa.select(case_event).where(case_event.c.case_id == case_id)
    happened = conn.execute(events.order_by(case_event.c.case_event_id)).mappings()
    place = {"file_id": row["file_id"], "ordinal": row["issue_ordinal"]}
    issue = conn.execute(_ISSUE, place).mappings().first()
    proof = conn.execute(_FILE, {"file_id": row["resolved_file_id"]}).mappings().first()
    asked = {**row, "states": list(load_work_rules().open)}
    known = {name: asked[name] for name in _BLOCKED_BY.compile().params}
    return Case(
        dict(row),
        [dict(event) for event in happened],
        dict(issue) if issue else None,
        dict(conn.execute(_FILE, {"file_id": row["file_id"]}).mappings().one()),
        proof["name"] if proof else None,
        list(conn.execute(_BLOCKED_BY, known).scalars()),
    )
