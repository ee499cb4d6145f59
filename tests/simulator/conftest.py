"""A small exchange, and a carrier that answers it with hand-written files."""

import io
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyx12.params import params
from pyx12.x12n_document import x12n_document

from schemas.partners import load_exchange, partners_of
from simulator.exchange import ExchangeInABox
from simulator.faults import FILE_FAULTS
from tests.simulator.hand_written import World

PARAMETERS = params()  # its maps are read once for all files that are read by these
FIRST_NIGHT = date(2026, 12, 1)


@pytest.fixture
def partners():
    """Both trading partners."""
    return partners_of("ffe")


@pytest.fixture
def new_exchange(tmp_path, partners) -> Callable[..., ExchangeInABox]:
    """Makes an exchange of 60 persons; a second one with the same home goes on with the first."""

    def make(home: Path = tmp_path / "exchange", **changes):
        arguments = {
            "seed": 7,
            "members": 60,
            "first_night": FIRST_NIGHT,
            "faults": 0.0,
            "partners": partners,
            "exchange": load_exchange("ffe"),
        }
        return ExchangeInABox(home, **(arguments | changes))

    return make


@pytest.fixture
def pyx12_accepts() -> Callable[[bytes], bool]:
    """Whether pyx12's validator has nothing against the content."""
    logging.getLogger("pyx12").propagate = False

    def accepts(content: bytes) -> bool:
        text = io.StringIO(content.decode("ascii"))
        return bool(x12n_document(PARAMETERS, text, io.StringIO(), None))

    return accepts


