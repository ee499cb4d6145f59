"""What comes before the night that is killed, so that it has all to send that we can send.

Night 1 enrolls and effectuates. Night 2 sends a cancellation that the carrier asks for. Night 3
holds three ends, and two persons release them. The fourth night finds those, three more that are
held, the cancellation to be taken back, new ids, late payments, of which one is for an enrollment
that cannot be answered, a released monthly file; the exchange's TA1, 999 and BAA, new enrollments,
and a damaged file.
"""

import re
import shutil
from importlib.resources import files
from pathlib import Path

from enrollment.holds import Spoken, holds, speak
from pipeline.month import build_rcni
from pipeline.settings import CarrierSettings
from reconciliation.months import release

CEDAR = "cedar-valley-tx"
_HELD = 3  # that many ends wait for persons, by bounds of the partner's own
_LATE = 3  # policies that are paid for before the last night only
_SET = re.compile(rb"ST\*834\*.*?SE\*\d+\*\d+~", re.DOTALL)


def own_bounds(folder):
    """The partners' files, with bounds that two ends of coverage do not pass and three do."""
    shutil.copytree(Path(str(files("schemas"))) / "partners", folder)
    path = folder / f"{CEDAR}.toml"
    bounds = f"[outgoing]\nendings = {_HELD - 1}\n"
    path.write_text(f"{path.read_text('utf-8')}\n{bounds}", "utf-8")
    return folder


