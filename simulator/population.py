"""Synthetic households: seeded, fictional, and consistent enough to be enrolled.

Nobody is real. Social security numbers use the areas 900-999, which are never issued to persons;
phone numbers end in 01xx after the exchange 555, e-mail addresses are at example.com.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random

from schemas.partners import Partner, Plan
from simulator.people import (
    Address,
    Application,
    Broker,
    Enrollee,
    Household,
    Person,
    Policy,
)

REFERENCE_DATE = date(2026, 12, 1)  # ages are counted on this day

_SIZES = (1, 2, 3, 4, 5, 6)
_SIZE_WEIGHTS = (45, 25, 12, 11, 5, 2)
_RACES = ("2106-3", "2054-5", "2148-5", "2186-5", "2029-7", "2047-9", "2131-1")
_VARIANTS = ("01", "01", "01", "04", "05", "06")
_SPOUSE, _CHILD, _SUBSCRIBER = "01", "19", "18"


@cache
def _names() -> dict[str, tuple[str, ...]]:
    with (files("simulator") / "names.csv").open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return {kind: tuple(r["name"] for r in rows if r["kind"] == kind) for kind in kinds}


@cache
def _places(state: str) -> tuple[dict[str, str], ...]:
    with (files("simulator") / "places.csv").open(encoding="ascii") as file:
        places = tuple(row for row in csv.DictReader(file) if row["state"] == state)
    if not places:
        raise ValueError(f"simulator/places.csv has no place in {state}. Add at least one.")
    return places


def household(seed: int, partner: Partner, index: int) -> Household:
    """The household number `index` of a partner's population; the same for the same seed."""
    random = Random(f"{seed}/{partner.id}/{index}")
    application = _application(random, partner, index)
    size = random.choices(_SIZES, _SIZE_WEIGHTS)[0]
    subscriber_age = random.randint(3, 16) if random.random() < 0.01 else random.randint(19, 64)
    if subscriber_age < 18:
        size = 1
        guardian = random.choice(_names()["female"])
        application = replace(application, guardian=guardian, marital_status="R")
    family = _Family(partner, index, random.choice(_names()["last"]), random)
    subscriber = family.person(0, _SUBSCRIBER, subscriber_age)
    married = size > 1 and random.random() < 0.7
    if married:
        application = replace(application, marital_status="M")
    return Household(index, application, (subscriber, *family.dependents(size, married)))


def newcomer(seed: int, partner: Partner, home: tuple[Person, ...]) -> Person:
    """A child who joins the household of these persons, with the next member id."""
    index = int(home[0].member_id[3:-1])
    number = max(int(person.member_id[-1]) for person in home) + 1
    random = Random(f"{seed}/{partner.id}/{index}/newcomer/{number}")
    family = _Family(partner, index, home[0].last_name, random)
    return family.person(number, _CHILD, random.randint(0, 17))


def policies(
    seed: int, partner: Partner, home: Household, begin: date, plan: Plan | None = None
) -> Iterator[Policy]:
    """The policies that a household bought: a medical one mostly, a dental one sometimes.

    With `plan` there is exactly one policy, in that plan.
    """
    random = Random(f"{seed}/{partner.id}/{home.index}/policies")
    if plan is not None:
        yield _policy(random, partner, home, plan, begin)
        return
    medical = [plan for plan in partner.plans if plan.insurance_line == "HLT"]
    dental = [plan for plan in partner.plans if plan.insurance_line == "DEN"]
    if medical:
        yield _policy(random, partner, home, random.choice(medical), begin)
    if dental and (not medical or random.random() < 0.25):
        yield _policy(random, partner, home, random.choice(dental), begin)


def monthly_premium(person: Person, insurance_line: str, rate: float) -> int:
    """A member's premium in cents: it rises with age, and with tobacco for medical coverage."""
    age = (REFERENCE_DATE - person.birth_date).days // 365
    if insurance_line == "DEN":
        return round(rate * (1800 if age < 19 else 2900))
    factor = 0.765 if age < 15 else 1.0 + max(0, age - 21) * 0.046
    return round(rate * 28000 * factor * (1.15 if person.tobacco else 1.0))