class SmallCarrier:
    """Answers the files in the outboxes, which it leaves there."""

    def __init__(self, exchange: ExchangeInABox) -> None:
        self.exchange = exchange
        self.root = exchange.mailboxes.root
        self.number = 0

    def acknowledge(self, night: int, *, rejected_sets=()) -> None:
        """A TA1 and a 999 for every readable file; sets named by ST02 are rejected."""
        for file in self.exchange.sent_files(night):
            content = (self.root / file.partner_id / "outbox" / file.name).read_text("ascii")
            if not content.startswith("ISA") or file.fault == "unknown_sender":
                continue
            segments = [segment.split("*") for segment in content.split("~") if segment]
            rejected = file.fault in FILE_FAULTS
            self._interchange_acknowledgment(file, segments[0], rejected)
            if not rejected and file.fault != "duplicate":
                self._implementation_acknowledgment(file.partner_id, segments, rejected_sets)

    def _interchange_acknowledgment(self, file, isa, rejected) -> None:
        answer = "R*023" if rejected else "A*000"
        if file.fault == "duplicate":
            answer = "R*025"
        ta1 = f"TA1*{isa[13]}*{isa[9]}*{isa[10]}*{answer}"
        self.deliver(file.partner_id, "TA1", self.envelope(file.partner_id, [ta1], 0))

    def _implementation_acknowledgment(self, partner_id, segments, rejected_sets) -> None:
        body, count = [], 0
        for segment in segments:
            if segment[0] == "GS":
                group = segment
                body.append(f"GS*FA*{group[3]}*{group[2]}*20261201*2100*{group[6]}*X*005010X231A1")
                answer = [f"ST*999*{group[6]:0>4}*005010X231A1", f"AK1*BE*{group[6]}*{group[8]}"]
                acks = []
            elif segment[0] == "ST":
                acks.append("R" if segment[2] in rejected_sets else "A")
                answer.append(f"AK2*834*{segment[2]}*005010X220A1")
                answer.append("IK5*R*5" if acks[-1] == "R" else "IK5*A")
            elif segment[0] == "GE":
                good = acks.count("A")
                of_group = "A" if good == len(acks) else ("P" if good else "R")
                answer.append(f"AK9*{of_group}*{len(acks)}*{len(acks)}*{good}")
                answer.append(f"SE*{len(answer) + 1}*{group[6]:0>4}")
                body += [*answer, f"GE*1*{group[6]}"]
                count += 1
        self.deliver(partner_id, "999", self.envelope(partner_id, body, count))

    def sets_of(self, night: int, policy_id: str) -> list[tuple[str, list[str]]]:
        """File name and segments of each set of the policy that is in the outboxes."""
        found = []
        for file in self.exchange.sent_files(night):
            content = (self.root / file.partner_id / "outbox" / file.name).read_text("ascii")
            for text in content.split("~ST*")[1:]:
                segments = ("ST*" + text.split("~GE*")[0].split("~IEA*")[0]).rstrip("~").split("~")
                if f"REF*1L*{policy_id}" in segments and file.fault != "duplicate":
                    found.append((file.name, segments))
        return found

    def effectuate(self, partner_id: str, sets: list[list[str]], plan_id: str, **numbers) -> None:
        """An IC834 with these sets, in one group."""
        partner = self.exchange.scenario.partners[partner_id]
        group = numbers.get("group", self._next())
        body = [
            f"GS*BE*{plan_id[:14]}*{partner.tenant_id}*20261201*2100*{group}*X*005010X220A1",
            *(segment for segments in sets for segment in segments),
            f"GE*{len(sets)}*{group}",
        ]
        interchange = self.envelope(partner_id, body, 1, numbers.get("interchange"))
        self.deliver(partner_id, "IC834", interchange)

    def confirmation(self, sent: list[str], number: str | None = None) -> list[str]:
        """An effectuation made of a sent initial enrollment (CMS guide 7.2, table 18)."""
        made = []
        keep = True
        for segment in sent[1:-1]:
            name, *rest = segment.split("*")
            if name == "INS":
                made.append("*".join(["INS", *rest[:2], "021", "28", *rest[4:]]))
                subscriber = rest[0] == "Y"
            elif segment.startswith("REF*17*") and keep:
                made += [segment, f"REF*23*M{rest[1]}", "REF*ZZ*S1"]
            elif segment.startswith("DTP*348"):
                made += [segment, "DTP*543*D8*20270131"] if subscriber else [segment]
            elif segment.startswith("REF*1L"):
                made += [segment, f"REF*X9*P{rest[1]}"]
            elif name == "LS":
                made += [*CONFIRMED]
                keep = False
            elif name == "LE":
                keep = True
            elif keep and (name not in {"PER", "N3", "N4", "HLH", "LUI"}):
                made += [] if segment.startswith(("N1*BO", "NM1*S3", "NM1*31")) else [segment]
        number = number or f"{self._next():04d}"
        return [f"ST*834*{number}*005010X220A1", *made, f"SE*{len(made) + 2}*{number}"]

    def envelope(self, partner_id, body, groups, number=None) -> str:
        partner = self.exchange.scenario.partners[partner_id]
        number = number or self._next()
        isa = (
            f"ISA*00*{'':10}*00*{'':10}*ZZ*{partner.trading_partner_id:15}*ZZ*{'CMSFFM':15}"
            f"*261201*2100*^*00501*{number:09d}*0*P*:"
        )
        return "~".join([isa, *body, f"IEA*{groups}*{number:09d}", ""])

    def deliver(self, partner_id: str, function_code: str, content: str) -> Path:
        path = self.root / partner_id / "inbox" / f"{self._next():06d}.{function_code}"
        path.write_text(content, "ascii")
        return path

    def _next(self) -> int:
        self.number += 1
        return self.number


CONFIRMED = (
    "LS*2700",
    "LX*1",
    "N1*75*REQUEST SUBMIT TIMESTAMP",
    "REF*17*2026120121000000",
    "LX*2",
    "N1*75*ADDL MAINT REASON",
    "REF*17*CONFIRM",
    "LE*2700",
)


@pytest.fixture
def carrier_of() -> Callable[[ExchangeInABox], SmallCarrier]:
    """A carrier for an exchange."""
    return SmallCarrier


@pytest.fixture
def world(new_exchange, carrier_of) -> World:
    """An exchange whose first night was acknowledged, and its carrier."""
    box = new_exchange(members=120)
    box.send(1)
    carrier = carrier_of(box)
    carrier.acknowledge(1)
    box.read_answers(1)
    return World(box, carrier)