class Story:
    """The exchange, the carrier and two persons, up to the evening of the fourth night."""

    def __init__(self, world):
        self.world = world
        self.folder = world.folder / "carrier" / CEDAR
        self.asked = []
        self.day = ""
        carrier = world.house.settings.carriers[CEDAR].model_dump()
        carrier["requests"] = str(self.folder / "requests.csv")
        world.house.settings.carriers[CEDAR] = CarrierSettings(**carrier)

    def lead_up(self):
        """Plays three nights, and lays out what the fourth finds."""
        world = self.world
        world.send(1)
        held_back = self.hold_back_a_damaged_file()
        paid = self.paid()
        late = paid[:_LATE]
        self.spoil_the_enrollment_of(late[0])
        self.withhold_payments_of(late)
        world.run(1)
        world.exchange.read_answers(1)
        back, other_ids, rejected, *ending = self.effectuated()
        self.day = "2026-12-02"
        self.asks("cancel", back, "CANCEL-OTH")
        world.run(2)
        self.day = "2026-12-03"
        self.asks_for_ends_of(ending[:_HELD])
        world.run(3)
        self.release()
        world.exchange.read_answers(1)
        world.exchange.send(2)
        self.keep_few(held_back)
        self.put_business_acknowledgement(rejected)
        world.write_carrier_records(2)
        self.day = "2026-12-04"
        self.asks("reinstate", back, "")
        self.asks_for_ends_of(ending[_HELD : 2 * _HELD])
        self.changes_ids_of(other_ids)
        self.tell_the_month()

    def tell_the_month(self):
        """A person writes the monthly file and releases it: the fourth night sends it."""
        house = self.world.house
        written = build_rcni(house, CEDAR, 2027, self.world.clock(3), self.world.folder / "month")
        with house.engine.begin() as conn:
            release(conn, written.month_file_id, "Ada First", "ops", "It is the fifteenth.")

    def release(self):
        """Two persons let go what is held."""
        with self.world.house.engine.begin() as conn:
            (held,) = [one for one in holds(conn) if one.is_open]
            assert held.waiting == _HELD
            for person in ("Ada First", "Ben Second"):
                speak(conn, held.hold_id, Spoken("released", person, "ops", "I looked at each."))

    # The exchange

    def hold_back_a_damaged_file(self):
        """Takes a file with damaged sets from the outbox; it comes in the last night."""
        kept = self.world.folder / "held-back"
        kept.mkdir()
        waiting = sorted(self.world.outbox(CEDAR).iterdir())
        damaged = [path for path in waiting if b"20260230" in path.read_bytes()]
        for path in damaged[:1]:
            path.rename(kept / path.name)
        return kept

    def spoil_the_enrollment_of(self, policy):
        """A BGN02 that no answer may return: a warning for an enrollment."""
        for path in self.world.outbox(CEDAR).iterdir():
            content = path.read_bytes()
            for one in _SET.findall(content):
                if b"REF*1L*%b~" % policy.encode() in one:
                    content = content.replace(one, one.replace(b"BGN*00*", b"BGN*00*A", 1))
            path.write_bytes(content)

    def keep_few(self, held_back):
        """Leaves a file of enrollments and the answers, and puts the held back one there."""
        outbox = self.world.outbox(CEDAR)
        enrollments = [path for path in sorted(outbox.iterdir()) if b"GS*BE*" in path.read_bytes()]
        for path in enrollments[:-1]:
            path.unlink()
        for path in held_back.iterdir():
            path.rename(outbox / path.name)

    def put_business_acknowledgement(self, policy):
        """The exchange rejects the effectuation of the policy after all."""
        ((number,),) = self.world.rows(
            "SELECT s.control_number FROM book.decision d JOIN ledger.transaction_set s"
            " ON s.file_id = d.sent_file_id AND s.set_ordinal = d.set_ordinal"
            " WHERE d.exchange_policy_id = :policy",
            policy=policy,
        )
        text = (
            "<BusinessApplicationAcknowledgment><TradingPartnerId>001234567T</TradingPartnerId>"
            f"<Transaction><TransactionSetControlNumber>{number}</TransactionSetControlNumber>"
            f"<ExchangeAssignedPolicyId>{policy}</ExchangeAssignedPolicyId>"
            "<Error><Severity>R</Severity><Element>DTP*348</Element><Code>E046</Code>"
            "<Text>begin</Text></Error></Transaction></BusinessApplicationAcknowledgment>"
        )
        name = "OPR.001234567T.BAA.D261204.T200000000.P"
        (self.world.outbox(CEDAR) / name).write_text(text, "utf-8")

    # The carrier

    def paid(self):
        """The policies that the carrier has a payment of, in order."""
        lines = (self.folder / "payments.csv").read_text("utf-8").splitlines()[1:]
        return sorted({line.split(",")[0] for line in lines})

    def withhold_payments_of(self, policies):
        """The extract as if they had not been paid."""
        path = self.folder / "payments.csv"
        lines = path.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.split(",")[0] not in policies]
        path.write_text("".join(kept), "utf-8")

    def effectuated(self):
        """The policies whose effectuation was sent, in order."""
        sent = self.world.rows(
            "SELECT exchange_policy_id FROM book.decision WHERE state = 'sent'"
            " AND kind = 'effectuation' ORDER BY 1"
        )
        return [policy for (policy,) in sent]

    def asks(self, request, policy, reason, end=""):
        """One more request of the carrier; the earlier ones stay in its extract."""
        self.asked.append(f"{policy},{request},{reason},{end},{self.day}")
        header = "POLICY_NO,REQUEST_CD,REASON_CD,LAST_DAY_DT,REQUEST_DT"
        (self.folder / "requests.csv").write_text("\n".join([header, *self.asked, ""]), "utf-8")

    def asks_for_ends_of(self, policies):
        """Cancellations and terminations in turn."""
        for number, policy in enumerate(policies):
            if number % 2:
                self.asks("terminate", policy, "TERM-OTH", "2027-01-31")
            else:
                self.asks("cancel", policy, "CANCEL-OTH")

    def changes_ids_of(self, policy):
        """The carrier's own id of the policy is another one from now on."""
        path = self.folder / "members.csv"
        text = path.read_text("utf-8")
        assert f",P{policy}," in text
        path.write_text(text.replace(f",P{policy},", f",Q{policy},"), "utf-8")
