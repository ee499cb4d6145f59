"""What the members of a carrier pay, night by night, and what must follow from it.

A payment that was once received stays as it is. Binder payments come in full at once, later but in
time, in two parts, in part, twice, too late, never, or are reversed on the same day; what a change
adds before the confirmation is paid, too. Monthly premiums follow, or stop after some months.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from simulator.exchange import ExchangeInABox, Known
from simulator.state import State

_BINDER_DAYS = 30  # after the first day; after the enrollment came, where that day was past
_FOUND_OUT_DAYS = 3  # after the deadline
_SMALLEST = 200  # cents: less is not paid in parts

# How a household pays its binder, by cumulative share.
_MANNERS = (
    (0.55, "at once"),
    (0.68, "later"),
    (0.75, "in two parts"),
    (0.80, "twice"),
    (0.86, "in part"),
    (0.91, "too late"),
    (0.94, "reversed"),
    (1.00, "never"),
)
_STOPS = 0.2  # share of the households that stop paying after one to three months

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    partner_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    part TEXT NOT NULL,              -- which payment of the policy it is
    amount INTEGER NOT NULL,         -- cents
    received_on TEXT NOT NULL,
    paid_through TEXT NOT NULL,
    PRIMARY KEY (policy_id, part)
);
CREATE INDEX IF NOT EXISTS payments_by_partner ON payments (partner_id, received_on);
CREATE TABLE IF NOT EXISTS expected (    -- policies whose binder was paid in full and in time
    policy_id TEXT PRIMARY KEY,
    partner_id TEXT NOT NULL,
    night INTEGER NOT NULL,
    certain INTEGER NOT NULL         -- 0 where the policy had ended before
);
"""


@dataclass(frozen=True)
class Payment:
    """Money received for a policy. Amounts are in cents."""

    policy_id: str
    amount: int
    received_on: date
    paid_through: date


