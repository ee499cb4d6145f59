"""The exchange in a box: it sends enrollments, reads the answers, and keeps its own book."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from schemas.partners import Exchange, Partner
from simulator.answers import AnswerReader, AnswerSummary, summarise
from simulator.mailboxes import Mailboxes
from simulator.nights import plan_closing, plan_night
from simulator.people import Enrollee, Policy
from simulator.scenario import Scenario
from simulator.standing import said_by_partner, with_issuer
from simulator.state import ACCEPTED, GOOD, State
from simulator.verdicts import EVENING_ANSWERS, MORNING_ANSWERS

_MONEY = pa.decimal128(12, 2)

BOOK = pa.schema(
    [
        ("exchange_policy_id", pa.large_string()),
        ("partner_id", pa.large_string()),
        ("status", pa.large_string()),  # initial | effectuated | terminated | cancelled
        ("plan_id", pa.large_string()),  # 16 characters
        ("benefit_begin", pa.date32()),
        ("benefit_end", pa.date32()),  # null = open; = begin when there was no coverage
        ("effectuated", pa.bool_()),  # confirmed by the issuer, or confirmation was not needed
        ("ended_by", pa.large_string()),  # exchange | issuer; null while open
        ("issuer_policy_id", pa.large_string()),
        ("issuer_subscriber_id", pa.large_string()),  # on the subscriber's row only
        ("issuer_member_id", pa.large_string()),
        ("exchange_member_id", pa.large_string()),
        ("is_subscriber", pa.bool_()),
        ("last_name", pa.large_string()),
        ("first_name", pa.large_string()),
        ("birth_date", pa.date32()),
        ("premium_total", _MONEY),  # on the subscriber's row only
        ("aptc", _MONEY),  # on the subscriber's row only
    ]
)


@dataclass(frozen=True)
class SentFile:
    """A file that was put in an outbox. `fault` names what is wrong with it as a whole."""

    partner_id: str
    name: str
    fault: str | None
    set_faults: tuple[str, ...]
    sets: int  # ST segments in its bytes
    members: int  # INS segments in its bytes


@dataclass(frozen=True)
class Amounts:
    """What a policy costs a month from a day on, in cents, as one transaction told it."""

    since: date
    premium: int
    aptc: int
    told: Policy  # as it was after that transaction

    @property
    def responsible(self) -> int:
        """What the member owes."""
        return self.premium - self.aptc


@dataclass(frozen=True)
class Known:
    """A policy as a carrier knows it that read every undamaged file."""

    policy: Policy
    enrolled_on: date
    arrived_on: date  # the day of the first file with its enrollment
    amounts: tuple[Amounts, ...]  # as they were told, the enrollment's first
    kind: str = "initial"  # or renewal
    is_continued: bool = False  # enrolled by a change in circumstance
    needs_confirmation: bool = True  # as it was sent; some renewals need none

    def amounts_on(self, day: date) -> Amounts:
        """What holds on that day: the last told that begins by then (CMS guide 7.2, 6.11)."""
        begun = [one for one in self.amounts if one.since <= day]
        return begun[-1] if begun else self.amounts[0]

    def premium_of(self, enrollee: Enrollee, day: date) -> int:
        """What the member costs a month on that day, in cents."""
        costs = [
            (one.since, other.premium)
            for one in self.amounts
            for other in one.told.covered
            if other.person.member_id == enrollee.person.member_id
        ]
        begun = [premium for since, premium in costs if since <= day]
        return begun[-1] if begun else enrollee.premium

    def plan_of(self, enrollee: Enrollee) -> str:
        """The plan of the member's last day of coverage, 16 characters.

        Of whom nothing is covered it is the policy's, and of a cancelled policy the one told last.
        """
        policy = self.policy
        if policy.state == "cancelled":
            return policy.plan_id
        days = [policy.end, None if enrollee.end == enrollee.begin else enrollee.end]
        return self.amounts_on(min(day or date.max for day in days)).told.plan_id


class ExchangeInABox:
    """One exchange with some trading partners, over many nights. Its memory is under `home`.

    Night 1 is `first_night`, night 2 the next day. `members` is about how many persons enroll in
    the first night, over all partners; `faults` is the rate of faults beyond the standard ones;
    `mass_ending` is a night in which the exchange ends all coverage, each file of it well formed.
    With `life` more happens than enrollments and changes, and answers go wrong too. `calendar`
    names the days of the first nights where they do not follow each other.
    """

    def __init__(  # noqa: PLR0913 - a scenario, spelled out for the caller
        self,
        home: Path,
        *,
        seed: int,
        members: int,
        first_night: date,
        faults: float,
        partners: Mapping[str, Partner],
        exchange: Exchange,
        mass_ending: int | None = None,
        life: bool = False,
        calendar: tuple[date, ...] = (),
    ) -> None:
        self.scenario = Scenario(
            seed, members, first_night, faults, partners, exchange, mass_ending, life, calendar
        )
        self.state = State(home / "exchange.sqlite")
        self.mailboxes = Mailboxes(home, partners)

    def send(self, night: int, *, evening: bool = True) -> list[Path]:
        """The paths in the outboxes of all enrollment files of the night.

        Sends them when that is not done yet; without its `evening` those of the first drop only. A
        file that the carrier has removed does not come back; what a killed call left undone is
        done by the next one.
        """
        sent = self.state.nights_sent()
        if night > sent + 1:
            raise ValueError(f"Night {night} was asked for after night {sent}. Send {sent + 1}.")
        if night == sent + 1:
            with self.state.transaction():
                plan_night(self.state, self.scenario, night)
        if evening:
            self.state.connection.execute("UPDATE nights SET whole = 1 WHERE night = ?", (night,))
        self.mailboxes.place_planned(self.state, night, evening=evening)
        return [self.mailboxes.outbox(f.partner_id) / f.name for f in self.sent_files(night)]

    def is_whole(self, night: int) -> bool:
        """Whether both drops of the night have come, or the second has begun to."""
        row = self.state.connection.execute(
            "SELECT 1 FROM nights WHERE night = ? AND whole", (night,)
        ).fetchone()
        return row is not None

    def read_answers(self, night: int, *, evening: bool = True) -> AnswerSummary:
        """What the carrier's files said that were read in this night; reads those that wait.

        Answers to effectuations (TA1 and 999) are put in the outboxes. Without the `evening` they
        are those to what came after the night's first drop.
        """
        answered = EVENING_ANSWERS if evening else MORNING_ANSWERS
        for partner in self.scenario.partners.values():
            AnswerReader(
                self.state, self.scenario, self.mailboxes, partner, night, answered
            ).read_all()
        self.mailboxes.place_planned(self.state, night, evening=evening)
        return summarise(self.state, night)

    def close(self, night: int) -> None:
        """Ends all, in the night after the last: held files come, and failed sets, undamaged.

        May be called until nothing is left. From then on nothing goes wrong on purpose.
        """
        with self.state.transaction():
            plan_closing(self.state, self.scenario, night)
        self.mailboxes.place_planned(self.state, night)
        self.scenario = replace(self.scenario, faults=0.0)

    def find_lost(self, partner_id: str, names: Collection[str] | None = None) -> list[str]:
        """The names of those files of the carrier that were lost, and are read next; None: all."""
        found = [
            path
            for path in sorted(self.mailboxes.lost(partner_id).iterdir())
            if names is None or path.name in names
        ]
        for path in found:
            path.rename(self.mailboxes.inbox(partner_id) / path.name)
        return [path.name for path in found]

    def book(self, on: date = date.max) -> pa.Table:
        """The exchange's book: the policies whose enrollment the carrier accepted.

        One row a member and policy. A later change counts when its set was accepted too, and
        everything before it. Amounts are those of the day `on`, or of the first or last day of
        coverage when it lies outside.
        """
        rows = [
            row
            for partner_id in self.scenario.partners
            for known in self.accepted_by_carrier(partner_id)
            for row in _book_rows(known, on)
        ]
        return pa.Table.from_pylist(rows, schema=BOOK)

    def sent_files(self, night: int) -> list[SentFile]:
        """The enrollment files of a night, in the order of sending."""
        rows = self.state.connection.execute(
            "SELECT f.partner_id, f.name, f.fault, group_concat(DISTINCT s.fault), f.set_count,"
            " f.member_count FROM files f LEFT JOIN sends s USING (file_id)"
            " WHERE f.night = ? AND f.role = 'enrollment' GROUP BY f.file_id ORDER BY f.file_id",
            (night,),
        )
        return [
            SentFile(partner_id, name, fault, _names(faults), sets, ins)
            for partner_id, name, fault, faults, sets, ins in rows
        ]

    def sent_totals(self, night: int) -> dict[str, dict[str, int]]:
        """By partner id: files, sets (ST) and members (INS) in the bytes of that night's files."""
        totals = {
            partner_id: {"files": 0, "sets": 0, "members": 0}
            for partner_id in self.scenario.partners
        }
        for file in self.sent_files(night):
            totals[file.partner_id]["files"] += 1
            totals[file.partner_id]["sets"] += file.sets
            totals[file.partner_id]["members"] += file.members
        return totals

    def known_to_carrier(self, partner_id: str, night: int) -> list[Known]:
        """What a carrier knows that read every undamaged file up to and with that night."""
        return list(self._known(partner_id, GOOD, night))

    def accepted_by_carrier(self, partner_id: str) -> list[Known]:
        """What both sides know: the policies as far as the carrier has accepted them."""
        return list(self._known(partner_id, ACCEPTED, None))

    def policies(self, partner_id: str) -> list[Policy]:
        """The policies of a partner in the exchange's own book."""
        return [known.policy for known in self._known(partner_id, ACCEPTED, None)]

    def _known(self, partner_id: str, condition: str, night: int | None) -> Iterator[Known]:
        said = said_by_partner(self.state, partner_id)
        for history in self.state.histories(partner_id, condition, night):
            if history.arrived:
                ids = history.transaction_ids[0], history.transaction_ids[history.arrived - 1]
                first, last = self.state.load_transactions(ids)
                policy = with_issuer(last.policy, ids[1], said.get(history.policy_id, ()))
                arrived = self.state.load_transactions(history.transaction_ids[: history.arrived])
                yield Known(
                    policy,
                    first.submitted.date(),
                    self.scenario.day(history.arrived_in),
                    tuple(
                        Amounts(one.effective, one.policy.premium, one.policy.aptc, one.policy)
                        for one in arrived
                        if not one.ends_policy
                    ),
                    first.kind,
                    any(change.additional == "CIC" for change in first.members.values()),
                    not first.policy.effectuated,
                )


