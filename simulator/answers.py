"""What the exchange does with the files that the carrier delivered."""

import hashlib
import json
import re
from datetime import time
from pathlib import Path
from random import Random

from schemas.partners import Partner
from simulator import crossing
from simulator.acknowledged import interchange_acknowledged, sets_acknowledged
from simulator.answer_faults import LOST, AnswerFaults, was_forced
from simulator.mailboxes import Mailboxes
from simulator.outcomes import AnswerSummary, Outcome, summarise
from simulator.reading import ReceivedInterchange, read_interchanges
from simulator.scenario import Scenario
from simulator.state import State
from simulator.verdicts import Judge

__all__ = ["AnswerReader", "AnswerSummary", "Outcome", "summarise"]

MONTHLY_FILE = re.compile(r"\.RCNI\d\.")  # read when the month is answered
_REPORTS = {".csv", ".html"}
_Found = tuple[Path, bytes, list[ReceivedInterchange] | None]


class AnswerReader:
    """Reads one partner's inbox in one night."""

    def __init__(  # noqa: PLR0913 - who reads what, when
        self,
        state: State,
        scenario: Scenario,
        mailboxes: Mailboxes,
        partner: Partner,
        night: int,
        answered: time,
    ) -> None:
        self.state = state
        self.scenario = scenario
        self.mailboxes = mailboxes
        self.partner = partner
        self.night = night
        self.answered = answered  # the hour of the answers

    def read_all(self) -> None:
        """Reads each file once: acknowledgments first, so that other sets meet their policy."""
        read = [(path, path.read_bytes()) for path in self.mailboxes.received(self.partner.id)]
        found = [(path, content, read_interchanges(content)) for path, content in read]
        order = {"TA1": 0, "999": 1}
        found.sort(key=lambda item: order.get(self._kind(item[0], item[2]), 2))
        for one in found:
            self._read(one)

    def _read(self, found: _Found) -> None:
        path, content, interchanges = found
        digest = hashlib.sha256(content).hexdigest()
        judge = self._judge(path.name)
        keep = self.mailboxes.processed(self.partner.id)
        with self.state.transaction():
            if interchanges and self._is_lost(path, interchanges, judge.faults):
                policies = [one for found in interchanges for one in judge.policies_of(found)]
                crossing.lose(self.state, self.night, self.partner.id, path.name, policies)
                keep = self.mailboxes.lost(self.partner.id)
            elif not self._is_read(path.name, digest):
                outcome = self._apply(path, interchanges or [], judge)
                crossing.find(self.state, self.partner.id, path.name)
                self._remember(outcome, digest)
        path.rename(keep / path.name)

    def _judge(self, name: str) -> Judge:
        """The judge of a file; what goes wrong with it is drawn from its name."""
        rate = self.scenario.faults if self.scenario.life else 0.0
        faults = AnswerFaults(rate, Random(f"{self.scenario.seed}/{self.partner.id}/{name}"))
        return Judge(self.state, self.scenario, self.partner, self.night, faults, self.answered)

    def _is_lost(
        self, path: Path, interchanges: list[ReceivedInterchange], faults: AnswerFaults
    ) -> bool:
        """Whether the file is lost now; what somebody has asked for is not lost again."""
        if self._kind(path, interchanges) != "enrollment":
            return False
        return not was_forced(self.state, LOST, path.name) and faults.is_lost()

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

    def _apply(self, path: Path, interchanges: list[ReceivedInterchange], judge: Judge) -> Outcome:
        outcome = Outcome(self._kind(path, interchanges), path.name)
        for interchange in interchanges:
            for acknowledgment in interchange.acknowledgments:
                interchange_acknowledged(self.state, self.partner.id, acknowledgment, outcome)
            if any(group.header[1] == "FA" for group in interchange.groups):
                for group in interchange.groups:
                    for received in group.sets:
                        sets_acknowledged(self.state, self.partner.id, received, outcome)
            elif interchange.groups:
                judge.judge(interchange, outcome)
        return outcome

    def _kind(self, path: Path, interchanges: list[ReceivedInterchange] | None) -> str:
        if not interchanges:
            if MONTHLY_FILE.search(path.name):
                return "monthly"
            code = self.scenario.exchange.function_codes.issuer_error_report
            is_report = path.suffix.lower() in _REPORTS or f".{code}." in path.name
            return "report" if is_report else "not understood"
        groups = [group for interchange in interchanges for group in interchange.groups]
        if not groups:
            return "TA1"
        return "999" if groups[0].header[1] == "FA" else "enrollment"
