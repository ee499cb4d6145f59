"""A carrier that receives 834 files, and the words for what an exchange says in them.

The tables are built here by hand, as a parser would hand them over: no parser is needed to ask
the book a question.
"""

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pyarrow as pa
import pytest
import sqlalchemy as sa

from enrollment import said
from enrollment.application import Night, apply_events
from enrollment.decisions import decide
from enrollment.full_files import differences_of_full_files
from enrollment.offering import offer
from enrollment.open_items import open_items
from enrollment.snapshot import book_snapshot
from enrollment.staging import stage_file
from ledger.answers import record_answers
from ledger.files import ReceivedFile, record_received
from ledger.runs import open_run
from ledger.sent import SentEnvelopes, SentFile, record_sent
from ledger.verdicts import record_verdict
from schemas import tables
from schemas.book import event_set
from schemas.database import disposition, file
from schemas.partners import load_exchange, load_partner
from schemas.records import CARRIER_MEMBERS
from tests.enrollment.invariants import broken
from tests.enrollment.received import naming, tables_of, verdict_that_accepts

PARTNER = "cedar-valley-tx"
NEW_YEAR = date(2027, 1, 1)
_PAID_ON = date(2026, 12, 15)


@dataclass(frozen=True)
class Person:
    """One INS with its 2300 and its 2750 loops."""

    member: dict
    coverage: dict | None
    categories: list
    further: tuple = ()  # coverages after the first


@dataclass(frozen=True)
class TransactionSet:
    """One ST: the people of a household, and what the header says."""

    people: list
    header: dict = field(default_factory=dict)


def _category(name, value, begin=None):
    amount = name.endswith(("AMT", "TOT", "1"))
    return {
        "name": name,
        "qualifier": "9V" if amount else "17",
        "value": str(value),
        "effective_begin": begin,
    }


