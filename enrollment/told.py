"""What was told of one policy: every transaction set of it, and what became of each."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from enrollment.believed import PolicyKey
from enrollment.versions import TABLES
from schemas.book import SAID_BY_ISSUER
from schemas.columns import MAILING, NAME, RESIDENCE, SINGLE
from schemas.said_order import CORRECTED, SAID

Row = dict[str, Any]

# Since when a row of the book has come from the set: what a state that was decided later hides.
_BELIEVED = " UNION ALL ".join(
    f"""SELECT b.known_from FROM {table.fullname} b JOIN book.event e USING (event_id)
   WHERE b.exchange_policy_id = s.exchange_policy_id AND b.partner_id = s.partner_id
     AND e.file_id = s.file_id AND e.set_ordinal = s.set_ordinal"""
    for table in TABLES
)

# In the order of the fold, where copies of a set stand together. Audits stand among the others by
# their clock, although they are not folded with them.
_SETS = f"""
SELECT s.file_id, s.set_ordinal, s.transaction, s.circumstance, s.state, s.reason, s.submitted_at,
  s.moment, s.content_hash, s.benefit_begin, s.benefit_end, s.maintenance_effective, s.plan_id,
  s.run_id, decided.as_of AS decided_at, f.name AS file_name, f.storage_key, f.function_code,
  f.run_id AS received_in_run, received.as_of AS received_at, h.control_number, h.broker_id,
  h.broker_name, g.batch_id, g.state AS batch_state,
  (SELECT min(known_from) FROM ({_BELIEVED}) known) AS believed_from,
  (SELECT array_agg(again.name ORDER BY again.file_id) FROM ledger.file again
   WHERE again.duplicate_of = s.file_id) AS file_again,
  (SELECT array_agg(DISTINCT d.reason) FROM ledger.disposition d
   WHERE d.file_id = s.file_id AND d.set_ordinal = s.set_ordinal AND d.state = 'rejected'
     AND NOT EXISTS (SELECT FROM book.event e
       WHERE e.file_id = d.file_id AND e.member_ordinal = d.member_ordinal)) AS rejected_for,
  (SELECT count(*) FROM ledger.disposition d
   WHERE d.file_id = s.file_id AND d.set_ordinal = s.set_ordinal AND d.state = 'rejected'
     AND NOT EXISTS (SELECT FROM book.event e
       WHERE e.file_id = d.file_id AND e.member_ordinal = d.member_ordinal)) AS rejected_members
FROM book.event_set s
LEFT JOIN ({CORRECTED}) corrected ON corrected.file_id = s.file_id
CROSS JOIN LATERAL (SELECT {SAID}, coalesce(
  length(s.submitted_at) IN (14, 16) AND rpad(s.submitted_at, 16, '0') = s.moment, false
) AS has_clock) c
JOIN ledger.file f ON f.file_id = s.file_id
JOIN ledger.run decided ON decided.run_id = s.run_id
JOIN ledger.run received ON received.run_id = f.run_id
LEFT JOIN ledger.transaction_set h ON h.file_id = s.file_id AND h.set_ordinal = s.set_ordinal
LEFT JOIN ledger.gate_file gf ON gf.file_id = s.file_id
LEFT JOIN ledger.gate_batch g ON g.batch_id = gf.batch_id
WHERE s.exchange_policy_id = :exchange_policy_id AND s.partner_id = :partner_id
  AND received.as_of <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
WINDOW copies AS (
  PARTITION BY s.moment, s.content_hash, s.transaction, s.members_fallen,
    CASE WHEN NOT c.has_clock THEN s.file_id END, CASE WHEN NOT c.has_clock THEN s.set_ordinal END
  ORDER BY s.state = 'refused', s.function_rank, c.said_name, c.said_file, c.said_ordinal, c.times
)
ORDER BY s.moment,
  CASE WHEN s.transaction IN ('initial', 'renewal') THEN s.members_fallen ELSE 0 END DESC,
  first_value(s.function_rank) OVER copies, first_value(c.said_name) OVER copies,
  first_value(c.said_file) OVER copies, first_value(c.said_ordinal) OVER copies,
  first_value(c.times) OVER copies, s.content_hash, s.file_id, s.set_ordinal
