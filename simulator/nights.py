"""What the exchange sends in a night: who is enrolled, what changes, and what goes wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from random import Random

from schemas.partners import Partner
from simulator import events, faults
from simulator.faults import NightFaults
from simulator.files import Envelope, Group, file_name, write_interchange
from simulator.life import LifeOfNight
from simulator.people import Household, Policy
from simulator.population import household, policies
from simulator.scenario import Scenario
from simulator.standing import current
from simulator.state import ACCEPTED, GOOD, History, PlannedFile, PlannedSend, State
from simulator.transactions import SetNumbers, Transaction, render_set

MORNING, EVENING = time(6), time(18)

_RENEWED = 0.3  # share of the first night's households
_NEW_LATER = 0.05  # of the population, each later night
_CHANGED = 0.08  # of the policies that can change, each night
_FEWEST_CHANGES = 8  # one of each kind, where there are enough policies
_DAMAGED_FILE_HOUSEHOLDS = 8  # at most, in each file that is damaged on purpose
_FEWEST_DAMAGED = 3  # one for each damaged set
_STRANGERS = 9_000_000  # household numbers of those whom the exchange does not have


@dataclass(frozen=True)
class Entry:
    """A transaction set to send. `transaction_id` is None when the exchange has no such policy."""

    transaction_id: int | None
    transaction: Transaction
    fault: str | None = None


def plan_night(state: State, scenario: Scenario, night: int) -> None:
    """Decides and renders everything that goes out in that night. Call within a transaction."""
    for ordinal, partner in enumerate(scenario.partners.values()):
        random = Random(f"{scenario.seed}/{partner.id}/night {night}")
        planned = NightFaults(scenario.faults, random)
        if night == 1:
            count = len(scenario.partners)
            planned = faults.standard_faults(ordinal, count, scenario.faults, random)
        PartnerNight(state, scenario, partner, night, planned).plan()
    state.connection.execute("INSERT INTO nights (night) VALUES (?)", (night,))


def plan_closing(state: State, scenario: Scenario, night: int) -> None:
    """The night after the last: what was held back comes, and what failed comes undamaged.

    May be called again: what was sent again and is not answered yet is not sent once more. From
    then on the last night is over, as it is when another one was sent.
    """
    state.connection.execute(
        "INSERT INTO nights (night) VALUES (?) ON CONFLICT DO NOTHING", (night,)
    )
    state.connection.execute(
        "UPDATE files SET night = ? WHERE placement = 'planned' AND night > ?", (night, night)
    )
    unharmed = replace(scenario, faults=0.0)
    for partner in scenario.partners.values():
        none = NightFaults(0.0, Random(f"{scenario.seed}/{partner.id}/closing"))
        PartnerNight(state, unharmed, partner, night, none).send_again()


class PartnerNight:
    """One partner's night: what is sent, and how it is made into files."""

    def __init__(
        self, state: State, scenario: Scenario, partner: Partner, night: int, planned: NightFaults
    ) -> None:
        self.state = state
        self.scenario = scenario
        self.partner = partner
        self.night = night
        self.faults = planned
        self.random = planned.random
        self.day = scenario.day(night)
        self.begin = _first_of_next_month(self.day)

    def plan(self) -> None:
        """Files in the order in which the exchange makes them."""
        if self.scenario.life and self.night > 1:
            LifeOfNight(self).plan()
            return
        homes = self.homes()
        few = min(_DAMAGED_FILE_HOUSEHOLDS, max(_FEWEST_DAMAGED, len(homes) // 6))
        again = self.again()
        renewed = _take(homes, round(len(homes) * _RENEWED) if self.night == 1 else 0)
        self.file("I834AR", MORNING, [*again["I834AR"], *self._renewals(renewed)])
        self.file("I834RT", MORNING, again["I834RT"])
        if self.faults.sets:
            self._damaged_sets(self._initials(_take(homes, few)))
        if self.faults.file:
            self.file("I834", MORNING, self._initials(_take(homes, few)), self.faults.file)
        self.file("I834", MORNING, self._initials(homes))
        for noise in self.faults.of_mailbox():
            self.noise(noise)
        changes = [*self._changes(), *self.strangers_change()]
        self.file("I834", EVENING, changes, evening=True)

    # Who is sent

    def homes(self, later: float = _NEW_LATER) -> list[Household]:
        """Households that are new in this night, as many as hold the wanted members."""
        share = self.scenario.members / len(self.scenario.partners)
        wanted = share if self.night == 1 else share * later
        homes: list[Household] = []
        members = 0
        while members < wanted:
            index = self.state.next_number(f"household {self.partner.id}") - 1
            homes.append(household(self.scenario.seed, self.partner, index))
            members += len(homes[-1].persons)
        return homes

    def _policies(self, homes: Iterable[Household]) -> Iterator[Policy]:
        for home in homes:
            yield from policies(self.scenario.seed, self.partner, home, self.begin)

    def submitted(self) -> datetime:
        """A moment of the afternoon or evening before."""
        return datetime.combine(self.day, time()) - timedelta(seconds=self.random.randint(1, 36000))

    def _renewals(self, homes: Iterable[Household]) -> list[Entry]:
        waived = self.scenario.exchange.effectuation.not_required_for
        return [
            self.entry(events.renewal(policy, self.submitted(), self.random, waived))
            for policy in self._policies(homes)
        ]

    def _initials(self, homes: Iterable[Household]) -> list[Entry]:
        return [
            self.entry(events.initial(policy, self.submitted())) for policy in self._policies(homes)
        ]

    def _changes(self) -> list[Entry]:
        candidates = self._changeable()
        ends_all = self.night == self.scenario.mass_ending
        wanted = max(_FEWEST_CHANGES, round(len(candidates) * _CHANGED))
        if ends_all:
            wanted = len(candidates)
        chosen = self.random.sample(candidates, min(wanted, len(candidates)))
        entries = []
        for number, history in enumerate(chosen):
            (last,) = self.state.load_transactions(history.transaction_ids[-1:])
            policy = current(self.state, last.policy.policy_id)
            if policy.state == "active":
                if ends_all:
                    change = events.termination(policy, self.occasion())
                else:
                    change = self.change(policy, number)
                entries.append(self.entry(change))
        return entries

    def _changeable(self) -> list[History]:
        """Policies all of whose transactions arrived; on the first night, were sent undamaged."""
        condition = GOOD if self.night == 1 else ACCEPTED
        histories = self.state.histories(self.partner.id, condition)
        return [h for h in histories if h.arrived == len(h.transaction_ids)]

    def change(
        self, policy: Policy, number: int, occasion: events.Occasion | None = None
    ) -> Transaction:
        """A change of that number in turn."""
        possible, make = events.CHANGES[number % len(events.CHANGES)]
        if not possible(policy):
            make = events.financial_change
        return make(policy, occasion or self.occasion())

    def occasion(self) -> events.Occasion:
        """A moment of the afternoon, for what takes effect next month."""
        noon = datetime.combine(self.day, time(12))
        submitted = noon + timedelta(seconds=self.random.randint(1, 18000))
        return events.Occasion(submitted, self.begin, self.scenario.seed, self.partner, self.random)

    def strangers_change(self) -> list[Entry]:
        """A change of a policy never sent, when faults want it."""
        return [self._stranger()] if self.faults.of_evening() else []

    def _stranger(self) -> Entry:
        """A maintenance for a policy that was never sent."""
        number = _STRANGERS + self.state.next_number(f"stranger {self.partner.id}")
        home = household(self.scenario.seed, self.partner, number)
        policy = next(self._policies([home]))
        change = events.financial_change(policy, self.occasion())
        return Entry(None, change, faults.UNKNOWN_POLICY)

    def entry(self, transaction: Transaction) -> Entry:
        """The entry of a transaction that is kept from now on."""
        return Entry(self.state.add_transaction(transaction), transaction)

    def again(self) -> dict[str, list[Entry]]:
        """What is sent again, by function code: renewals keep I834AR (guide, table 24)."""
        again: dict[str, list[Entry]] = {"I834AR": [], "I834RT": []}
        for history in self.state.histories(self.partner.id, ACCEPTED):
            waiting = history.transaction_ids[history.arrived :]
            if not waiting or not self.state.failed_by_fault(waiting[0]):
                continue
            loaded = self.state.load_transactions(waiting)
            for transaction_id, transaction in zip(waiting, loaded, strict=True):
                code = "I834AR" if transaction.kind == "renewal" else "I834RT"
                again[code].append(Entry(transaction_id, transaction))
        return again

    def send_again(self) -> None:
        """Plans the files of what is sent again."""
        again = self.again()
        self.file("I834AR", MORNING, again["I834AR"])
        self.file("I834RT", MORNING, again["I834RT"])

    # How it is sent

    def _damaged_sets(self, entries: list[Entry]) -> None:
        """One file of good sets, but for one with each fault."""
        names = [name for name in self.faults.sets if name in faults.SET_FAULTS]
        damaged = [replace(entry, fault=name) for name, entry in zip(names, entries, strict=False)]
        strangers = [self._stranger()] if faults.UNKNOWN_POLICY in self.faults.sets else []
        rest = entries[len(damaged) :]
        self.file("I834", MORNING, [*damaged, *rest, *strangers], deliberate=True)

    def file(  # noqa: PLR0913 - what makes a file, spelled out
        self,
        function_code: str,
        drop: time,
        entries: list[Entry],
        fault: str | None = None,
        *,
        deliberate: bool = False,
        evening: bool = False,
        held: int = 0,
    ) -> None:
        """Plans a file. Faults by the rate strike it unless it is damaged on purpose.

        It comes with the `evening`'s drop, whichever its name says, and `held` nights later.
        """
        if not entries:
            return
        if fault is None and not deliberate:
            fault = self.faults.of_file()
            entries = [replace(e, fault=e.fault or self.faults.of_set()) for e in entries]
        created = self._created(drop)
        sender = self.scenario.exchange.interchange.exchange_id
        name = file_name(self.partner, function_code, created)
        self._add(name, sender, entries, fault, created, evening=evening, held=held)

    def _created(self, drop: time) -> datetime:
        number = self.state.file_count(self.night, self.partner.id)
        return datetime.combine(self.day, drop) + timedelta(seconds=number)

    def _add(  # noqa: PLR0913 - what makes a file, spelled out
        self,
        name: str,
        sender: str,
        entries: list[Entry],
        fault: str | None,
        created: datetime,
        *,
        evening: bool = False,
        held: int = 0,
    ) -> None:
        isa13 = self.state.next_number("ISA13")
        envelope = Envelope(sender, self.partner.trading_partner_id, isa13, created)
        sends: list[PlannedSend] = []
        groups = list(self._groups(entries, created, sends))
        text = "".join(write_interchange(envelope, self.partner, self.scenario.exchange, groups))
        content = text.encode("ascii")
        if fault in faults.FILE_FAULTS:
            content = faults.FILE_FAULTS[fault](content)
        self.state.add_file(
            PlannedFile(
                self.night + held,
                self.partner.id,
                "enrollment",
                name,
                content,
                fault,
                isa13,
                tuple(sends),
                made_night=self.night,
                evening=evening,
            )
        )

    def _groups(
        self, entries: list[Entry], created: datetime, sends: list[PlannedSend]
    ) -> Iterator[Group]:
        """One group for each plan; each set's numbers are added to `sends`."""
        for plan_id, of_plan in groupby(sorted(entries, key=_plan_of), key=_plan_of):
            number = self.state.next_number("GS06")
            sets = []
            for entry in of_plan:
                numbers = SetNumbers(
                    f"{self.state.next_number('ST02'):09d}",
                    f"{self.state.next_number('BGN02'):07d}",
                    created,
                )
                segments = render_set(entry.transaction, self.partner, numbers)
                if entry.fault in faults.SET_FAULTS:
                    segments = faults.SET_FAULTS[entry.fault](segments)
                sets.append(segments)
                sends.append(
                    PlannedSend(
                        entry.transaction_id,
                        entry.fault,
                        number,
                        numbers.control_number,
                        numbers.reference,
                        len(entry.transaction.members),
                    )
                )
            yield Group(plan_id, number, sets)

    def noise(self, kind: str) -> None:
        """Plans a file that should not have come."""
        created = self._created(MORNING)
        name = file_name(self.partner, "I834", created)
        if kind == faults.UNKNOWN_SENDER:
            self._add(name, faults.FOREIGN_SENDER_ID, [self._stranger()], kind, created)
            return
        isa13, content = None, faults.not_x12() if kind == faults.NOT_X12 else b""
        if kind == faults.DUPLICATE:
            isa13, content = self._largest_file()
        self.state.add_file(
            PlannedFile(self.night, self.partner.id, "enrollment", name, content, kind, isa13)
        )

    def _largest_file(self) -> tuple[int | None, bytes]:
        """ISA13 and content of this night's largest undamaged file; nothing when there is none."""
        row = self.state.connection.execute(
            "SELECT interchange, content FROM files WHERE night = ? AND partner_id = ?"
            " AND fault IS NULL ORDER BY length(content) DESC, file_id LIMIT 1",
            (self.night, self.partner.id),
        ).fetchone()
        return (row[0], row[1]) if row else (None, b"")


def _take(homes: list[Household], count: int) -> list[Household]:
    """The first households, which are removed from the list."""
    taken, homes[:] = homes[:count], homes[count:]
    return taken


def _plan_of(entry: Entry) -> str:
    return entry.transaction.policy.plan_id[:14]


def _first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