def _names(joined: str | None) -> tuple[str, ...]:
    return tuple(sorted(joined.split(","))) if joined else ()


def _book_rows(known: Known, on: date) -> Iterator[dict[str, object]]:
    policy = known.policy
    amounts = known.amounts_on(max(policy.begin, min(on, policy.end or on)))
    for enrollee in policy.enrollees:
        person = enrollee.person
        subscriber = enrollee is policy.subscriber
        yield {
            "exchange_policy_id": policy.policy_id,
            "partner_id": policy.partner_id,
            "status": policy.status,
            "plan_id": known.plan_of(enrollee),
            "benefit_begin": enrollee.begin,
            "benefit_end": enrollee.end,
            "effectuated": policy.effectuated,
            "ended_by": policy.ended_by,
            "issuer_policy_id": policy.issuer_policy_id,
            "issuer_subscriber_id": policy.issuer_subscriber_id if subscriber else None,
            "issuer_member_id": enrollee.issuer_member_id,
            "exchange_member_id": person.member_id,
            "is_subscriber": subscriber,
            "last_name": person.last_name,
            "first_name": person.first_name,
            "birth_date": person.birth_date,
            "premium_total": Decimal(amounts.premium).scaleb(-2) if subscriber else None,
            "aptc": Decimal(amounts.aptc).scaleb(-2) if subscriber else None,
        }