class Payers:
    """The payments for the policies of one exchange; they are remembered with its state."""

    def __init__(self, exchange: ExchangeInABox, seed: int) -> None:
        self.exchange = exchange
        self.state: State = exchange.state
        self.seed = seed
        self.state.connection.executescript(_SCHEMA)

    def advance(self, partner_id: str, night: int) -> list[Known]:
        """Receives what is paid up to that night; the policies as the carrier knows them then."""
        day = self.exchange.scenario.day(night)
        known = self.exchange.known_to_carrier(partner_id, night)
        with self.state.transaction():
            for one in known:
                if one.policy.state != "cancelled":
                    self._binder(one, day)
                    self._rest(one, day)
                    self._premiums(one, day)
                self._expect(one, night)
        return known

    def received(self, partner_id: str, night: int) -> list[Payment]:
        """All payments for policies of the partner up to that night, in the order of receipt."""
        day = self.exchange.scenario.day(night)
        rows = self.state.connection.execute(
            "SELECT policy_id, amount, received_on, paid_through FROM payments"
            " WHERE partner_id = ? AND received_on <= ? ORDER BY received_on, policy_id, part",
            (partner_id, day.isoformat()),
        )
        return [
            Payment(policy_id, amount, date.fromisoformat(on), date.fromisoformat(through))
            for policy_id, amount, on, through in rows
        ]

    # Binder payments

    def _binder(self, known: Known, day: date) -> None:
        owed = owed_on(known, known.policy.begin)
        if owed == 0 or not known.needs_confirmation:
            return
        random = self._random(known, "binder")
        share = random.random()
        manner = next(name for limit, name in _MANNERS if share < limit)
        if owed < _SMALLEST:
            manner = "at once"
        first, deadline = known.arrived_on, binder_deadline(known)
        later = first + timedelta(days=random.randint(2, 12))
        paid_through = end_of_month(known.policy.begin)
        nothing = known.policy.begin - timedelta(days=1)
        match manner:
            case "at once":
                self._pay(known, "binder", owed, first, paid_through, day)
            case "later":
                self._pay(known, "binder", owed, later, paid_through, day)
            case "twice":
                self._pay(known, "binder", owed, first, paid_through, day)
                self._pay(known, "binder again", owed, later, paid_through, day)
            case "in two parts":
                self._pay(known, "binder part", owed // 2, first, nothing, day)
                rest = owed - self._paid(known.policy.policy_id)
                self._pay(known, "binder", rest, later, paid_through, day)
            case "in part":
                self._pay(known, "binder part", owed // 3, first, nothing, day)
            case "too late":
                late = deadline + timedelta(days=random.randint(1, 5))
                self._pay(known, "binder", owed, late, nothing, day)
            case "reversed":
                self._pay(known, "binder", owed, first, nothing, day)
                self._pay(
                    known, "reversal", -self._paid(known.policy.policy_id), first, nothing, day
                )
            case _:
                return

    def _rest(self, known: Known, day: date) -> None:
        """What a change has added to a binder that was paid in full and is not confirmed yet."""
        policy, through = known.policy, end_of_month(known.policy.begin)
        (is_paid,) = self.state.connection.execute(
            "SELECT count(*) FROM payments WHERE policy_id = ? AND part = 'binder'"
            " AND paid_through = ?",
            (policy.policy_id, through.isoformat()),
        ).fetchone()
        owed = owed_on(known, policy.begin)
        rest = owed - self._paid(policy.policy_id)
        if is_paid and rest > 0 and not policy.effectuated:
            self._pay(known, f"binder, {owed} in all", rest, day, through, day)

    def _premiums(self, known: Known, day: date) -> None:
        """One premium a month after the first, each on its first day or some days before."""
        is_bound = known.policy.effectuated or owed_on(known, known.policy.begin) == 0
        if not is_bound or known.policy.state != "active":
            return
        random = self._random(known, "premiums")
        stops = random.random() < _STOPS
        months = random.randint(1, 3) if stops else 12
        renewed = known.kind == "renewal"
        month = known.policy.begin if renewed else next_month(known.policy.begin)
        number = 0 if renewed else 1
        while number < months and month.year == known.policy.begin.year:
            paid_on = max(month - timedelta(days=random.randint(0, 9)), known.arrived_on)
            owed = owed_on(known, month)
            if owed:
                self._pay(known, f"{month:%Y-%m}", owed, paid_on, end_of_month(month), day)
            month = next_month(month)
            number += 1

    def _pay(  # noqa: PLR0913 - a payment, spelled out
        self, known: Known, part: str, amount: int, on: date, paid_through: date, day: date
    ) -> None:
        """Receives it once, when its day has come."""
        if on <= day and amount:
            self.state.connection.execute(
                "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    known.policy.partner_id,
                    known.policy.policy_id,
                    part,
                    amount,
                    max(on, known.enrolled_on).isoformat(),
                    paid_through.isoformat(),
                ),
            )

    def _paid(self, policy_id: str) -> int:
        (total,) = self.state.connection.execute(
            "SELECT ifnull(sum(amount), 0) FROM payments WHERE policy_id = ?"
            " AND (part IN ('binder', 'binder part') OR part LIKE 'binder, %')",
            (policy_id,),
        ).fetchone()
        return int(total)

    def _random(self, known: Known, what: str) -> Random:
        return Random(f"{self.seed}/{known.policy.policy_id}/{what}")

    # What must follow

    def _expect(self, known: Known, night: int) -> None:
        """Remembers the night in which a policy that waits for it was paid in full and in time."""
        policy = known.policy
        if not known.needs_confirmation:
            return
        (received,) = self.state.connection.execute(
            "SELECT ifnull(sum(amount), 0) FROM payments WHERE policy_id = ? AND received_on <= ?",
            (policy.policy_id, binder_deadline(known).isoformat()),
        ).fetchone()
        if received >= owed_on(known, policy.begin):
            self.state.connection.execute(
                "INSERT INTO expected VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (policy.policy_id, policy.partner_id, night, policy.state == "active"),
            )


def binder_deadline(known: Known) -> date:
    """The last day on which a binder payment is in time (45 CFR 155.400(e)(1))."""
    return max(known.policy.begin, known.arrived_on) + timedelta(days=_BINDER_DAYS)


def cancelled_by(known: Known) -> date:
    """The last day on which a policy may be open without a binder.

    Of a change in circumstance a person may have to find out first whether one is owed (CMS guide
    7.2, section 7.2.4).
    """
    return binder_deadline(known) + timedelta(days=_FOUND_OUT_DAYS if known.is_continued else 0)


def owed_on(known: Known, day: date) -> int:
    """What is owed a month on that day, in cents."""
    return known.amounts_on(day).responsible


def end_of_month(day: date) -> date:
    """The last day of that month."""
    return next_month(day) - timedelta(days=1)


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
