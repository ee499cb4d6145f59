"""The exchange judges an interchange of the carrier and answers it: TA1, 999, BAA on rejects."""

from dataclasses import replace
from datetime import datetime, time, timedelta

from schemas.partners import Partner
from simulator import answer_faults, crossing, echoes, standing
from simulator.acknowledged import DUPLICATE_INTERCHANGE
from simulator.acknowledgments import GroupAnswer, Writer
from simulator.answer_faults import AnswerFaults, force, was_forced
from simulator.business import FUNCTION_CODE, Rejected, write_acknowledgement
from simulator.files import file_name
from simulator.judging import kind_of, objections
from simulator.objections import FORCED, OVERTAKEN, Objection
from simulator.outcomes import Outcome
from simulator.reading import ReceivedGroup, ReceivedInterchange, at
from simulator.received import ReceivedTransaction, take_apart
from simulator.scenario import Scenario
from simulator.standing import IssuerIds, IssuerSet, Kind, Standing
from simulator.state import PlannedFile, State

MORNING_ANSWERS, EVENING_ANSWERS = time(8), time(20)
_UNUSED_NUMBER = 999_000_000  # control numbers that no carrier has come to


class Judge:
    """Judges what one partner sent, in one night."""

    def __init__(  # noqa: PLR0913 - whom it judges, when, and what goes wrong
        self,
        state: State,
        scenario: Scenario,
        partner: Partner,
        night: int,
        faults: AnswerFaults,
        answered: time,
    ) -> None:
        self.state = state
        self.scenario = scenario
        self.partner = partner
        self.night = night
        self.faults = faults
        self.answered = datetime.combine(scenario.day(night), answered)
        self.day = scenario.day(night)

    def judge(self, interchange: ReceivedInterchange, outcome: Outcome) -> None:
        """Accepts or rejects the interchange, its groups and its sets, and plans the answers."""
        note = self._interchange_note(interchange)
        if note == "000":
            forced = self._forced_note(outcome)
            note = forced or note
        elif note != DUPLICATE_INTERCHANGE or not self._is_known_copy(outcome.name):
            outcome.rejected.append(("", "", f"interchange rejected with TA105 {note}"))
        writer = self._writer()
        if note != "000":
            content = writer.interchange_acknowledgment(interchange, "R", note)
            known_night = self._answer("TA1", content, writer)
            policies = self.policies_of(interchange) if outcome.forced else []
            crossing.reject(self.state, self.partner.id, policies, known_night)
            return
        answers = self._group_answers(interchange, outcome)
        rejected = [one for answer in answers for one in self._group(interchange, answer, outcome)]
        self._answer("TA1", writer.interchange_acknowledgment(interchange, "A", note), writer)
        writer = self._writer()
        known_night = self._answer("999", writer.implementation_acknowledgment(answers), writer)
        if answers and answers[0].is_forced:
            crossing.reject(self.state, self.partner.id, self.policies_of(interchange), known_night)
        if rejected:
            trading_partner = self.partner.trading_partner_id
            content = write_acknowledgement(trading_partner, rejected)
            known_night = self._answer(FUNCTION_CODE, content, self._writer())
            excused = {policy_id for policy_id, _ in outcome.forced}
            policies = [one.policy_id for one in rejected if one.policy_id in excused]
            crossing.reject(self.state, self.partner.id, policies, known_night)
        if self.faults.is_of_nobody():
            self._answer_nobody(interchange)

    def policies_of(self, interchange: ReceivedInterchange) -> list[str]:
        """The policies of which the interchange speaks, by the exchange's ids."""
        return [
            self._policy_of(take_apart(received, group.header))
            for group in interchange.groups
            for received in group.sets
        ]

    # What is wrong with envelopes

    def _interchange_note(self, interchange: ReceivedInterchange) -> str:
        header = interchange.header
        if header[6] != self.partner.trading_partner_id:
            return "006"
        if header[8] != self.scenario.exchange.interchange.exchange_id:
            return "008"
        if interchange.trailer is None:
            return "023"
        if at(interchange.trailer, 2) != interchange.control_number:
            return "001"
        if not self._is_new("ISA13", interchange.control_number):
            return DUPLICATE_INTERCHANGE
        return "000"

    def _forced_note(self, outcome: Outcome) -> str | None:
        """TA105 of a rejection that the scenario wants."""
        note = self.faults.interchange_note()
        if note:
            self._force(answer_faults.INTERCHANGE, outcome.name)
            outcome.forced.append(("", f"interchange rejected with TA105 {note}"))
        return note

    def _is_known_copy(self, name: str) -> bool:
        return was_forced(self.state, answer_faults.LOST, name)

    def _group_answers(
        self, interchange: ReceivedInterchange, outcome: Outcome
    ) -> list[GroupAnswer]:
        """What the 999 says of each group; of good ones the scenario may want all rejected."""
        answers = [self._group_answer(group) for group in interchange.groups]
        wanted = self.faults.rejects_groups()
        if wanted and all(answer.ack == "A" for answer in answers):
            self._force(answer_faults.FILE, outcome.name)
            return [answer.forced() for answer in answers]
        return answers

    def _group_answer(self, group: ReceivedGroup) -> GroupAnswer:
        code = "" if self._is_new("GS06", group.control_number) else "19"
        sets = {}
        for received in group.sets:
            if not self._is_new("ST02", received.control_number):
                sets[received.control_number] = ("R", "23")
            elif code or received.ack == "R":
                sets[received.control_number] = ("R", "5")
            else:
                sets[received.control_number] = ("A", "")
        return GroupAnswer(group, code, sets)

    def _is_new(self, kind: str, number: str) -> bool:
        """Whether the carrier never used the number before (guide, section 3.5). Remembers it."""
        cursor = self.state.connection.execute(
            "INSERT INTO numbers_received VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (self.partner.id, kind, number),
        )
        return cursor.rowcount == 1

    # What is wrong with transactions

    def _group(
        self, interchange: ReceivedInterchange, answer: GroupAnswer, outcome: Outcome
    ) -> list[Rejected]:
        """The sets that are well formed and rejected all the same."""
        rejected = []
        for received in answer.group.sets:
            parts = take_apart(received, answer.group.header)
            kind = kind_of(parts)
            policy_id = self._policy_of(parts)
            ack, code = answer.sets[received.control_number]
            if answer.is_forced:
                self._force(answer_faults.GROUP, policy_id)
                outcome.forced.append((policy_id, f"rejected with AK905 {answer.code}"))
                continue
            if ack == "R":
                outcome.rejected.append((policy_id, kind or "", f"rejected with IK502 {code}"))
                continue
            against = self._judge(parts, kind, policy_id, outcome)
            if against:
                rejected.append(
                    Rejected(
                        interchange.control_number,
                        answer.group.control_number,
                        received.control_number,
                        parts.subscriber.references.get("0F", "") if parts.subscriber else "",
                        parts.subscriber.member_id if parts.subscriber else "",
                        policy_id,
                        against,
                    )
                )
        return rejected

    def _judge(
        self, parts: ReceivedTransaction, kind: Kind | None, policy_id: str, outcome: Outcome
    ) -> list[Objection]:
        """What the exchange has against the transaction, if anything; else it is its word too."""
        stands = standing.standing(self.state, self.partner.id, policy_id, self.day)
        against = list(objections(parts, kind, stands, self.partner))
        overtaken = not against and kind == "cancellation" and self._is_overtaken(parts, policy_id)
        if overtaken:
            text = "the exchange has changed the policy since"
            against = [Objection(text, "REF*17", (OVERTAKEN,))]
        if against:
            reasons = "; ".join(objection.text for objection in against)
            if overtaken or (stands and self._has_crossed(parts, kind, stands, outcome.name)):
                self._force(answer_faults.CROSSED, policy_id)
                outcome.forced.append((policy_id, reasons))
            else:
                outcome.rejected.append((policy_id, kind or "", reasons))
            return against
        forced_before = was_forced(self.state, answer_faults.BUSINESS, policy_id)
        if self.faults.rejects_set() and not forced_before:
            self._force(answer_faults.BUSINESS, policy_id)
            text = "rejected by the scenario"
            outcome.forced.append((policy_id, text))
            return [Objection(text, "", (FORCED,))]
        if kind is not None:
            outcome.accept(kind)
            said = self._said(parts, kind, policy_id)
            standing.remember(self.state, self.partner.id, said, self.night)
        return []

    def _is_overtaken(self, parts: ReceivedTransaction, policy_id: str) -> bool:
        subscriber = parts.subscriber or parts.members[0]
        said_at = echoes.as_timestamp(subscriber.categories["REQUEST SUBMIT TIMESTAMP"])
        return said_at is not None and crossing.is_overtaken(self.state, policy_id, said_at)

    def _has_crossed(
        self, parts: ReceivedTransaction, kind: Kind | None, stands: Standing, name: str
    ) -> bool:
        """Whether it would be right but for what one side could not know of the other."""
        policy_id = stands.policy.policy_id
        if crossing.has_crossed(self.state, self.partner.id, policy_id, name, self.night):
            return True
        if standing.is_out_of_order(self.state, self.partner.id, policy_id):
            return True
        told = standing.as_told(self.state, stands)
        return told != stands and not list(objections(parts, kind, told, self.partner))

    def _force(self, kind: str, subject: str) -> None:
        force(self.state, self.night, self.partner.id, kind, subject)

    def _policy_of(self, parts: ReceivedTransaction) -> str:
        """The exchange's id of the policy, also where the issuer named it by its own."""
        for name in parts.named_by_issuer:
            if self.state.last_transaction(name):
                return name
            row = self.state.connection.execute(
                "SELECT policy_id FROM issuer_sets WHERE partner_id = ?"
                " AND json_extract(ids, '$.policy') = ?",
                (self.partner.id, name),
            ).fetchone()
            if row:
                return str(row[0])
        return parts.named_policy

    def _said(self, parts: ReceivedTransaction, kind: Kind, policy_id: str) -> IssuerSet:
        subscriber = parts.subscriber or parts.members[0]
        end = subscriber.dates.get("357")
        return IssuerSet(
            policy_id,
            kind,
            subscriber.reason,
            datetime.strptime(end, "%Y%m%d").date() if end else None,
            self.day,
            self.state.last_transaction(),
            IssuerIds(
                subscriber.coverage_references.get("X9"),
                subscriber.references.get("ZZ"),
                {m.member_id: m.references["23"] for m in parts.members if "23" in m.references},
            ),
        )

    # The answers

    def _writer(self) -> Writer:
        number = self.state.file_count(self.night, self.partner.id)
        created = self.answered + timedelta(seconds=number)
        return Writer(self.partner, self.scenario.exchange, created, self.state.next_number)

    def _answer(self, function_code: str, content: bytes, writer: Writer) -> int:
        """The night in which the carrier works with the answer.

        Faults make it late, or let it come again another night.
        """
        night = self.night + self.faults.nights_late()
        self._add(function_code, content, writer, night)
        if self.faults.comes_twice():
            self._add(function_code, content, self._writer(), night + 1)
        return max(self.night + 1, night)

    def _add(self, function_code: str, content: bytes, writer: Writer, night: int) -> None:
        name = file_name(self.partner, function_code, writer.created)
        self.state.add_file(
            PlannedFile(night, self.partner.id, "answer", name, content, made_night=self.night)
        )

    def _answer_nobody(self, interchange: ReceivedInterchange) -> None:
        """A TA1 for an interchange that the carrier never sent."""
        header = list(interchange.header)
        header[13] = str(_UNUSED_NUMBER + self.state.next_number("answer to nobody"))
        writer = self._writer()
        content = writer.interchange_acknowledgment(replace(interchange, header=header), "A", "000")
        self._add("TA1", content, writer, self.night)