class Say:
    """What the exchange can say, each a transaction set."""

    @staticmethod
    def enrollment(policy, *members, begin=NEW_YEAR, premium="300.00", aptc="100.00", **more):
        """An initial enrollment of the members, the first of whom is the subscriber."""
        reason = more.pop("reason", "")
        maintenance_reason = more.pop("maintenance_reason", "EC")
        plan = more.pop("plan", "91001TX001000101")
        people = []
        for member_id in members:
            categories = [_category("PRE AMT 1", premium, begin)]
            if member_id == members[0]:
                owed = Decimal(premium) - Decimal(aptc)
                categories += [
                    _category("PRE AMT TOT", premium, begin),
                    _category("APTC AMT", aptc, begin),
                    _category("TOT RES AMT", owed, begin),
                ]
            row = Say._member(member_id, members[0], "021", maintenance_reason, reason)
            row |= {"eligibility_begin": begin} | more
            coverage = {
                "maintenance_type": "021",
                "insurance_line": "HLT",
                "benefit_begin": begin,
                "plan_id": plan,
                "exchange_policy_id": policy,
            }
            people.append(Person(row, coverage, categories))
        return TransactionSet(
            people,
            {
                "reference": "4711",
                "total_count": len(members),
                "dependent_count": len(members) - 1 or None,
                "sponsor_name": "SAMPLE SPONSOR",
            },
        )

    @staticmethod
    def at(submitted, transaction_set):
        """The set with a REQUEST SUBMIT TIMESTAMP, instead of one that it has."""
        people = [
            Person(
                person.member,
                person.coverage,
                [
                    _category("REQUEST SUBMIT TIMESTAMP", submitted),
                    *(c for c in person.categories if c["name"] != "REQUEST SUBMIT TIMESTAMP"),
                ],
            )
            for person in transaction_set.people
        ]
        return TransactionSet(people, transaction_set.header)

    @staticmethod
    def cancellation(policy, subscriber, end=NEW_YEAR, reason="CANCEL", maintenance_reason="14"):
        """A cancellation: the subscriber only, no 2300, end = begin of coverage."""
        return Say._end(policy, subscriber, end, reason, maintenance_reason)

    @staticmethod
    def termination(policy, subscriber, end, reason="TERM", maintenance_reason="14"):
        """A termination at the end of that day."""
        return Say._end(policy, subscriber, end, reason, maintenance_reason)

    @staticmethod
    def reinstatement(policy, subscriber):
        """A reinstatement, as a state exchange sends it: the subscriber only."""
        row = Say._member(subscriber, subscriber, "025", None, "")
        return TransactionSet([Person(row | {"exchange_policy_id": policy}, None, [])])

    @staticmethod
    def audit(policy, *members, **more):
        """What a state exchange believes of a policy, sent to be compared (BGN08 = 4)."""
        told = Say.enrollment(policy, *members, **more)
        for person in told.people:
            person.member["maintenance_type"] = "030"
            person.member["maintenance_reason"] = "XN"
        return TransactionSet(told.people, told.header | {"action_code": "4"})

    @staticmethod
    def _end(policy, subscriber, end, reason, maintenance_reason="14"):
        row = Say._member(subscriber, subscriber, "024", maintenance_reason, reason)
        row |= {"exchange_policy_id": policy, "eligibility_end": end}
        return TransactionSet([Person(row, None, [])], {"total_count": 1})

    @staticmethod
    def change(policy, subscriber, *others, amounts=(), reason="FINANCIAL CHANGE", **more):
        """A maintenance of the subscriber; `others` come from `unchanged`, `added`, `removed`.

        `amounts` are (name, value, first day) on the subscriber.
        """
        submitted = more.pop("submitted", "2026113012000000")
        row = Say._member(subscriber, subscriber, "001", None, reason) | more
        categories = [_category("REQUEST SUBMIT TIMESTAMP", submitted)]
        categories += [_category(*amount) for amount in amounts]
        coverage = {"exchange_policy_id": policy, "benefit_begin": NEW_YEAR}
        people = [Person(row, coverage, categories), *others]
        count = len(people)
        header = {"reference": "4712", "total_count": count, "dependent_count": count - 1 or None}
        return TransactionSet(people, header)

    @staticmethod
    def unchanged(policy, subscriber, member_id, **more):
        """A dependent on a change whom it does not concern."""
        row = Say._member(member_id, subscriber, "001", None, "NO CHANGE") | more
        coverage = {"exchange_policy_id": policy, "benefit_begin": NEW_YEAR}
        return Person(row, coverage, [])

    @staticmethod
    def added(policy, subscriber, member_id, begin):
        """A dependent whom a change adds."""
        row = Say._member(member_id, subscriber, "021", "EC", "") | {"eligibility_begin": begin}
        coverage = {"exchange_policy_id": policy, "benefit_begin": begin}
        return Person(row, coverage, [_category("PRE AMT 1", "50.00", begin)])

    @staticmethod
    def removed(policy, subscriber, member_id, end):
        """A dependent whom a change removes at the end of that day."""
        row = Say._member(member_id, subscriber, "024", "14", "TERM")
        return Person(row, {"exchange_policy_id": policy, "benefit_end": end}, [])

    @staticmethod
    def effectuations(rows, sent_at):
        """Our effectuations, a set for each policy, of the rows of an offer."""
        by_policy = {}
        for row in rows:
            by_policy.setdefault(row["exchange_policy_id"], []).append(row)
        return [Say._effectuation(members, sent_at) for members in by_policy.values()]

    @staticmethod
    def _effectuation(rows, sent_at):
        people = []
        for row in rows:
            ids = row["exchange_member_id"], row["exchange_subscriber_id"]
            member = Say._member(*ids, "021", "28", "CONFIRM")
            names = ("issuer_subscriber_id", "issuer_member_id", "eligibility_begin")
            member |= {name: row[name] for name in names}
            shown = ("exchange_policy_id", "issuer_policy_id", "plan_id", "benefit_begin")
            coverage = {name: row[name] for name in shown} | {"insurance_line": "HLT"}
            stamp = _category("REQUEST SUBMIT TIMESTAMP", f"{sent_at:%Y%m%d%H%M%S}00")
            people.append(Person(member, coverage, [stamp]))
        return TransactionSet(people, {"total_count": len(people)})

    @staticmethod
    def ours(transaction, policy, subscriber, sent_at, end=None, reason="TERM", code="59"):
        """A cancellation, termination or reinstatement that we say: the subscriber only."""
        types = {"reinstatement": ("025", None, "ISSUER - REINSTATEMENT")}
        row = Say._member(subscriber, subscriber, *types.get(transaction, ("024", code, reason)))
        row |= {"exchange_policy_id": policy, "eligibility_end": end}
        stamp = _category("REQUEST SUBMIT TIMESTAMP", f"{sent_at:%Y%m%d%H%M%S}00")
        return TransactionSet([Person(row, None, [stamp])], {"total_count": 1})

    @staticmethod
    def _member(member_id, subscriber, maintenance_type, maintenance_reason, additional):
        is_subscriber = member_id == subscriber
        return {
            "is_subscriber": is_subscriber,
            "relationship_code": "18" if is_subscriber else "19",
            "maintenance_type": maintenance_type,
            "maintenance_reason": maintenance_reason,
            "additional_maintenance_reason": additional or None,
            "exchange_subscriber_id": subscriber,
            "exchange_member_id": member_id,
            "last_name": "SAMPLE",
            "first_name": f"PERSON {member_id}",
            "birth_date": date(1990, 5, 17),
            "gender_code": "F",
            "address_line_1": "1 SAMPLE STREET",
            "address_line_2": "APT 5",
            "city": "AUSTIN",
        }


