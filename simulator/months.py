"""The exchange's month with one carrier: what it answers and pays, and what of it is wrong.

It is wrong on purpose, told to who plays it, and right from `mend` on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from schemas.partners import Partner
from simulator.answers import MONTHLY_FILE
from simulator.exchange import ExchangeInABox, Known
from simulator.month_book import segments_of_year
from simulator.monthly import MonthlyExchange, Segment
from simulator.pre_audit import write_pre_audit
from simulator.premiums import Disagreement, Paid, Seeds, pay_month, pay_what_was_wrong

_SEEDS = {"short": 2, "left_out": 1, "unknown": 1, "adjusted": 2}
_HOMES = (
    *("street", "street_2", "city", "state", "zip", "county"),
    *("mail_street", "mail_street_2", "mail_city", "mail_state", "mail_zip"),
)
_ANSWERED, _PAID = 900_000, 800_000  # control numbers that no enrollment file has


@dataclass(frozen=True)
class MonthlyDisagreement:
    """What the carrier should find in the answer. `field` is None where a policy is not found."""

    policy_id: str
    member_id: str
    field: str | None


class MonthInABox:
    """One carrier's month at the exchange."""

    def __init__(
        self, exchange: ExchangeInABox, partner: Partner, month: date, on_day: date
    ) -> None:
        self.exchange = exchange
        self.partner = partner
        self.month = month
        head = (partner.trading_partner_id, partner.tenant_id, partner.hios_issuer_id)
        right = segments_of_year(exchange, partner.id, month.year, on_day)
        self.book = MonthlyExchange(head, right)
        self.right = {segment.key: segment for segment in right}
        last_told = segments_of_year(exchange, partner.id, month.year, date.max)
        self._last_told = {segment.key: segment for segment in last_told}
        self.wrong = self._seed(Random(f"{exchange.scenario.seed}/{partner.id}/month"))
        self.paid: Paid | None = None
        self._answers = 0
        self._audited = 0

    def _seed(self, random: Random) -> tuple[MonthlyDisagreement, ...]:
        """A wrong APTC, a wrong name, and a policy that is not found."""
        told = [one for one in self.book.segments if not one.cancelled]
        policies = sorted({one.values["exchange_policy_id"] for one in told})
        alone = [one for one in policies if len(self._of(one)) == 1 and self._of(one)[0].is_paid]
        if len(alone) < len(("aptc", "last_name")) + 1:
            return ()
        aptc, name, lost = random.sample(alone, 3)
        self._spoil(aptc, "aptc", "9999.99")
        self._spoil(name, "last_name", "SOMEBODYELSE")
        gone = self._of(lost)
        self.book.lose(lost)
        return (
            self._told(self._of(aptc)[0], "aptc"),
            self._told(self._of(name)[0], "last_name"),
            *(self._told(segment, None) for segment in gone),
        )

    def _of(self, policy_id: str) -> list[Segment]:
        return [one for one in self.book.segments if one.values["exchange_policy_id"] == policy_id]

    @staticmethod
    def _told(segment: Segment, field: str | None) -> MonthlyDisagreement:
        values = segment.values
        return MonthlyDisagreement(
            values["exchange_policy_id"], values["exchange_member_id"], field
        )

    def _spoil(self, policy_id: str, name: str, value: str) -> None:
        for place, segment in enumerate(self.book.segments):
            if segment.values["exchange_policy_id"] == policy_id:
                changed = replace(segment, values={**segment.values, name: value})
                self.book.segments[place] = changed

    def answer(self, moment: datetime) -> int:
        """How many monthly files of the carrier were answered into its outbox by now."""
        received = self.exchange.mailboxes.all_received(self.partner.id)
        files = sorted(path for path in received if MONTHLY_FILE.search(path.name))
        waiting = files[self._answers :]
        for path in waiting:
            digit = path.name.partition(".RCNI")[2][:1]
            self._put(f"RCNO{digit}", moment, self.book.answer(path.read_bytes(), moment.date()))
        self._answers = len(files)
        return len(waiting)

    def audit(self, moment: datetime) -> Sequence[MonthlyDisagreement]:
        """What is wrong in the pre-audit file that lies in the outbox now.

        That is what the answer to the carrier's monthly file will say wrongly, and in the first one
        a policy that nobody ever enrolled.
        """
        told, wrong = [self._at_last_home(one) for one in self.book.segments], list(self.wrong)
        if self.wrong and not self._audited:
            never = _of_nobody(told[0])
            told.append(never)
            wrong.append(self._told(never, None))
        content = write_pre_audit(told, self.book.head, moment.astimezone(self._zone))
        self._put(f"AUD{self.month.year % 10}", moment, content)
        self._audited += 1
        return wrong

    def _at_last_home(self, segment: Segment) -> Segment:
        """The segment with the addresses that were told last, for whatever day."""
        last = self._last_told.get(segment.key)
        if last is None:
            return segment
        homes = {name: last.values.get(name, "") for name in _HOMES}
        return replace(segment, values={**segment.values, **homes})

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.exchange.scenario.exchange.time_zone)

    def take_disputes(self, content: bytes) -> int:
        """How many segments were changed by the carrier's disputes."""
        return self.book.take_disputes(content)

    def mend(self) -> None:
        """What persons at the exchange have entered wrongly is right from now on."""
        for place, segment in enumerate(self.book.segments):
            right = self.right.get(segment.key)
            if right is not None:
                name = right.values["last_name"]
                values = {**segment.values, "last_name": name}
                self.book.segments[place] = replace(segment, values=values)

    def pay(self, moment: datetime, fee_rate: Decimal) -> Sequence[Disagreement]:
        """What is wrong in the file of payments that lies in the outbox now."""
        known = self.exchange.accepted_by_carrier(self.partner.id)
        partner = self.partner
        number = sum(partner.id.encode()) % 1000
        enough = sum(one.amounts_on(self.month).aptc > 0 for one in known if _counts(one))
        seeds = Seeds(number, **_SEEDS) if enough > 2 * len(_SEEDS) else Seeds(number)
        self.paid = pay_month(
            [one.policy for one in known], partner, self.exchange.scenario.exchange, self.month,
            fee_rate=fee_rate, control_number=_PAID + number, created=moment, seeds=seeds,
            costs=self._costs(known),
        )  # fmt: skip
        self._put("I820", moment, self.paid.content)
        return self.paid.disagreements

    def correct(self, moment: datetime, fee_rate: Decimal) -> None:
        """Pays what was wrong in the file before; nothing where nothing was."""
        if self.paid is None or not self.paid.disagreements:
            return
        known = self.exchange.accepted_by_carrier(self.partner.id)
        number = _ANSWERED + sum(self.partner.id.encode()) % 1000
        content = pay_what_was_wrong(
            [one.policy for one in known], self.partner, self.exchange.scenario.exchange,
            self.month, fee_rate=fee_rate, control_number=number, created=moment,
            wrong=self.paid.disagreements, costs=self._costs(known),
        )  # fmt: skip
        self._put("I820", moment, content)

    def _costs(self, known: list[Known]) -> dict[str, tuple[int, int]]:
        """Premium and APTC in the month that is paid."""
        amounts = {one.policy.policy_id: one.amounts_on(self.month) for one in known}
        return {policy_id: (one.premium, one.aptc) for policy_id, one in amounts.items()}

    def _put(self, function_code: str, moment: datetime, content: bytes) -> None:
        """A file in the carrier's outbox, whole at once."""
        name = (
            f"OPR.{self.partner.trading_partner_id}.{function_code}.D{moment:%y%m%d}"
            f".T{moment:%H%M%S}000.{self.partner.usage_indicator}"
        )
        staged = self.exchange.mailboxes.staging / f"{self.partner.id}.{name}"
        staged.write_bytes(content)
        staged.rename(self.exchange.mailboxes.outbox(self.partner.id) / name)


def _of_nobody(segment: Segment) -> Segment:
    """Another's segment under ids that were never given: their first digit is another."""
    ids = ("exchange_policy_id", "exchange_subscriber_id", "exchange_member_id")
    never = {name: f"9{segment.values[name][1:]}" for name in ids}
    return replace(segment, values={**segment.values, **never}, cancelled=False)


def _counts(known: Known) -> bool:
    return known.policy.effectuated and known.policy.state == "active"
