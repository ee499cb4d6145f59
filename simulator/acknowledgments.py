"""The exchange's own TA1 and 999 for what the carrier sent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.partners import Exchange, Partner
from simulator.files import Envelope, isa
from simulator.reading import ReceivedGroup, ReceivedInterchange

_IMPLEMENTATION = "005010X231A1"


@dataclass(frozen=True)
class GroupAnswer:
    """AK9 of a received group and, by ST02, IK501 and IK502 of its sets."""

    group: ReceivedGroup
    code: str  # AK905, or empty
    sets: dict[str, tuple[str, str]]
    is_forced: bool = False  # rejected though nothing is wrong

    @property
    def ack(self) -> str:
        """AK901: R when all is rejected, P when a part is, else A."""
        rejected = sum(ack == "R" for ack, _ in self.sets.values())
        if self.code or rejected == len(self.sets):
            return "R"
        return "P" if rejected else "A"

    def forced(self) -> "GroupAnswer":
        """The group and all of its sets rejected: AK905 5 and IK502 5."""
        sets = dict.fromkeys(self.sets, ("R", "5"))
        return GroupAnswer(self.group, "5", sets, is_forced=True)


@dataclass(frozen=True)
class Writer:
    """Makes answer files; `next_number` gives ISA13, GS06 and ST02 by these names."""

    partner: Partner
    exchange: Exchange
    created: datetime
    next_number: Callable[[str], int]

    def interchange_acknowledgment(
        self, received: ReceivedInterchange, ack: str, note: str
    ) -> bytes:
        """A file with one TA1 (TA104 and TA105 as given)."""
        header = received.header
        ta1 = f"TA1*{header[13]}*{header[9]}*{header[10]}*{ack}*{note}"
        return self._interchange([ta1], 0)

    def implementation_acknowledgment(self, answers: list[GroupAnswer]) -> bytes:
        """A file with one functional group and one 999 for each received group."""
        segments = [segment for answer in answers for segment in self._group(answer)]
        return self._interchange(segments, len(answers))

    def _group(self, answer: GroupAnswer) -> list[str]:
        number = self.next_number("GS06")
        set_number = f"{self.next_number('ST02'):09d}"
        header = answer.group.header
        body = [
            f"ST*999*{set_number}*{_IMPLEMENTATION}",
            f"AK1*{header[1]}*{answer.group.control_number}*{header[8]}",
            *self._sets(answer),
            self._totals(answer),
        ]
        made = f"{self.created:%Y%m%d*%H%M}"
        return [
            f"GS*FA*{header[3]}*{header[2]}*{made}*{number}*X*{_IMPLEMENTATION}",
            *body,
            f"SE*{len(body) + 1}*{set_number}",
            f"GE*1*{number}",
        ]

    def _sets(self, answer: GroupAnswer) -> list[str]:
        return [
            segment
            for received in answer.group.sets
            for segment in (
                f"AK2*{received.identifier}*{received.control_number}*{answer.group.header[8]}",
                "*".join(("IK5", *answer.sets[received.control_number])).rstrip("*"),
            )
        ]

    @staticmethod
    def _totals(answer: GroupAnswer) -> str:
        received = len(answer.group.sets)
        accepted = sum(ack == "A" for ack, _ in answer.sets.values())
        accepted = 0 if answer.code else accepted
        totals = f"AK9*{answer.ack}*{received}*{received}*{accepted}"
        return f"{totals}*{answer.code}" if answer.code else totals

    def _interchange(self, segments: list[str], groups: int) -> bytes:
        envelope = Envelope(
            self.exchange.interchange.exchange_id,
            self.partner.trading_partner_id,
            self.next_number("ISA13"),
            self.created,
        )
        trailer = f"IEA*{groups}*{envelope.control_number:09d}"
        lines = [isa(envelope, self.exchange), *segments, trailer]
        end = self.exchange.interchange.segment_terminator
        return "".join(line + end for line in lines).encode("ascii")
