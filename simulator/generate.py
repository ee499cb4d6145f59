"""One enrollment file of any size, written as it is made: for benchmarks and first trials."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import count
from pathlib import Path

from schemas.partners import Exchange, Partner, Plan, load_exchange
from simulator.files import Envelope, Group, write_interchange
from simulator.people import Household
from simulator.population import household, policies
from simulator.transactions import MemberChange, SetNumbers, Transaction, render_set

_INITIAL = MemberChange("021", "EC", "")


def write_enrollment_file(path: Path, members: int, seed: int, partner: Partner) -> int:
    """The bytes written: one I834 file of initial enrollments with exactly `members` INS.

    One functional group a plan, one transaction set an enrollment group. Memory does not grow with
    the number of members; the same arguments give the same bytes.
    """
    exchange = load_exchange(partner.exchange)
    created = datetime(2026, 12, 1, 6)
    envelope = Envelope(exchange.interchange.exchange_id, partner.trading_partner_id, 1, created)
    writer = _Writer(partner, exchange, seed, created)
    with path.open("w", encoding="ascii", newline="") as file:
        groups = writer.groups(members)
        return sum(
            file.write(text) for text in write_interchange(envelope, partner, exchange, groups)
        )


class _Writer:
    """Makes the groups of one file; its counters run through the whole file."""

    def __init__(self, partner: Partner, exchange: Exchange, seed: int, created: datetime) -> None:
        self.partner = partner
        self.exchange = exchange
        self.seed = seed
        self.created = created
        self.household_numbers = count()
        self.set_numbers = count(1)

    def groups(self, members: int) -> Iterator[Group]:
        """A group for each plan that gets members."""
        plans = self.partner.plans
        for number, plan in enumerate(plans):
            share = members * (number + 1) // len(plans) - members * number // len(plans)
            if share:
                yield Group(plan.plan_id, number + 1, self.sets(plan, share))

    def sets(self, plan: Plan, members: int) -> Iterator[list[str]]:
        """Transaction sets with that many members together."""
        begin = date(self.created.year + 1, 1, 1)
        while members > 0:
            home = household(self.seed, self.partner, next(self.household_numbers))
            home = _at_most(members, home)
            members -= len(home.persons)
            for policy in policies(self.seed, self.partner, home, begin, plan):
                changes = {person.member_id: _INITIAL for person in home.persons}
                transaction = Transaction("initial", policy, changes, begin, self.created)
                number = f"{next(self.set_numbers):09d}"
                yield render_set(
                    transaction, self.partner, SetNumbers(number, number, self.created)
                )


def _at_most(members: int, home: Household) -> Household:
    return replace(home, persons=home.persons[:members])
