"""What the exchange does with the files that the carrier delivered."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

from schemas.partners import Partner
from simulator.acknowledgments import GroupAnswer, Writer
from simulator.effectuation import ReceivedEffectuation, Sent, objections, take_apart
from simulator.files import file_name
from simulator.mailboxes import Mailboxes
from simulator.nights import Scenario, with_effectuation
from simulator.people import Policy
from simulator.reading import ReceivedGroup, ReceivedInterchange, ReceivedSet, at, read_interchanges
from simulator.state import ACCEPTED, PlannedFile, State

_ANSWER_TIME = time(20)
_REPORTS = {".csv", ".html"}
_DUPLICATE_INTERCHANGE = "025"


@dataclass
class Outcome:
    """What one received file did. Kept as JSON, so that a night's summary can be read again."""

    kind: str  # TA1 | 999 | effectuation | report | not understood
    name: str
    effectuations_accepted: int = 0
    effectuations_rejected: list[tuple[str, str]] = field(default_factory=list)
    interchanges_accepted: int = 0
    interchanges_rejected: int = 0
    duplicates_refused: int = 0
    sets_accepted: int = 0
    sets_rejected: int = 0
    sets_rejected_without_fault: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AnswerSummary:
    """What the carrier's answers of a night said, over all partners.

    `effectuations_rejected` holds policy id and reasons. `sets_rejected_without_fault` holds ST02
    of sets that the carrier rejected, by a 999 or with their interchange, though nothing was wrong
    with them; `interchanges_unanswered` counts undamaged files that have no TA1 yet. Both are
    empty or 0 when the carrier does its work.
    """

    files_read: dict[str, int]
    effectuations_accepted: int
    effectuations_rejected: tuple[tuple[str, str], ...]
    interchanges_acknowledged: int
    interchanges_rejected: int
    duplicates_refused: int
    sets_accepted: int
    sets_rejected: int
    sets_rejected_without_fault: tuple[str, ...]
    interchanges_unanswered: int
    not_understood: tuple[str, ...]


