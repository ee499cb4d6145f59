"""What is believed of one policy: its rows in the book at a moment, each with what told it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from enrollment.versions import TABLES
from schemas import book

Row = dict[str, Any]

_AT = """{alias}.known_from <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
  AND CASE WHEN CAST(:known_at AS timestamptz) IS NULL THEN {alias}.known_to = 'infinity'
           ELSE {alias}.known_to > CAST(:known_at AS timestamptz) END"""
_OF_POLICY = "{alias}.exchange_policy_id = :exchange_policy_id AND {alias}.partner_id = :partner_id"


_SUBSCRIBER = f"""(SELECT NOT m.is_subscriber FROM book.member m
  WHERE {_OF_POLICY.format(alias="m")} AND {_AT.format(alias="m")}
    AND m.exchange_member_id = b.exchange_member_id)"""


@dataclass(frozen=True)
class PolicyKey:
    """A policy is the exchange's number at one trading partner."""

    exchange_policy_id: str
    partner_id: str


@dataclass(frozen=True)
class Belief:
    """The rows that were believed of a policy at one moment; no policy when there was none.

    A row has the columns of its table in `schemas/book.py` but `known_to`, and of the event that
    told it `file_id`, `set_ordinal`, `byte_start` and `byte_end` (of the INS). Coverages and
    amounts stand as told and have `effective_begin` and `effective_end` too: what is in effect of
    them. Both are null where nothing is; `effective_end` also where there is no end.
    """

    policy: Row | None
    members: list[Row]
    coverages: list[Row]
    amounts: list[Row]
    addresses: list[Row]
    identifiers: list[Row]
    brokers: list[Row]

    def plan_of(self, member_id: str | None = None) -> str | None:
        """The plan of the last day in effect, of the member or of the policy as a whole.

        Of a member of whom nothing is in effect it is the policy's, and of a policy the one that
        was told last.
        """
        of_policy = [row for row in self.coverages if row["effective_begin"] is not None]
        of_member = [row for row in of_policy if row["exchange_member_id"] == member_id]
        rows = of_member or of_policy
        last = max(rows, key=lambda row: row["effective_begin"], default=self.policy)
        return None if last is None else last["plan_id"]


def believed(conn: sa.Connection, key: PolicyKey, known_at: datetime | None) -> Belief:
    """What was believed of the policy at that moment, or is believed now."""

    def rows(query: str) -> list[Row]:
        parameters = {**vars(key), "known_at": known_at}
        return [dict(row) for row in conn.execute(sa.text(query), parameters).mappings()]

    policies = rows(_query(book.policy, "b.known_from"))
    of_member = f"{_SUBSCRIBER} NULLS LAST, b.exchange_member_id"
    return Belief(
        policies[0] if policies else None,
        rows(_query(book.member, "NOT b.is_subscriber, b.exchange_member_id")),
        rows(_query(book.coverage, f"{of_member}, b.benefit_begin", _EFFECTIVE_COVERAGE)),
        rows(_query(book.amount, f"{of_member}, b.name, b.valid_from", _EFFECTIVE_AMOUNT)),
        rows(_query(book.address, f"{of_member}, b.kind, b.valid_from")),
        rows(_query(book.identifier, f"{of_member}, b.kind, b.valid_from")),
        rows(_query(book.broker, "b.valid_from")),
    )


def _effective(view: str, begin: str, end: str, also: str) -> str:
    """What is in effect of a row `b`, by the view: spans of one key never overlap."""
    return f"""
LEFT JOIN LATERAL (
  SELECT v.{begin} AS effective_begin, v.{end} AS effective_end
  FROM book.{view} v
  WHERE {_OF_POLICY.format(alias="v")} AND {_AT.format(alias="v")}
    AND v.exchange_member_id = b.exchange_member_id AND v.event_id = b.event_id{also}
    AND v.{begin} >= b.{begin} AND v.{begin} <= coalesce(b.{end}, 'infinity')
) effective ON true"""


_EFFECTIVE_COVERAGE = _effective("effective_coverage", "benefit_begin", "benefit_end", "")
_EFFECTIVE_AMOUNT = _effective("effective_amount", "valid_from", "valid_to", " AND v.name = b.name")


def _query(table: sa.Table, order: str, effective: str = "") -> str:
    columns = [f"b.{c.name}" for c in table.columns if c.name != "known_to"]
    if effective:
        columns += ["effective.effective_begin", "effective.effective_end"]
    return f"""
SELECT {", ".join(columns)}, e.file_id, e.set_ordinal, e.byte_start, e.byte_end
FROM {table.fullname} b
JOIN book.event e USING (event_id){effective}
WHERE {_OF_POLICY.format(alias="b")} AND {_AT.format(alias="b")}
ORDER BY {order}"""


# Every moment at which something of the policy was learnt, with what the policy was then.
_LEARNT = f"""
SELECT k.known_from, p.status, p.plan_id, p.benefit_begin, p.benefit_end
FROM (
  {
    " UNION ".join(
        f"SELECT b.known_from FROM {table.fullname} b WHERE {_OF_POLICY.format(alias='b')}"
        for table in TABLES
    )
}
) k
JOIN book.policy p ON {_OF_POLICY.format(alias="p")}
  AND p.known_from <= k.known_from AND p.known_to > k.known_from
WHERE k.known_from <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
ORDER BY k.known_from
"""

_DECISIONS = """
SELECT d.kind, d.rule, d.state, d.additional_maintenance_reason, d.coverage_end,
  d.responsible_amount, d.paid_amount, d.paid_on, d.paid_through, d.evidence, d.hold_id,
  d.rejected_by, d.obstacle, d.run_id, r.as_of AS decided_at, f.name AS file_name, d.set_ordinal,
  d.event_id
FROM book.decision d
JOIN ledger.run r USING (run_id)
LEFT JOIN ledger.file f ON f.file_id = d.sent_file_id
WHERE d.exchange_policy_id = :exchange_policy_id AND d.partner_id = :partner_id
  AND r.as_of <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
ORDER BY d.decision_id
"""


def learnt(conn: sa.Connection, key: PolicyKey, known_at: datetime | None) -> list[Row]:
    """The moments at which the book changed its mind about the policy, oldest first.

    Columns: `known_from`, and of the policy as believed from then on `status`, `plan_id`,
    `benefit_begin`, `benefit_end`.
    """
    return _rows(conn, _LEARNT, key, known_at)


def decisions(conn: sa.Connection, key: PolicyKey, known_at: datetime | None) -> list[Row]:
    """Our decisions about the policy that were made by then, oldest first, with their evidence.

    Columns are those of `book.decision`, with `decided_at` and `file_name` (null = not sent). What
    has become of a decision is as it is now.
    """
    return _rows(conn, _DECISIONS, key, known_at)


def _rows(conn: sa.Connection, query: str, key: PolicyKey, known_at: datetime | None) -> list[Row]:
    parameters = {**vars(key), "known_at": known_at}
    return [dict(row) for row in conn.execute(sa.text(query), parameters).mappings()]
