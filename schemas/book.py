"""The book of enrollments in the database: what was said, and what we believe because of it.

`event_set` and `event` are what the exchange said, once and for good. The other tables are what
follows from it, and are bitemporal: each row says for which dates it holds (`benefit_begin`,
`valid_from`, …) and from when to when we believed it: `known_from` included, `known_to` excluded,
`infinity` while we still do. Nothing in them is updated but `known_to`.

Coverages and amounts stand as they were told, whatever has become of their policy; the views of
`schemas/migrations/book_views.py` cut them to what is in effect.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from schemas import tables
from schemas.columns import (
    INSTANT,
    MONEY,
    NAME,
    PERSON,
    SET_HEADER,
    SINGLE,
    columns_of,
    identity,
    key,
    known,
    metadata,
    of_event,
    one_of,
    reference,
    refers,
    text,
)

# Indexes begin with the policy and not with the partner: partners are few, and an index that
# begins with one tempts the planner into reading a whole partner for each policy.


def _known_once(*columns: str) -> sa.PrimaryKeyConstraint:
    """At most one row of each key is believed now, and no two were believed to the same moment."""
    return sa.PrimaryKeyConstraint("exchange_policy_id", *columns, "partner_id", "known_to")


def _valid() -> list[sa.schema.SchemaItem]:
    """The first and the last day on which a row holds; null = until further notice."""
    return [
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.CheckConstraint("valid_from <= valid_to", name="valid"),
    ]


# What we say to the exchange, by the companion file's name of the transaction.
SAID_BY_ISSUER = {
    "effectuation": "effectuation",
    "cancellation": "issuer_cancellation",
    "termination": "issuer_termination",
    "maintenance": "issuer_maintenance",
    "reinstatement": "issuer_reinstatement",
}

# One row per accepted transaction set: a household's enrollment is decided as a whole. What the
# set says about the policy is its subscriber's. What we have said ourselves stands among them, by
# the file that we sent: both make the policy what it is (docs/decisions/0026). A set is written
# once and decided once: its page has room for both, and no index looks at its state, so that the
# second version needs no entries in the indexes (docs/decisions/0034). What waits has a reason.
event_set = sa.Table(
    "event_set",
    metadata,
    refers("file_id", "ledger.file.file_id", primary_key=True),
    key("set_ordinal"),
    text("partner_id"),
    sa.Column("exchange_policy_id", sa.Text),
    sa.Column("transaction", sa.Text),
    sa.Column("circumstance", sa.Text),  # half of a change in circumstance that this is
    sa.Column("needs_effectuation", sa.Boolean, nullable=False),
    *columns_of(
        tables.COVERAGES,
        ["plan_id", "insurance_line", "benefit_begin", "benefit_end", "maintenance_effective"],
    ),
    sa.Column("function_rank", sa.SmallInteger, nullable=False),
    sa.Column("named_at", sa.DateTime),
    sa.Column("submitted_at", sa.Text),  # REQUEST SUBMIT TIMESTAMP as sent
    text("moment"),  # CCYYMMDDHHMMSSss; where it belongs among the policy's sets
    text("content_hash"),
    text("state"),
    sa.Column("reason", sa.Text),
    refers("run_id", "ledger.run.run_id"),  # the run that decided last
    # How many of its members our verdict has kept out of it.
    sa.Column("members_fallen", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # Their ids, empty where none is told; null of a whole set, and of all from before 0011.
    sa.Column("fallen_members", ARRAY(sa.Text)),
    one_of("state", "staged", "applied", "pending", "duplicate", "refused"),
    one_of(
        "transaction",
        "initial",
        "renewal",
        "change",
        "cancellation",
        "termination",
        "reinstatement",
        "audit",
        *SAID_BY_ISSUER.values(),
    ),
    one_of("circumstance", "leaves", "enters"),
    sa.Index("ix_event_set_policy", "exchange_policy_id", "partner_id"),
    sa.CheckConstraint("state <> 'pending' OR reason IS NOT NULL", name="pending"),
    sa.Index(
        "ix_event_set_reason",
        "partner_id",
        postgresql_where=sa.text("reason IS NOT NULL"),
    ),
    sa.Index(
        "ix_event_set_circumstance",
        "partner_id",
        postgresql_where=sa.text("circumstance IS NOT NULL"),
    ),
    sa.Index("ix_event_set_audit", "partner_id", postgresql_where=sa.text("transaction = 'audit'")),
    postgresql_with={"fillfactor": 45},
    schema="book",
)

# One row per INS of an accepted transaction set. What it tells of amounts stands in three lists
# that go in step, by name and day: a table with a row for each takes as long to write as the
# events. No foreign key, as with `of_event`: an event is made by a statement that joins its set.
event = sa.Table(
    "event",
    metadata,
    identity("event_id"),
    refers("file_id", "ledger.file.file_id"),
    sa.Column("set_ordinal", sa.BigInteger, nullable=False),
    sa.Column("member_ordinal", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text),  # what it says about this member
    sa.Column("is_subscriber", sa.Boolean, nullable=False),
    *columns_of(
        tables.MEMBERS,
        [
            "exchange_member_id",
            "maintenance_type",
            "maintenance_reason",
            "additional_maintenance_reason",
            "maintenance_effective",
            *PERSON,
            "eligibility_begin",
        ],
    ),
    *columns_of(
        tables.COVERAGES,
        ["plan_id", "insurance_line", "issuer_policy_id", "benefit_begin", "benefit_end"],
    ),
    # Our own ids from before, as the exchange echoes them beside new ones.
    *columns_of(tables.MEMBERS, ["former_issuer_subscriber_id", "former_issuer_member_id"]),
    *columns_of(tables.COVERAGES, ["former_issuer_policy_id"]),
    sa.Column("further_lines", sa.Text),  # insurance lines of further coverages: not in the book
    sa.Column("rating_area", sa.Text),  # RATING AREA (2750), on the subscriber
    *columns_of(tables.MEMBERS, ["byte_start", "byte_end"]),
    sa.Column("amount_names", ARRAY(sa.Text), nullable=False),
    sa.Column("amounts_from", ARRAY(sa.Date), nullable=False),
    sa.Column("amounts", ARRAY(MONEY), nullable=False),
    sa.UniqueConstraint("file_id", "set_ordinal", "member_ordinal"),
    schema="book",
)

# `event_id` is the last transaction that the version knows of.
policy = sa.Table(
    "policy",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    sa.Column("exchange_subscriber_id", sa.Text),
    text("plan_id"),
    sa.Column("insurance_line", sa.Text),
    sa.Column("issuer_policy_id", sa.Text),
    sa.Column("rating_area", sa.Text),
    text("status"),
    sa.Column("benefit_begin", sa.Date, nullable=False),
    sa.Column("benefit_end", sa.Date),
    sa.Column("needs_effectuation", sa.Boolean, nullable=False),
    refers("initial_event_id", "book.event.event_id"),
    *columns_of(tables.TRANSACTION_SETS, SET_HEADER),
    *known(),
    one_of("status", "initial", "effectuated", "terminated", "cancelled"),
    sa.CheckConstraint("benefit_begin <= benefit_end", name="benefit"),
    _known_once(),
    sa.Index("ix_policy_subscriber", "exchange_subscriber_id"),
    schema="book",
)

member = sa.Table(
    "member",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    text("exchange_member_id"),
    sa.Column("is_subscriber", sa.Boolean, nullable=False),
    *columns_of(tables.MEMBERS, [*SINGLE, *NAME, "eligibility_begin"]),
    *known(),
    _known_once("exchange_member_id"),
    sa.Index("ix_member_id", "exchange_member_id"),
    schema="book",
)

# A member's spans do not overlap. A change of the CSR variant ends one and begins the next. A
# member of whom nothing was ever covered has one span that ends on the day it begins.
coverage = sa.Table(
    "coverage",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    text("exchange_member_id"),
    sa.Column("insurance_line", sa.Text),
    text("plan_id"),
    sa.Column("benefit_begin", sa.Date, nullable=False),
    sa.Column("benefit_end", sa.Date),
    *known(),
    sa.CheckConstraint("benefit_begin <= benefit_end", name="benefit"),
    _known_once("exchange_member_id", "benefit_begin"),
    schema="book",
)

amount = sa.Table(
    "amount",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    text("exchange_member_id"),
    text("name"),  # PRE AMT 1, PRE AMT TOT, APTC AMT, TOT RES AMT, …
    sa.Column("amount", MONEY, nullable=False),
    *_valid(),
    *known(),
    _known_once("exchange_member_id", "name", "valid_from"),
    schema="book",
)

address = sa.Table(
    "address",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    text("exchange_member_id"),
    text("kind"),
    *columns_of(
        tables.MEMBERS,
        ["address_line_1", "address_line_2", "city", "state", "postal_code", "county_code"],
    ),
    *_valid(),
    *known(),
    one_of("kind", "residence", "mailing"),
    _known_once("exchange_member_id", "kind", "valid_from"),
    schema="book",
)

# Ids that may change, with the former ones. An exchange's subscriber id is here once it changed.
identifier = sa.Table(
    "identifier",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    text("exchange_member_id"),
    text("kind"),
    text("value"),
    *_valid(),
    *known(),
    one_of(
        "kind",
        "issuer_policy_id",
        "issuer_subscriber_id",
        "issuer_member_id",
        "exchange_subscriber_id",
    ),
    _known_once("exchange_member_id", "kind", "valid_from"),
    schema="book",
)

broker = sa.Table(
    "broker",
    metadata,
    text("partner_id"),
    text("exchange_policy_id"),
    *columns_of(tables.TRANSACTION_SETS, ["broker_name", "broker_id"]),
    *_valid(),
    *known(),
    _known_once("valid_from"),
    schema="book",
)

# An audit changes nothing: what it says otherwise than the book is noted, by the field's name.
audit_difference = sa.Table(
    "audit_difference",
    metadata,
    of_event(primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    reference("run_id", "ledger.run.run_id"),
    schema="book",
)

# What one night has decided to end above a bound, and that waits for persons. The reasons hold
# figures only.
hold = sa.Table(
    "hold",
    metadata,
    identity("hold_id"),
    text("partner_id"),
    reference("run_id", "ledger.run.run_id"),  # the run that held it
    sa.Column("reasons", ARRAY(sa.Text), nullable=False),
    sa.Column("persons", sa.Integer, nullable=False),  # how many must release it
    text("state"),
    one_of("state", "held", "released", "refused"),
    sa.Index("ix_hold_open", "partner_id", postgresql_where=sa.text("state = 'held'")),
    schema="book",
)

# Each person's word about a hold, once.
hold_word = sa.Table(
    "hold_word",
    metadata,
    sa.Column("hold_id", sa.BigInteger, sa.ForeignKey("book.hold.hold_id"), primary_key=True),
    sa.Column("decided_by", sa.Text, primary_key=True),  # the person, as named with --by
    text("account"),  # of the operating system, under which the command ran
    text("word"),
    text("reason"),
    sa.Column("decided_at", INSTANT, nullable=False, server_default=sa.func.now()),
    one_of("word", "released", "refused"),
    schema="book",
)

# A transaction that we decide to send, with the evidence for it. At most one of a policy is unsent.
# `event_id` is the subscriber's of the enrollment that it answers, `run_id` the run that decided
# first; state and evidence may be a later run's.
_UNSENT = "state IN ('open', 'held', 'released')"
decision = sa.Table(
    "decision",
    metadata,
    identity("decision_id"),
    text("partner_id"),
    text("exchange_policy_id"),
    text("kind"),
    text("rule"),  # id of the row in schemas/decisions.toml
    text("additional_maintenance_reason"),
    reference("event_id", "book.event.event_id"),
    sa.Column("coverage_end", sa.Date),  # DTP*357 of a cancellation or termination
    sa.Column("responsible_amount", MONEY),
    sa.Column("paid_amount", MONEY),
    sa.Column("paid_on", sa.Date),
    sa.Column("paid_through", sa.Date),
    sa.Column("evidence", JSONB, nullable=False),
    reference("run_id", "ledger.run.run_id"),
    text("state"),
    reference("sent_file_id", "ledger.file.file_id", nullable=True),
    sa.Column("set_ordinal", sa.BigInteger),  # of the sent file
    reference("hold_id", "book.hold.hold_id", nullable=True),
    sa.Column("rejected_by", sa.Text),  # the level of the exchange's answer
    one_of("kind", "effectuation", "cancellation", "termination", "maintenance", "reinstatement"),
    one_of("state", "open", "held", "released", "refused", "withdrawn", "sent", "rejected"),
    sa.CheckConstraint(
        "(state IN ('sent', 'rejected')) = (sent_file_id IS NOT NULL)"
        " AND (sent_file_id IS NULL) = (set_ordinal IS NULL)",
        name="sent",
    ),
    sa.Index("ix_decision_policy", "exchange_policy_id", "partner_id"),
    sa.Column("again_by", sa.Text),  # who lets a rejected one be said again
    sa.Column("obstacle", sa.Text),  # why the last run could not send it; null: nothing hinders
    one_of("rejected_by", "interchange", "group", "set", "business"),
    sa.CheckConstraint("(state = 'rejected') = (rejected_by IS NOT NULL)", name="rejected"),
    sa.CheckConstraint("obstacle IS NULL OR state IN ('open', 'released')", name="obstacle"),
    sa.Index("ix_decision_sent", "sent_file_id", "set_ordinal"),
    sa.Index("ix_decision_hold", "hold_id"),
    sa.Index(
        "uq_decision_unsent",
        "exchange_policy_id",
        "partner_id",
        unique=True,
        postgresql_where=sa.text(_UNSENT),
    ),
    schema="book",
)

# What of the carrier's payments, requests and ids nothing follows from, or not what they say. Each
# run replaces the partner's.
carrier_finding = sa.Table(
    "carrier_finding",
    metadata,
    identity("finding_id"),
    text("partner_id"),
    text("exchange_policy_id"),
    text("kind"),
    text("rule"),
    sa.Column("figures", JSONB, nullable=False),  # amounts, days and codes
    reference("run_id", "ledger.run.run_id"),
    one_of("kind", "payment", "request", "member"),
    sa.Index("ix_carrier_finding_partner", "partner_id"),
    schema="book",
)