class AnswerReader:
    """Reads one partner's inbox in one night."""

    def __init__(
        self, state: State, scenario: Scenario, mailboxes: Mailboxes, partner: Partner, night: int
    ) -> None:
        self.state = state
        self.scenario = scenario
        self.mailboxes = mailboxes
        self.partner = partner
        self.night = night

    def read_all(self) -> None:
        """Reads each file once: acknowledgments first, so that effectuations meet their policy."""
        read = [(path, path.read_bytes()) for path in self.mailboxes.received(self.partner.id)]
        found = [(path, content, read_interchanges(content)) for path, content in read]
        order = {"TA1": 0, "999": 1}
        found.sort(key=lambda item: order.get(self._kind(item[0], item[2]), 2))
        for path, content, interchanges in found:
            digest = hashlib.sha256(content).hexdigest()
            with self.state.transaction():
                if not self._is_read(path.name, digest):
                    outcome = self._apply(path, interchanges or [])
                    self._remember(outcome, digest)
            path.rename(self.mailboxes.processed(self.partner.id) / path.name)

    def _is_read(self, name: str, digest: str) -> bool:
        return bool(
            self.state.connection.execute(
                "SELECT 1 FROM answers_read WHERE partner_id = ? AND name = ? AND sha256 = ?",
                (self.partner.id, name, digest),
            ).fetchone()
        )

    def _remember(self, outcome: Outcome, digest: str) -> None:
        self.state.connection.execute(
            "INSERT INTO answers_read VALUES (?, ?, ?, ?, ?)",
            (self.partner.id, outcome.name, digest, self.night, json.dumps(vars(outcome))),
        )

    def _apply(self, path: Path, interchanges: list[ReceivedInterchange]) -> Outcome:
        outcome = Outcome(self._kind(path, interchanges), path.name)
        for interchange in interchanges:
            for acknowledgment in interchange.acknowledgments:
                self._interchange_acknowledged(acknowledgment, outcome)
            if any(group.header[1] == "FA" for group in interchange.groups):
                for group in interchange.groups:
                    for received in group.sets:
                        self._sets_acknowledged(received, outcome)
            elif interchange.groups:
                self._enrollments(interchange, outcome)
        return outcome

    def _kind(self, path: Path, interchanges: list[ReceivedInterchange] | None) -> str:
        if not interchanges:
            code = self.scenario.exchange.function_codes.issuer_error_report
            is_report = path.suffix.lower() in _REPORTS or f".{code}." in path.name
            return "report" if is_report else "not understood"
        groups = [group for interchange in interchanges for group in interchange.groups]
        if not groups:
            return "TA1"
        return "999" if groups[0].header[1] == "FA" else "effectuation"

    # Acknowledgments of what we sent

    def _interchange_acknowledged(self, ta1: list[str], outcome: Outcome) -> None:
        number, ack, note = at(ta1, 1), at(ta1, 4), at(ta1, 5)
        if ack == "R" and note == _DUPLICATE_INTERCHANGE:
            outcome.duplicates_refused += 1
            return
        files = self.state.connection.execute(
            "UPDATE files SET ta1 = ? WHERE partner_id = ? AND interchange = ?"
            " AND role = 'enrollment' RETURNING file_id",
            (ack, self.partner.id, int(number) if number.isdigit() else None),
        ).fetchall()
        if ack == "R":
            outcome.interchanges_rejected += 1
            for (file_id,) in files:
                self._reject_file(file_id, outcome)
        else:
            outcome.interchanges_accepted += 1

    def _reject_file(self, file_id: int, outcome: Outcome) -> None:
        rows = self.state.connection.execute(
            "UPDATE sends SET ack = 'R' WHERE file_id = ? RETURNING set_number, fault IS NULL"
            " AND (SELECT fault FROM files WHERE file_id = sends.file_id) IS NULL",
            (file_id,),
        ).fetchall()
        outcome.sets_rejected_without_fault.extend(number for number, good in rows if good)

    def _sets_acknowledged(self, received: ReceivedSet, outcome: Outcome) -> None:
        """One 999: IK501 for each set that it names, AK901 for those that it does not."""
        group, number = "", ""
        named: dict[str, str] = {}
        of_group = ""
        for segment in received.segments:
            match segment[0]:
                case "AK1":
                    group = at(segment, 2)
                case "AK2":
                    number = at(segment, 2)
                case "IK5":
                    named[number] = at(segment, 1)
                case "AK9":
                    of_group = at(segment, 1)
        rows = self.state.connection.execute(
            "SELECT send_id, set_number, s.fault IS NULL AND f.fault IS NULL"
            " FROM sends s JOIN files f USING (file_id)"
            " WHERE f.partner_id = ? AND group_number = ?",
            (self.partner.id, int(group) if group.isdigit() else None),
        ).fetchall()
        for send_id, set_number, good in rows:
            ack = "R" if of_group == "R" else named.get(set_number, "A")
            self.state.connection.execute(
                "UPDATE sends SET ack = ? WHERE send_id = ?", (ack, send_id)
            )
            outcome.sets_accepted += ack in {"A", "E"}
            outcome.sets_rejected += ack not in {"A", "E"}
            if good and ack not in {"A", "E"}:
                outcome.sets_rejected_without_fault.append(set_number)

    # Effectuations

    def _enrollments(self, interchange: ReceivedInterchange, outcome: Outcome) -> None:
        note = self._interchange_note(interchange)
        writer = self._writer()
        if note != "000":
            self._answer("TA1", writer.interchange_acknowledgment(interchange, "R", note), writer)
            outcome.effectuations_rejected.append(("", f"interchange rejected with TA105 {note}"))
            return
        answers = [self._group_answer(group) for group in interchange.groups]
        for answer in answers:
            self._effectuate_group(answer, outcome)
        self._answer("TA1", writer.interchange_acknowledgment(interchange, "A", note), writer)
        writer = self._writer()
        self._answer("999", writer.implementation_acknowledgment(answers), writer)

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
            return _DUPLICATE_INTERCHANGE
        return "000"

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

    def _effectuate_group(self, answer: GroupAnswer, outcome: Outcome) -> None:
        for received in answer.group.sets:
            parts = take_apart(received)
            ack, code = answer.sets[received.control_number]
            reasons = [f"rejected with IK502 {code}"] if ack == "R" else self._judge(parts, answer)
            if reasons:
                outcome.effectuations_rejected.append((parts.policy_id, "; ".join(reasons)))
            else:
                outcome.effectuations_accepted += 1
                self._effectuate(parts)

    def _judge(self, parts: ReceivedEffectuation, answer: GroupAnswer) -> list[str]:
        delivered = self._delivered(parts.policy_id)
        if delivered is None:
            return ["the policy is not known, or its enrollment was never accepted"]
        policy, reference, total = delivered
        header = answer.group.header
        sent = Sent(reference, total, header[2], header[3])
        return list(dict.fromkeys(objections(parts, policy, sent, self.partner)))

    def _delivered(self, policy_id: str) -> tuple[Policy, str, int] | None:
        """The policy as last delivered to this partner, with the BGN02 and QTY*TO to be echoed.

        Those are of the last set that carried all members: a termination names the subscriber only.
        """
        histories = self.state.histories(self.partner.id, ACCEPTED, policy_id=policy_id)
        if not histories or not histories[0].arrived:
            return None
        arrived = histories[0].transaction_ids[: histories[0].arrived]
        transactions = list(self.state.load_transactions(arrived))
        echoed = max(
            transaction_id
            for transaction_id, transaction in zip(arrived, transactions, strict=True)
            if not transaction.ends_policy
        )
        reference, total = self.state.connection.execute(
            f"SELECT reference, total FROM sends s JOIN files f USING (file_id)"  # noqa: S608
            f" WHERE transaction_id = ? AND {ACCEPTED} ORDER BY send_id DESC LIMIT 1",
            (echoed,),
        ).fetchone()
        return with_effectuation(self.state, transactions[-1].policy), reference, total

    def _effectuate(self, parts: ReceivedEffectuation) -> None:
        subscriber = next(m for m in parts.members if at(m.level, 1) == "Y")
        issuer_ids = {
            m.member_id: m.references["23"] for m in parts.members if "23" in m.references
        }
        self.state.connection.execute(
            "INSERT INTO effectuations VALUES (?, ?, ?, ?)",
            (
                parts.policy_id,
                subscriber.coverage_references.get("X9"),
                subscriber.references.get("ZZ"),
                json.dumps(issuer_ids, sort_keys=True),
            ),
        )

    # Our answers

    def _writer(self) -> Writer:
        number = self.state.file_count(self.night, self.partner.id)
        day = self.scenario.day(self.night)
        created = datetime.combine(day, _ANSWER_TIME) + timedelta(seconds=number)
        return Writer(self.partner, self.scenario.exchange, created, self.state.next_number)

    def _answer(self, function_code: str, content: bytes, writer: Writer) -> None:
        name = file_name(self.partner, function_code, writer.created)
        self.state.add_file(PlannedFile(self.night, self.partner.id, "answer", name, content))


