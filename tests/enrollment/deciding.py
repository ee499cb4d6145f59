"""A desk at the carrier that decides what is said to the exchange, and its records."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import sqlalchemy as sa

from enrollment.decisions import decide
from enrollment.offering import offer
from schemas import records, tables
from schemas.partners import load_partner
from tests.enrollment.conftest import Person, TransactionSet

PARTNER = "cedar-valley-tx"
_SHOWN = (
    "SELECT exchange_policy_id, rule, additional_maintenance_reason, coverage_end"
    " FROM book.decision WHERE state IN ('open', 'held', 'released') ORDER BY exchange_policy_id"
)


@dataclass
class Records:
    """The carrier's extracts, row by row."""

    rows: dict = field(default_factory=lambda: {"members": [], "payments": [], "requests": []})
    payments_are_stale: bool = False

    @property
    def members(self):
        """CARRIER_MEMBERS."""
        return pa.Table.from_pylist(self.rows["members"], schema=records.CARRIER_MEMBERS)

    @property
    def payments(self):
        """CARRIER_PAYMENTS."""
        return pa.Table.from_pylist(self.rows["payments"], schema=tables.CARRIER_PAYMENTS)

    @property
    def requests(self):
        """CARRIER_REQUESTS."""
        return pa.Table.from_pylist(self.rows["requests"], schema=tables.CARRIER_REQUESTS)


def day(text):
    """The date of YYYY-MM-DD, or nothing."""
    return text and date.fromisoformat(text)


class Desk:
    """Decides by a carrier's book and the records that it was given."""

    def __init__(self, carrier):
        self.carrier = carrier
        self.conn = carrier.conn
        self.records = Records()
        self.partner = load_partner(PARTNER)

    def agrees(self, **terms):
        """The partner's own terms."""
        rows = [
            {"id": f"own-{name}", "term": name, "value": value, "source": "an agreement"}
            for name, value in terms.items()
        ]
        content = self.partner.model_dump() | {"terms": rows}
        self.partner = type(self.partner).model_validate(content)

    def paid(self, policy, amount, on, through="2027-01-31"):
        """A payment, of the first month if nothing else is said; below zero a reversal."""
        self.records.rows["payments"].append(
            {
                "exchange_policy_id": policy,
                "amount": Decimal(amount),
                "received_on": day(on),
                "paid_through": day(through),
            }
        )

    def asks(self, request, policy, reason=None, end=None, on="2027-01-05"):
        """A request of the carrier: cancel, terminate or reinstate."""
        self.records.rows["requests"].append(
            {
                "exchange_policy_id": policy,
                "request": request,
                "additional_maintenance_reason": reason,
                "coverage_end": day(end),
                "requested_on": day(on),
            }
        )

    def knows(self, policy, member, **ids):
        """The carrier's ids of a member."""
        self.records.rows["members"].append(
            {"exchange_policy_id": policy, "exchange_member_id": member} | ids
        )

    def decides(self, on):
        """What is to be sent as of that day: policy, rule, reason and end of coverage."""
        self.decided = decide(
            self.conn,
            self.carrier.run_id,
            self.partner,
            self.carrier.exchange,
            date.fromisoformat(on),
            self.records,
        )
        return self.unsent()

    def unsent(self):
        """Policy, rule, reason and end of each decision that is not sent."""
        return [
            (policy, rule, reason, end and str(end))
            for policy, rule, reason, end in self.conn.execute(sa.text(_SHOWN))
        ]

    def decisions(self):
        """Id and state of all decisions."""
        rows = sa.text("SELECT decision_id, state FROM book.decision ORDER BY decision_id")
        return [tuple(row) for row in self.conn.execute(rows)]

    def evidence(self):
        """The evidence of the only unsent decision."""
        rows = sa.text("SELECT evidence FROM book.decision WHERE state = 'open'")
        return self.conn.execute(rows).scalar_one()

    def findings(self):
        """Policy, kind and rule of what nothing follows from."""
        rows = sa.text(
            "SELECT exchange_policy_id, kind, rule FROM book.carrier_finding ORDER BY 1, 2, 3"
        )
        return [tuple(row) for row in self.conn.execute(rows)]

    def offers(self, *kinds):
        """The rows that go out."""
        more = (kinds,) if kinds else ()
        exchange = self.carrier.exchange
        return offer(self.conn, PARTNER, exchange, self.carrier.run_id, *more).to_pylist()

    def stands(self, policy, status, *, needs_effectuation=False):
        """Puts a policy of the book into a status, however it came there."""
        self.conn.execute(
            sa.text(
                "UPDATE book.policy SET status = :status, needs_effectuation = :needs"
                " WHERE exchange_policy_id = :policy AND known_to = 'infinity'"
            ),
            {"policy": policy, "status": status, "needs": needs_effectuation},
        )

    def moves_all_to(self, state):
        """What persons, or the exchange, make of the decisions that are open."""
        self.conn.execute(
            sa.text("UPDATE book.decision SET state = :state WHERE state = 'open'"),
            {"state": state},
        )

    def sends(self, on):
        """Decides in a night of that day, and says what goes out; the rows of it."""
        noon = datetime.combine(date.fromisoformat(on), time(12), UTC)
        self.carrier.begins_night(noon)
        self.decides(on)
        rows = self.offers()
        households = {}
        for row in rows:
            households.setdefault(row["exchange_policy_id"], []).append(row)
        sets = [_said(household, noon) for household in households.values()]
        if sets:
            self.carrier.says(*sets)
        return rows

    def is_not_understood(self):
        """The exchange rejects the interchange of this night: its TA1 says R."""
        number = f"{self.carrier.run_id:09d}"
        ta1 = {"level": "interchange", "interchange_number": number, "code": "R"}
        self.carrier.hears(dict.fromkeys(tables.ANSWERS.names) | ta1)


_OF_MEMBER = (
    *("is_subscriber", "relationship_code", "maintenance_type", "maintenance_reason"),
    *("additional_maintenance_reason", "exchange_subscriber_id", "exchange_member_id"),
    *("issuer_subscriber_id", "issuer_member_id", "eligibility_begin", "eligibility_end"),
)
_OF_COVERAGE = (
    *("exchange_policy_id", "issuer_policy_id", "plan_id", "insurance_line", "benefit_begin"),
)


def _said(household, at):
    """The transaction set of a policy's rows, as it is read back from the file."""
    people = []
    for row in household:
        member = {name: row[name] for name in (*_OF_MEMBER, "exchange_policy_id")}
        ends = row["transaction"] in {"cancellation", "termination"}
        coverage = None if ends else {name: row[name] for name in _OF_COVERAGE}
        stamp = {"name": "REQUEST SUBMIT TIMESTAMP", "qualifier": "17"}
        people.append(Person(member, coverage, [stamp | {"value": f"{at:%Y%m%d%H%M%S}00"}]))
    return TransactionSet(people, {"total_count": len(people)})
