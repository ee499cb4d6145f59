"""Cases: what of the exchange's files somebody must do something about.

The tables, and `cases.toml`. What persons may do with a case is `schemas/work.py`.
"""

from collections.abc import Iterable
from functools import cache

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas import tables
from schemas.columns import (
    INSTANT,
    MONEY,
    columns_of,
    identity,
    metadata,
    one_of,
    reference,
    text,
)
from schemas.rows import Row, read_rows
from schemas.work import Desk, events_of, queue_of, worked_on

# What tells members of a rejected set: those of `tables.MEMBERS` that a case needs, and dollars.
CASE_MEMBERS = pa.schema(
    [
        ("member_ordinal", tables.ORDINAL),
        ("exchange_policy_id", tables.TEXT),
        ("exchange_subscriber_id", tables.TEXT),
        ("exchange_member_id", tables.TEXT),
        ("premium", tables.MONEY),  # of the policy a month; null where the set tells none
        ("aptc", tables.MONEY),
        ("maintenance_type", tables.TEXT),
        ("is_subscriber", pa.bool_()),
        ("submitted_at", tables.TEXT),  # REQUEST SUBMIT TIMESTAMP as sent
    ]
)

# Identity is whom it is about and what is wrong: partner, kind, subject, rule and element. File,
# dollars and places are those of the last file that brought it.
case_ = sa.Table(
    "case",
    metadata,
    identity("case_id"),
    text("partner_id"),
    text("kind"),
    text("subject"),  # `policy 8801`, `subscriber 1`, `set 2 of file 7`, `interchange 9`, `file X`
    text("rule"),
    *columns_of(tables.ISSUES, ["segment_id", "element"]),
    text("severity"),
    sa.Column("exchange_policy_id", sa.Text),
    sa.Column("exchange_member_id", sa.Text),  # whom the fault is in; null: in all of the set
    sa.Column("premium", MONEY),  # at stake, a month
    sa.Column("aptc", MONEY),
    reference("file_id", "ledger.file.file_id"),  # that brought it last
    *columns_of(tables.ISSUES, ["set_ordinal", "member_ordinal"]),
    sa.Column("issue_ordinal", sa.BigInteger),  # in ledger.issue; null: the book says so
    sa.Column("members", sa.BigInteger),  # who fell or wait by it
    sa.Column("maintenance_type", sa.Text),  # INS03: what the set does; null of a file, before 0008
    sa.Column("is_subscriber", sa.Boolean),  # INS01: whose transaction it is; null of before 0012
    sa.Column("submitted_at", sa.Text),  # when the set was said, by its own clock
    *worked_on(),
    sa.Column("first_seen", INSTANT, nullable=False),  # the clock of the run
    sa.Column("last_seen", INSTANT, nullable=False),
    reference("run_id", "ledger.run.run_id"),  # the first that saw it
    reference("last_run_id", "ledger.run.run_id"),
    sa.Column("times_seen", sa.Integer, nullable=False),  # in how many transaction sets or files
    sa.Column("times_reopened", sa.Integer, nullable=False),
    sa.Column("resolved_at", INSTANT),
    reference("resolved_run_id", "ledger.run.run_id", nullable=True),
    reference("resolved_file_id", "ledger.file.file_id", nullable=True),  # what proved it
    one_of("kind", "rejected", "unnamed", "waits", "file"),
    sa.Index(
        "uq_case_identity",
        "subject",
        "rule",
        "segment_id",
        "element",
        "kind",
        "partner_id",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    sa.Index("ix_case_state", "state", "partner_id", "case_id"),
    queue_of("case"),
    sa.Index("ix_case_cause", "partner_id", "kind", "rule", "segment_id", "element"),
    sa.Index("ix_case_policy", "exchange_policy_id"),
    sa.Index("ix_case_file", "file_id"),
    schema="ledger",
)

case_event = events_of("case", "ledger")
CASES = Desk("case", case_, case_event)

# A transaction set as a person has corrected it: a file of its own in the landing zone, and whence
# it comes. Places are told, values stand in the bytes only. A night takes in what is released.
correction = sa.Table(
    "correction",
    metadata,
    identity("correction_id"),
    reference("case_id", "ledger.case.case_id"),
    text("partner_id"),
    reference("parent_file_id", "ledger.file.file_id"),
    sa.Column("set_ordinal", sa.BigInteger, nullable=False),
    sa.Column("byte_start", sa.BigInteger, nullable=False),  # of the set in the parent
    sa.Column("byte_end", sa.BigInteger, nullable=False),
    sa.Column("edits", JSONB, nullable=False),  # segment ordinal, id, element, component of each
    text("name"),
    text("sha256"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    text("storage_key"),
    text("verdict"),  # when it was drafted
    sa.Column("needs_second", sa.Boolean, nullable=False),
    text("state"),
    text("drafted_by"),
    text("account"),
    text("reason"),
    sa.Column("drafted_at", INSTANT, nullable=False, server_default=sa.func.now()),
    sa.Column("released_by", sa.Text),
    sa.Column("released_account", sa.Text),
    sa.Column("release_reason", sa.Text),
    sa.Column("released_at", INSTANT),
    reference("file_id", "ledger.file.file_id", nullable=True),  # of the derived file, taken in
    one_of("state", "draft", "released", "received", "withdrawn"),
    sa.CheckConstraint("(state = 'received') = (file_id IS NOT NULL)", name="received"),
    sa.Index("ix_correction_case", "case_id"),
    sa.Index("ix_correction_state", "partner_id", "state"),
    schema="ledger",
)


class Kind(Row):
    """A sort of case, what people call it, and what proves that it is gone."""

    name: str
    says: str
    proof: str


class Deadline(Row):
    """How long a case of a severity may be open."""

    severity: str
    hours: int


class SecondPerson(Row):
    """Segments whose correction is resubmitted by another person than has drafted it."""

    segments: tuple[str, ...]
    why: str


class CaseRules(Row):
    """The kinds of cases, their terms, and which corrections need two persons."""

    kinds: tuple[Kind, ...]
    deadlines: tuple[Deadline, ...]
    second_person: tuple[SecondPerson, ...]

    def needs_second(self, segment_ids: Iterable[str]) -> bool:
        """Whether a correction of these segments needs a second person."""
        named = {segment for row in self.second_person for segment in row.segments}
        return not named.isdisjoint(segment_ids)

    def kind(self, name: str) -> Kind:
        """The kind of that name; KeyError when there is none."""
        return {one.name: one for one in self.kinds}[name]


@cache
def load_case_rules() -> CaseRules:
    """The rows of `cases.toml`."""
    return read_rows(CaseRules, "cases.toml")