"""

_PERSON = (*SINGLE, *NAME, *RESIDENCE, *MAILING)
_EVENTS = f"""
SELECT e.event_id, e.file_id, e.set_ordinal, e.exchange_member_id, e.kind, e.is_subscriber,
  e.maintenance_type, e.maintenance_effective, e.plan_id, e.issuer_policy_id, e.benefit_begin,
  e.benefit_end, e.byte_start, e.byte_end, e.additional_maintenance_reason,
  {", ".join(f"e.{name}" for name in _PERSON)},
  (SELECT json_agg(json_build_array(a.name, a.valid_from, CAST(a.amount AS text))
     ORDER BY a.name, a.valid_from)
   FROM unnest(e.amount_names, e.amounts_from, e.amounts) a (name, valid_from, amount)) AS amounts,
  (SELECT array_agg(d.field ORDER BY d.field)
   FROM book.audit_difference d WHERE d.event_id = e.event_id) AS differs_in
FROM book.event_set s
JOIN book.event e USING (file_id, set_ordinal)
WHERE s.exchange_policy_id = :exchange_policy_id AND s.partner_id = :partner_id
ORDER BY e.file_id, e.set_ordinal, NOT e.is_subscriber, e.member_ordinal
"""


@dataclass(frozen=True)
class ToldSet:
    """A transaction set of a policy. `number` counts from 1 in the order of the fold.

    `state` is that of the moment that was asked about: staged, applied, pending, duplicate or
    refused; undecided when the set was there and all that is known of it was decided later.
    `row` has the set's columns in `schemas/book.py` with `decided_at`, `file_name`, `storage_key`,
    `received_in_run`, `received_at`, `control_number`, `batch_id`, `batch_state`, `file_again`
    (names under which the same file came once more), `rejected_members` and `rejected_for` (what
    the verdict kept out of the set). `events` are its members, the subscriber first, each with its
    `amounts` (name, first day, amount) and what an audit `differs_in`.
    """

    number: int
    row: Row
    state: str
    events: list[Row] = field(default_factory=list)

    @property
    def place(self) -> tuple[int, int]:
        """File and set, by which the rows of the book name what told them."""
        return self.row["file_id"], self.row["set_ordinal"]

    @property
    def is_applied(self) -> bool:
        """Whether the set is told in the book; an audit never is."""
        return bool(self.state == "applied" and self.row["transaction"] != "audit")

    @property
    def begins(self) -> bool:
        """Whether the set enrolls."""
        return self.row["transaction"] in ("initial", "renewal")

    @property
    def is_ours(self) -> bool:
        """Whether we have said it to the exchange."""
        return self.row["transaction"] in SAID_BY_ISSUER.values()

    @property
    def waits(self) -> bool:
        """Whether nothing has been decided yet: at the gate, or for another set."""
        return self.state in ("staged", "pending", "undecided")


def told_sets(conn: sa.Connection, key: PolicyKey, known_at: datetime | None) -> list[ToldSet]:
    """The policy's transaction sets that had been received by then, in the order of the fold.

    The row of a set is as it is now; its last decision may be later than the moment. A set of
    which the book has learnt something by then had applied, whatever became of it since.
    """
    parameters = {**vars(key), "known_at": known_at}
    events = defaultdict(list)
    for event in conn.execute(sa.text(_EVENTS), parameters).mappings():
        events[event["file_id"], event["set_ordinal"]].append(dict(event))
    sets = conn.execute(sa.text(_SETS), parameters).mappings()
    return [
        ToldSet(
            number, dict(row), _state(row, known_at), events[row["file_id"], row["set_ordinal"]]
        )
        for number, row in enumerate(sets, 1)
    ]


def _state(row: Mapping[Any, Any], known_at: datetime | None) -> str:
    if known_at is None or row["decided_at"] <= known_at:
        return str(row["state"])
    believed_from = row["believed_from"]
    return "applied" if believed_from is not None and believed_from <= known_at else "undecided"