def summarise(state: State, night: int) -> AnswerSummary:
    """The summary of everything read in that night."""
    rows = state.connection.execute(
        "SELECT outcome FROM answers_read WHERE night = ? ORDER BY rowid", (night,)
    )
    outcomes = [Outcome(**json.loads(row[0])) for row in rows]
    (unanswered,) = state.connection.execute(
        "SELECT count(*) FROM files WHERE role = 'enrollment' AND fault IS NULL"
        " AND ta1 IS NULL AND night <= ?",
        (night,),
    ).fetchone()
    return AnswerSummary(
        files_read=dict(Counter(outcome.kind for outcome in outcomes)),
        effectuations_accepted=_total(outcomes, "effectuations_accepted"),
        effectuations_rejected=tuple(
            (policy_id, reason)
            for outcome in outcomes
            for policy_id, reason in outcome.effectuations_rejected
        ),
        interchanges_acknowledged=_total(outcomes, "interchanges_accepted"),
        interchanges_rejected=_total(outcomes, "interchanges_rejected"),
        duplicates_refused=_total(outcomes, "duplicates_refused"),
        sets_accepted=_total(outcomes, "sets_accepted"),
        sets_rejected=_total(outcomes, "sets_rejected"),
        sets_rejected_without_fault=tuple(
            number for outcome in outcomes for number in outcome.sets_rejected_without_fault
        ),
        interchanges_unanswered=unanswered,
        not_understood=tuple(o.name for o in outcomes if o.kind == "not understood"),
    )


def _total(outcomes: Iterable[Outcome], name: str) -> int:
    return sum(getattr(outcome, name) for outcome in outcomes)