@dataclass(frozen=True)
class _Family:
    """Makes the persons of one household from its own random stream."""

    partner: Partner
    index: int
    last_name: str
    random: Random

    def person(self, number: int, relationship: str, age: int) -> Person:
        random = self.random
        gender = random.choice("FM")
        names = _names()["female" if gender == "F" else "male"]
        first_name = random.choice(names)
        serial = self.index * 10 + number
        phone = f"{random.randint(201, 989)}55501{random.randint(0, 99):02d}"
        adult = age >= 18
        return Person(
            member_id=f"2{self.partner.hios_issuer_id[3:]}{serial:08d}",
            last_name=self.last_name,
            first_name=first_name,
            middle_name=random.choice(("", "", "", first_name[0], "LEE", "MARIE", "JAMES")),
            suffix="JR" if gender == "M" and random.random() < 0.03 else "",
            ssn=None if random.random() < 0.12 else _never_issued_ssn(serial),
            birth_date=REFERENCE_DATE
            - timedelta(days=age * 365 + age // 4 + random.randint(1, 360)),
            gender=gender,
            relationship=relationship,
            tobacco=adult and random.random() < 0.1,
            race=random.choice(("", *_RACES)),
            phone=phone if adult else "",
            email=f"{first_name.lower()}.{serial}@example.com" if adult else "",
        )

    def dependents(self, size: int, married: bool) -> Iterator[Person]:
        if married:
            yield self.person(1, _SPOUSE, self.random.randint(20, 63))
        for number in range(2 if married else 1, size):
            yield self.person(number, _CHILD, self.random.randint(0, 24))


def _never_issued_ssn(serial: int) -> str:
    area, rest = divmod(serial, 40 * 9999)
    group, last = divmod(rest, 9999)
    return f"{900 + area % 100}{10 + group:02d}{last + 1:04d}"


def _application(random: Random, partner: Partner, index: int) -> Application:
    broker = None
    if random.random() < 0.3:
        broker = Broker(random.choice(_names()["broker"]), str(random.randint(1000000, 19999999)))
    return Application(
        application_id=f"4{partner.hios_issuer_id[3:]}{index:07d}",
        address=_address(random, partner),
        mailing=_address(random, partner) if random.random() < 0.08 else None,
        payment_transaction_id=f"PT{index:08d}" if random.random() < 0.4 else None,
        marital_status=random.choice("UUR"),
        language=random.choice((None, "ENG", "ENG", "SPA")),
        broker=broker,
        guardian=None,
    )


def _address(random: Random, partner: Partner) -> Address:
    place = random.choice(_places(partner.state))
    return Address(
        line_1=f"{random.randint(1, 9899)} {random.choice(_names()['street'])}",
        line_2=f"APT {random.randint(1, 40)}" if random.random() < 0.2 else "",
        city=place["city"],
        state=place["state"],
        postal_code=place["postal_code"],
        county_code=place["county_code"],
        rating_area=place["rating_area"],
    )


def _policy(random: Random, partner: Partner, home: Household, plan: Plan, begin: date) -> Policy:
    dental = plan.insurance_line == "DEN"
    rate = random.uniform(0.9, 1.3)
    enrollees = tuple(
        Enrollee(person, monthly_premium(person, plan.insurance_line, rate), begin)
        for person in home.persons
    )
    total = sum(enrollee.premium for enrollee in enrollees)
    return Policy(
        policy_id=f"1{partner.hios_issuer_id[3:]}{home.index:07d}{int(dental)}",
        partner_id=partner.id,
        plan_id=plan.plan_id + ("01" if dental else random.choice(_VARIANTS)),
        insurance_line=plan.insurance_line,
        application=home.application,
        enrollees=enrollees,
        aptc=0 if dental else _tax_credit(random, total),
        begin=begin,
    )


def _tax_credit(random: Random, total: int) -> int:
    """Cents of APTC: none for some, the whole premium for a few, a part for most."""
    kind = random.random()
    if kind < 0.25:
        return 0
    if kind < 0.37:
        return total
    return round(total * random.uniform(0.2, 0.9))
