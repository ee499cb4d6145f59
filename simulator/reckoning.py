"""What the exchange finds at the end: who was confirmed, what it rejected, what never came."""

from dataclasses import dataclass
from typing import Any

from simulator.answer_faults import BUSINESS, CROSSED, FILE, GROUP, INTERCHANGE, LOST
from simulator.carrier import CarrierCore
from simulator.exchange import ExchangeInABox, Known
from simulator.numbering import breaks, control_numbers
from simulator.payers import cancelled_by
from simulator.state import ACCEPTED


@dataclass(frozen=True)
class Reckoning:
    """Policy ids, but where it says something else.

    A policy should be confirmed when its binder was paid in full and in time, or nothing is owed,
    unless it had ended by then; what was rejected on purpose excuses those that ended later.
    """

    confirmed: int  # how many should be and are, once
    excused: int  # how many should have been, and ended before
    not_confirmed: tuple[str, ...]
    confirmed_twice: tuple[str, ...]
    confirmed_wrongly: tuple[str, ...]
    overdue: tuple[str, ...]  # open, though their binder was not paid by its deadline
    damaged: int  # how many transaction sets came damaged, on purpose
    never_came: tuple[str, ...]  # something of them never came undamaged
    rejected_sets: tuple[str, ...]  # on purpose or because something crossed, one for each set
    rejected_files: tuple[str, ...]  # names, rejected on purpose
    lost_files: tuple[str, ...]  # names
    not_found: tuple[str, ...]  # names of those that are lost still
    numbers: int  # how many control numbers the carrier has used
    number_breaks: tuple[str, ...]  # which of them do not follow the one before


class Reckoner:
    """Reckons up one exchange and its carrier after the last night."""

    def __init__(self, exchange: ExchangeInABox, carrier: CarrierCore, last_night: int) -> None:
        self.exchange = exchange
        self.state = exchange.state
        self.carrier = carrier
        self.last_day = exchange.scenario.day(last_night)

    def reckon(self) -> Reckoning:
        """What is found now."""
        known = {
            one.policy.policy_id: one
            for partner_id in self.exchange.scenario.partners
            for one in self.exchange.accepted_by_carrier(partner_id)
        }
        times: dict[str, int] = dict(
            self._rows(
                "SELECT policy_id, count(*) FROM issuer_sets WHERE kind = 'effectuation'"
                " GROUP BY policy_id"
            )
        )
        expected = {policy: (night, certain) for policy, night, certain in self._rows(_EXPECTED)}
        missing = [policy for policy in expected if policy not in times and policy in known]
        not_confirmed = [one for one in missing if not self._is_excused(known[one], *expected[one])]
        numbers, wrong = self._numbers()
        return Reckoning(
            confirmed=len(expected.keys() & times.keys()),
            excused=len(missing) - len(not_confirmed),
            not_confirmed=tuple(not_confirmed),
            confirmed_twice=tuple(policy for policy, count in times.items() if count > 1),
            confirmed_wrongly=tuple(sorted(times.keys() - expected.keys())),
            overdue=tuple(one.policy.policy_id for one in known.values() if self._is_overdue(one)),
            damaged=self._rows(_DAMAGED)[0][0],
            never_came=tuple(self._never_came()),
            rejected_sets=self._forced(GROUP, BUSINESS, CROSSED),
            rejected_files=self._forced(INTERCHANGE, FILE),
            lost_files=self._forced(LOST),
            not_found=tuple(path.name for path in self.exchange.mailboxes.all_lost()),
            numbers=numbers,
            number_breaks=wrong,
        )

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.state.connection.execute(statement).fetchall()

    def _is_excused(self, known: Known, night: int, certain: int) -> bool:
        policy = known.policy
        if policy.state == "active":
            return False
        ended_by_then = (
            policy.end_told_on is not None
            and policy.end_told_on <= self.exchange.scenario.day(night)
        )
        return not certain or ended_by_then or self._was_rejected(policy.policy_id)

    def _was_rejected(self, policy_id: str) -> bool:
        """Whether something right of the policy was rejected, with its interchange or by itself."""
        asked = "SELECT 1 FROM unheard WHERE policy_id = ?"
        return self.state.connection.execute(asked, (policy_id,)).fetchone() is not None

    def _is_overdue(self, known: Known) -> bool:
        policy = known.policy
        is_open = policy.state == "active" and not policy.effectuated
        return is_open and cancelled_by(known) < self.last_day

    def _never_came(self) -> list[str]:
        return [
            history.policy_id
            for partner_id in self.exchange.scenario.partners
            for history in self.state.histories(partner_id, ACCEPTED)
            if history.arrived < len(history.transaction_ids)
        ]

    def _forced(self, *kinds: str) -> tuple[str, ...]:
        rows = self._rows("SELECT kind, subject FROM forced ORDER BY forced_id")
        return tuple(subject for kind, subject in rows if kind in kinds)

    def _numbers(self) -> tuple[int, tuple[str, ...]]:
        count, wrong = 0, []
        for partner_id in self.exchange.scenario.partners:
            used = control_numbers(self.exchange.mailboxes.all_received(partner_id))
            count += sum(len(numbers) for numbers in used.values())
            wrong += [
                f"{partner_id} {kind} {number}"
                for kind, numbers in used.items()
                for number in breaks(numbers)
            ]
        return count, tuple(wrong)


_EXPECTED = "SELECT policy_id, night, certain FROM expected ORDER BY policy_id"
_DAMAGED = """
SELECT count(*) FROM sends s JOIN files f USING (file_id)
WHERE s.transaction_id IS NOT NULL AND (s.fault IS NOT NULL OR f.fault IS NOT NULL)
"""
