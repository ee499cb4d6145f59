"""What happens to policies after the first night: a whole life of them, seeded.

New households whose coverage begins next month or has begun already; changes of the night before
and of the day, in the two drops of CMS guide 7.2, table 11; changes in circumstance, people who
enroll and cancel several times in a day, the renewal of all policies for the next plan year and
the cancellations that follow from it, retransmissions once a week, and files that come late or in
the wrong order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from simulator import events
from simulator.people import Policy
from simulator.population import policies
from simulator.renewing import bulk_renewal, from_another_issuer
from simulator.standing import current
from simulator.state import ACCEPTED, History

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.nights import Entry, PartnerNight
    from simulator.transactions import Transaction

MORNING, EVENING = time(6), time(18)

_NEW = 0.01  # of the population, each night
_MANY_BEGUN, _MANY = 2, 0.1  # in this night more come, whose coverage has all begun
_BEGUN_ALREADY = 0.4  # share of the new households whose coverage has begun
_FROM_OTHERS = 0.01  # of the population, with the renewals
_CHANGED = 0.02  # of the policies that can change, each night
_FEWEST_CHANGES = 2
_CIRCUMSTANCES = 0.4  # share of the nights with a change in circumstance
_ALSO_FAILED = 0.3  # share of the policies whose last transaction failed that change again
_HELD = 0.12  # share of the evening files that come some nights later
_SWAPPED = 0.1  # share of the nights whose two files come with each other's times
_RENEWAL_DAY = (12, 15)
_WEEK, _RETRANSMITTED = 7, 2  # every seventh night from the second


class LifeOfNight:
    """One partner's night in the life of its policies."""

    def __init__(self, night: PartnerNight) -> None:
        self.night = night
        self.state = night.state
        self.random = night.random
        self.touched: set[str] = set()  # policies of which this night says something

    def plan(self) -> None:
        """Files in the order in which the exchange makes them."""
        night = self.night
        if night.night % _WEEK == _RETRANSMITTED:
            self._drop_what_never_left()
            night.send_again()
        if (night.day.month, night.day.day) == _RENEWAL_DAY:
            night.file("I834AR", MORNING, self._renewals())
        first, second = MORNING, EVENING
        if self.random.random() < _SWAPPED:
            first, second = second, first
        changeable = self._changeable()
        half = len(changeable) // 2
        of_morning = [*self._new(), *self._carried_forward(), *self._changes(changeable[:half])]
        night.file("I834", first, of_morning)
        for noise in night.faults.of_mailbox():
            night.noise(noise)
        of_evening = [
            *self._changes(changeable[half:], in_evening=True),
            *self._in_circumstance(changeable[half:]),
            *self._undecided(),
            *night.strangers_change(),
        ]
        held = self.random.randint(1, 4) if self.random.random() < _HELD else 0
        night.file("I834", second, of_evening, evening=True, held=held)

    # Retransmission

    def _drop_what_never_left(self) -> None:
        """An enrollment that failed, and was cancelled since, is not sent at all (7.2.10)."""
        for history in self.state.histories(self.night.partner.id, ACCEPTED):
            ids = history.transaction_ids
            if history.arrived or not self.state.failed_by_fault(ids[0]):
                continue
            loaded = list(self.state.load_transactions(ids))
            if any(one.kind == "cancellation" for one in loaded):
                self.state.drop_policy(history.policy_id)

    # New policies

    def _new(self) -> list[Entry]:
        entries = []
        many = self.night.night == _MANY_BEGUN
        for home in self.night.homes(_MANY if many else _NEW):
            begin = self._begun() if many else self._begin()
            seed, partner = self.night.scenario.seed, self.night.partner
            entries += [
                self._entry(events.initial(policy, self.night.submitted()))
                for policy in policies(seed, partner, home, begin)
            ]
        return entries

    def _begin(self) -> date:
        """Next month's first day, or one of the year's last months."""
        return self._begun() if self.random.random() < _BEGUN_ALREADY else self.night.begin

    def _begun(self) -> date:
        this_month = self.night.day.replace(day=1)
        earliest = max(1, this_month.month - 3)
        return this_month.replace(month=self.random.randint(earliest, this_month.month))

    def _new_id(self, policy: Policy) -> str:
        """Another policy id for the same persons; the last digit says medical or dental."""
        number = self.state.next_number(f"policy {policy.partner_id}")
        return f"3{policy.policy_id[1:3]}{number:07d}{policy.policy_id[-1]}"

    def _undecided(self) -> list[Entry]:
        """A household that enrolls, cancels and enrolls again on one day, every few nights."""
        if self.random.random() > 0.3:
            return []
        night = self.night
        entries = []
        home = night.homes(1e-9)[0]
        policy = next(policies(night.scenario.seed, night.partner, home, night.begin))
        moment = datetime.combine(night.day, time(8))
        times = self.random.randint(1, 3)
        for turn in range(times):
            moment += timedelta(minutes=self.random.randint(10, 90))
            entries.append(self._entry(events.initial(policy, moment)))
            if turn == times - 1 and times > 1:
                break  # the last word is an enrollment
            moment += timedelta(minutes=self.random.randint(10, 90))
            occasion = replace(night.occasion(), submitted=moment)
            entries.append(self._entry(events.cancellation(policy, occasion)))
            policy = replace(policy, policy_id=self._new_id(policy))
        return entries

    # The next plan year

    def _renewals(self) -> list[Entry]:
        """Every open policy of this year, for the next one."""
        entries = []
        begin = date(self.night.day.year + 1, 1, 1)
        for history in self.state.histories(self.night.partner.id, ACCEPTED):
            policy = current(self.state, history.policy_id)
            is_open = policy.state == "active" and policy.begin.year < begin.year
            if not is_open or history.arrived < len(history.transaction_ids):
                continue
            policy_id = self._new_id(policy)
            submitted, others = self.night.submitted(), self._other_plans(policy)
            renewal = bulk_renewal(policy, policy_id, begin, submitted, self.random, others)
            entries.append(self._entry(renewal))
            self.state.connection.execute(
                "INSERT INTO renewals (policy_id, base_policy_id, partner_id) VALUES (?, ?, ?)",
                (policy_id, policy.policy_id, policy.partner_id),
            )
        return [*entries, *self._from_other_issuers(begin)]

    def _from_other_issuers(self, begin: date) -> Iterator[Entry]:
        """Households that the exchange enrolls with this issuer, as their own has left."""
        seed, partner = self.night.scenario.seed, self.night.partner
        for home in self.night.homes(_FROM_OTHERS):
            for policy in policies(seed, partner, home, begin):
                yield self._entry(from_another_issuer(policy, self.night.submitted()))

    def _other_plans(self, policy: Policy) -> list[str]:
        """The issuer's other plans of the policy's insurance line."""
        return [
            plan.plan_id
            for plan in self.night.partner.plans
            if plan.insurance_line == policy.insurance_line and plan.plan_id != policy.plan_id[:14]
        ]

    def _carried_forward(self) -> list[Entry]:
        """Renewals whose policy of the year before ended are cancelled, some weeks afterwards."""
        entries = []
        rows = self.state.connection.execute(
            "SELECT policy_id, base_policy_id, cancel_night FROM renewals"
            " WHERE partner_id = ? AND ifnull(cancel_night, ?) >= ? ORDER BY policy_id",
            (self.night.partner.id, self.night.night, self.night.night),
        ).fetchall()
        for policy_id, base_policy_id, cancel_night in rows:
            if cancel_night == self.night.night:
                policy = current(self.state, policy_id)
                if policy.state == "active":
                    self.touched.add(policy_id)
                    occasion = self._occasion(policy, in_evening=False)
                    entries.append(self._sent(events.carry_forward(policy, occasion)))
            elif cancel_night is None and current(self.state, base_policy_id).state != "active":
                self.state.connection.execute(
                    "UPDATE renewals SET cancel_night = ? WHERE policy_id = ?",
                    (self.night.night + self.random.randint(3, 20), policy_id),
                )
        return [entry for entry in entries if entry is not None]

    # Changes

    def _changeable(self) -> list[History]:
        """Policies that can change, in no order: what failed sometimes changes again."""
        histories = self.state.histories(self.night.partner.id, ACCEPTED)
        chosen = [history for history in histories if self._can_change(history)]
        self.random.shuffle(chosen)
        return chosen

    def _can_change(self, history: History) -> bool:
        waiting = history.transaction_ids[history.arrived :]
        if not waiting:
            return True
        if self.state.failed_by_fault(waiting[0]):
            return self.random.random() < _ALSO_FAILED
        return bool(history.arrived) and self.state.is_on_its_way(waiting[0])

    def _changes(self, changeable: list[History], *, in_evening: bool = False) -> Iterator[Entry]:
        wanted = max(_FEWEST_CHANGES, round(len(changeable) * _CHANGED))
        for number, history in enumerate(changeable[:wanted]):
            policy = current(self.state, history.policy_id)
            is_open = policy.state == "active" and history.policy_id not in self.touched
            if is_open and self._is_of_this_year(policy):
                self.touched.add(policy.policy_id)
                occasion = self._occasion(policy, in_evening=in_evening)
                made = self.night.change(policy, number + self.night.night, occasion)
                entry = self._sent(made)
                if entry is not None:
                    yield entry

    def _in_circumstance(self, changeable: list[History]) -> Iterator[Entry]:
        """One policy gives way to another plan, where the issuer has one."""
        if self.random.random() > _CIRCUMSTANCES:
            return
        for history in reversed(changeable[-5:]):
            policy = current(self.state, history.policy_id)
            others = self._other_plans(policy)
            arrived = history.arrived == len(history.transaction_ids)
            is_open = policy.state == "active" and policy.policy_id not in self.touched
            if is_open and others and arrived and self._is_of_this_year(policy):
                self.touched.add(policy.policy_id)
                plan_id = self.random.choice(others) + policy.plan_id[14:]
                occasion = self._occasion(policy, in_evening=True)
                new_id = self._new_id(policy)
                pair = events.change_in_circumstance(policy, new_id, plan_id, occasion)
                yield from (self._entry(half) for half in pair)
                return

    def _is_of_this_year(self, policy: Policy) -> bool:
        return policy.begin.year >= self.night.day.year

    def _occasion(self, policy: Policy, *, in_evening: bool) -> events.Occasion:
        """Of the day, or of the evening before; it takes effect within the plan year."""
        occasion = self.night.occasion()
        effective = min(occasion.effective, date(policy.begin.year, 12, 1))
        if in_evening:
            return replace(occasion, effective=effective)
        evening = datetime.combine(self.night.day, time()) - timedelta(
            seconds=self.random.randint(1, 10_000)
        )
        return replace(occasion, effective=effective, submitted=evening)

    def _entry(self, transaction: Transaction) -> Entry:
        return self.night.entry(transaction)

    def _sent(self, transaction: Transaction) -> Entry | None:
        """The entry; None where something before it failed: then it waits for that (7.2.10)."""
        histories = self.state.histories(
            self.night.partner.id, ACCEPTED, policy_id=transaction.policy.policy_id
        )
        waiting = histories[0].transaction_ids[histories[0].arrived :]
        fails = bool(waiting) and self.state.failed_by_fault(waiting[0])
        entry = self._entry(transaction)
        return None if fails else entry