class Carrier:
    """The carrier's side: its ledger, its book, and the nights in which it works."""

    def __init__(self, conn, as_of, exchange="ffe"):
        self.conn = conn
        self.exchange = load_exchange(exchange)
        self._numbers = itertools.count(1)
        self.begins_night(as_of)

    def begins_night(self, as_of):
        """Opens the run of a night."""
        self.as_of = as_of
        self.run_id = open_run(self.conn, as_of)

    def receives(
        self, *transaction_sets, function_code="I834", named_at=None, name=None, fallen=()
    ):
        """The id of a file with those sets, recorded, accepted and staged.

        One with a name of its own tells by it neither function code nor time. Of members with ids
        that are `fallen` the verdict rejects what the file says.
        """
        number = next(self._numbers)
        if name is None:
            named_at = named_at or datetime(2026, 11, 30, 18, 0, number)
            name = f"OPR.001234567T.{function_code}.D{named_at:%y%m%d}.T{named_at:%H%M%S}000.P"
        else:
            function_code = named_at = None
        content = hashlib.sha256(f"{number}".encode()).hexdigest()
        recorded = record_received(
            self.conn,
            ReceivedFile(
                PARTNER, name, "enrollment", function_code, named_at, content, 1000,
                f"landing/{content}", self.run_id, self.as_of,
            ),
        )  # fmt: skip
        sets, parsed = tables_of(transaction_sets)
        verdict = verdict_that_accepts(content, sets, parsed.members, fallen)
        record_verdict(self.conn, recorded.file_id, verdict, self.run_id)
        self.parsed = parsed
        stage_file(self.conn, recorded.file_id, self.exchange, parsed, self.run_id)
        return recorded.file_id

    def applies(self):
        """What became of all staged and waiting transaction sets."""
        staged = sa.select(file.c.file_id).where(file.c.state == "staged")
        file_ids = list(self.conn.execute(staged).scalars())
        return apply_events(
            self.conn, self._night(), file_ids, said.take_back(self.conn, self._night())
        )

    def book(self, known_at=None):
        """The rows of the book by (policy, member)."""
        rows = book_snapshot(self.conn, PARTNER, known_at or self.as_of).to_pylist()
        return {(row["exchange_policy_id"], row["exchange_member_id"]): row for row in rows}

    def dispositions(self, file_id):
        """State and reason of each member of a file, in its order."""
        rows = sa.select(disposition.c.state, disposition.c.reason).where(
            disposition.c.file_id == file_id
        )
        return [tuple(row) for row in self.conn.execute(rows.order_by("member_ordinal"))]

    def coverage(self, policy):
        """The spans in effect of a policy: member, plan variant, first and last day."""
        rows = sa.text(
            "SELECT exchange_member_id, right(plan_id, 2), benefit_begin, benefit_end"
            " FROM book.effective_coverage WHERE exchange_policy_id = :p AND known_to = 'infinity'"
            " ORDER BY exchange_member_id, benefit_begin"
        )
        return [tuple(row) for row in self.conn.execute(rows, {"p": policy})]

    def open_items(self):
        """Kind, policy and reason of what is open."""
        rows = open_items(self.conn, PARTNER, self.exchange).to_pylist()
        return [(row["kind"], row["exchange_policy_id"], row["reason"]) for row in rows]

    def told_otherwise(self, *named, moment="2026120101000000"):
        """What a full file of that moment says otherwise, which names these policies as wholes."""
        return differences_of_full_files(self.conn, PARTNER, moment, naming(*named)).to_pylist()

    def set_states(self):
        """How many transaction sets are in each state."""
        counted = sa.select(event_set.c.state, sa.func.count()).group_by(event_set.c.state)
        return dict(tuple(row) for row in self.conn.execute(counted))

    def decides(self, payments=(), records=()):
        """The effectuations to send, given payments of (policy, amount)."""
        paid = [
            {
                "exchange_policy_id": policy,
                "amount": Decimal(amount),
                "received_on": _PAID_ON,
                "paid_through": date(2027, 1, 31),
            }
            for policy, amount in payments
        ]
        carriers = SimpleNamespace(
            members=pa.Table.from_pylist(list(records), schema=CARRIER_MEMBERS),
            payments=pa.Table.from_pylist(paid, schema=tables.CARRIER_PAYMENTS),
            requests=tables.CARRIER_REQUESTS.empty_table(),
            payments_are_stale=False,
        )
        partner = load_partner(PARTNER)
        on_day = max(self.as_of.date(), _PAID_ON)
        decide(self.conn, self.run_id, partner, self.exchange, on_day, carriers)
        self.offered = offer(self.conn, PARTNER, self.exchange, self.run_id)
        return self.offered

    def sends_effectuations(self):
        """How many of the effectuations that were decided are said now, in the run's file."""
        sets = Say.effectuations(self.offered.to_pylist(), self.as_of)
        self.offered = tables.ISSUER_TRANSACTIONS.empty_table()
        if sets:
            self.says(*sets)
        return len(sets)

    def says(self, *transaction_sets):
        """The id of a file with these sets of ours, for which there are decisions."""
        sent = SentFile(
            PARTNER, f"IC834.{self.run_id}", "enrollment", "IC834", f"{self.run_id:064d}", 10,
            f"outbox/{self.run_id}", self.run_id, self.as_of,
        )  # fmt: skip
        sets, read_back = tables_of(transaction_sets)
        envelopes = SentEnvelopes(
            pa.table(
                [[1], [f"{self.run_id:09d}"]], names=["interchange_ordinal", "control_number"]
            ),
            pa.table(
                [[1], [1], [str(self.run_id)]],
                names=["interchange_ordinal", "group_ordinal", "control_number"],
            ),
            sets.select(["interchange_ordinal", "group_ordinal", "set_ordinal", "control_number"]),
        )
        file_id = record_sent(self.conn, sent, envelopes)
        said.say(self.conn, self._night(), file_id, read_back)
        return file_id

    def hears(self, *answers):
        """Takes in what the exchange answers: rows of tables.ANSWERS; the book follows."""
        file_id = self.receives()
        rows = pa.Table.from_pylist(list(answers), schema=tables.ANSWERS)
        unknown = record_answers(self.conn, PARTNER, file_id, rows)
        apply_events(self.conn, self._night(), [], said.take_back(self.conn, self._night()))
        return unknown

    def status(self, policy):
        """The policy's status in the book, and whether it needs an effectuation."""
        rows = sa.text(
            "SELECT status, needs_effectuation FROM book.policy"
            " WHERE exchange_policy_id = :p AND known_to = 'infinity'"
        )
        return tuple(self.conn.execute(rows, {"p": policy}).one())

    def _night(self):
        return Night(self.run_id, PARTNER, self.exchange, self.as_of)

    def file_state(self, file_id):
        """The state of a file in the ledger."""
        return self.conn.execute(
            sa.select(file.c.state).where(file.c.file_id == file_id)
        ).scalar_one()


@pytest.fixture
def carrier(conn):
    """A carrier with an empty book in its first night; its book is checked when the test ends."""
    yield Carrier(conn, datetime.fromisoformat("2026-12-01T06:00:00+00:00"))
    assert broken(conn) == {}


@pytest.fixture
def carrier_of_a_state(conn):
    """A carrier at a state exchange, which sends audits and reinstatements."""
    night = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
    yield Carrier(conn, night, "dc-health-link")
    assert broken(conn) == {}


@pytest.fixture
def say():
    """The words for what the exchange says."""
    return Say
