"""What the exchange knows: persons, households, and the policies that cover them."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class Address:
    """A residence with what the exchange adds to it: county (FIPS) and rating area."""

    line_1: str
    line_2: str
    city: str
    state: str
    postal_code: str
    county_code: str
    rating_area: str  # three digits


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the application has them. `ssn` is None where none was given."""

    member_id: str  # exchange assigned
    last_name: str
    first_name: str
    middle_name: str
    suffix: str
    ssn: str | None
    birth_date: date
    gender: str  # F or M
    relationship: str  # INS02; 18 is the subscriber
    tobacco: bool
    race: str  # CDC code (CMS guide 7.2, table 28); one only, as pyx12 fails on a repeated DMG05
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class Broker:
    """The agent who assisted, by national producer number."""

    name: str
    producer_number: str


@dataclass(frozen=True, slots=True)
class Application:
    """What the persons of one application share."""

    application_id: str
    address: Address
    mailing: Address | None  # where it is not the residence
    payment_transaction_id: str | None
    marital_status: str  # M, U or R
    language: str | None  # NISO Z39.53, of the household contact
    broker: Broker | None
    guardian: str | None  # first name of the custodial parent of a subscriber under 18


@dataclass(frozen=True, slots=True)
class Household:
    """Persons who applied together; the first one is the subscriber."""

    index: int
    application: Application
    persons: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Enrollee:
    """A person on a policy. `premium` is in cents; `end` is None while open.

    `removed` says that a maintenance took the person off a policy that went on; `last_home` is
    where the household lived then, for nobody tells where else a former member went.
    """

    person: Person
    premium: int
    begin: date
    end: date | None = None
    removed: bool = False
    issuer_member_id: str | None = None
    last_home: Address | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One enrollment group in one plan. Amounts are in cents; `end` is None while open.

    `state` leaves `active` by a termination or cancellation. `effectuated` says that the issuer
    confirmed the coverage, or need not (CMS guide 7.2, section 7.2.4).
    """

    policy_id: str  # exchange assigned
    partner_id: str
    plan_id: str  # 16 characters
    insurance_line: str  # HLT or DEN
    application: Application
    enrollees: tuple[Enrollee, ...]  # subscriber first; removed members stay, with an end
    aptc: int
    begin: date
    end: date | None = None
    state: Literal["active", "terminated", "cancelled"] = "active"
    effectuated: bool = False
    issuer_policy_id: str | None = None
    issuer_subscriber_id: str | None = None
    ended_by: Literal["exchange", "issuer"] | None = None
    end_reason: str | None = None  # ADDL MAINT REASON of the end
    end_told_on: date | None = None
    left: bool = False  # the exchange had ended it before the issuer did

    @property
    def subscriber(self) -> Enrollee:
        """The subscriber, who is never removed."""
        return self.enrollees[0]

    @property
    def covered(self) -> tuple[Enrollee, ...]:
        """The enrollees without those whom a maintenance removed."""
        return tuple(enrollee for enrollee in self.enrollees if not enrollee.removed)

    def home_of(self, enrollee: Enrollee) -> Address:
        """Where an enrollee lives, as far as the exchange has told."""
        return enrollee.last_home or self.application.address

    @property
    def premium(self) -> int:
        """The policy's premium in cents: PRE AMT TOT is the sum of each member's PRE AMT 1."""
        return sum(enrollee.premium for enrollee in self.covered)

    @property
    def responsible(self) -> int:
        """What the member owes a month, in cents: TOT RES AMT = PRE AMT TOT - APTC AMT."""
        return self.premium - self.aptc

    @property
    def status(self) -> str:
        """The policy's status at the exchange (CMS guide 7.2, table 16)."""
        if self.state != "active":
            return self.state
        return "effectuated" if self.effectuated else "initial"

    def ended(self, state: Literal["terminated", "cancelled"], end: date) -> "Policy":
        """The policy with its end and that of all who were still covered."""
        enrollees = tuple(
            enrollee if enrollee.removed else replace(enrollee, end=max(end, enrollee.begin))
            for enrollee in self.enrollees
        )
        return replace(self, state=state, end=end, enrollees=enrollees)

    def reopened(self) -> "Policy":
        """The policy as if it had not ended: open again for all who were covered until then."""
        enrollees = tuple(
            enrollee if enrollee.removed else replace(enrollee, end=None)
            for enrollee in self.enrollees
        )
        return replace(
            self,
            state="active",
            end=None,
            enrollees=enrollees,
            ended_by=None,
            end_reason=None,
            end_told_on=None,
            left=False,
        )
