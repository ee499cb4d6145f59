"""What becomes of the sets of one policy, one after another: a second opinion on the SQL.

What is believed then is `tests/enrollment/model_book.py`. Slow and obvious on purpose, and written
from docs/decisions/0021 and the CMS guide 7.2 (sections 6.6 to 6.11, 7.2.3 to 7.2.10, table 30),
not from the statements of `enrollment/`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from schemas.columns import PERSON

CLOCK = "REQUEST SUBMIT TIMESTAMP"
BEGINS = ("initial", "renewal")

# Table 30: what INS03, INS04 and ADDL MAINT REASON (without blanks and dashes) mean together.
_ENDS = {
    ("14", "CANCEL"): "cancellation",
    ("14", "CANCELCIC"): "cancellation",
    ("", "CANCELCARRYFORWARD"): "cancellation",
    ("14", "TERM"): "termination",
    ("14", "TERMCIC"): "termination",
    ("07", "TERMNLE"): "termination",
}
MEANINGS = {
    ("021", "EC", ""): ("initial", "initial"),
    ("021", "EC", "CIC"): ("initial", "change in circumstance"),
    ("021", "41", "PASSIVE"): ("renewal", "renewal"),
    ("021", "41", "PASSIVEINITIAL"): ("renewal", "renewal"),
    **{("024", *reason): (name, name) for reason, name in _ENDS.items()},
    ("001", "", "AGENTBROKERINFO"): ("change", "broker change"),
    ("001", "", "CSRVARIANTCHANGE"): ("change", "CSR variant change"),
    ("001", "", "FINANCIALCHANGE"): ("change", "financial change"),
    ("001", "", "NOCHANGE"): ("change", "no change"),
    ("001", "", "DEMOGRAPHICCHANGE"): ("change", "demographic change"),
    ("001", "25", "DEMOGRAPHICCHANGE"): ("change", "demographic change"),
    ("001", "43", "DEMOGRAPHICCHANGE"): ("change", "demographic change"),
}
# What an exchange in the manner of DC sends instead (its overlay in schemas/companions).
DC_MEANINGS = {
    ("021", "EC", ""): ("initial", "initial"),
    ("001", "EC", "CHANGE"): ("change", "change"),
    ("021", "02", ""): ("change", "member added"),
    ("024", "59", ""): ("termination", "termination"),
    ("025", "", ""): ("reinstatement", "reinstatement"),
    ("030", "XN", ""): ("audit", "audit"),
}


@dataclass
class Said:
    """One set as it came: its file's function code, name's time and place in the file."""

    people: list
    header: dict
    function_code: str
    named_at: datetime | None
    file_id: int
    set_ordinal: int
    meanings: dict = field(default_factory=lambda: MEANINGS)
    came_on: date | None = None  # where the file's name tells no day
    fallen: frozenset = frozenset()  # the members whom the verdict keeps out, by their ids
    outcome: str | None = None
    reason: str | None = None
    order: tuple = ()  # among the sets of its policy
    enrollment: int = 0

    def __post_init__(self):
        staying = [p for p in self.people if p.member["exchange_member_id"] not in self.fallen]
        self.rows = [_row(person, self.meanings) for person in staying]
        self.lost = len(self.people) - len(staying)
        self.subscribers = [row for row in self.rows if row["is_subscriber"]]
        self.subscriber = self.subscribers[0] if self.subscribers else None
        self.transaction = max(
            (row["transaction"] for row in self.subscribers if row["transaction"]), default=None
        )
        self.policy_id = self.subscriber and self.subscriber["exchange_policy_id"]
        clock = self.subscriber and self.subscriber["clock"]
        self.clock = clock
        self.has_clock = bool(clock) and _is_moment(clock)
        day = self.named_at or self.came_on
        self.moment = (clock if self.has_clock else f"{day:%Y%m%d}").ljust(16, "0")
        self.contents = sorted(str(sorted(_content(row).items())) for row in self.rows)
        if any(row["kind"] == "broker change" for row in self.rows):
            broker = self.header.get("broker_name"), self.header.get("broker_id")
            self.contents.append(str(broker))

    @property
    def place(self):
        """Where it was said among those of the same moment: function code, name's time, place."""
        codes = ["I834AR", "I834RT", "I834"]
        rank = codes.index(self.function_code) if self.function_code else len(codes)
        arrival = 0 if self.named_at else self.file_id
        return rank, self.named_at or datetime.max, arrival, self.set_ordinal

    @property
    def begin(self):
        """The first day of coverage of which it speaks."""
        return self.subscriber["benefit_begin"]

    @property
    def end(self):
        """The last one."""
        return self.subscriber["benefit_end"]

    def is_copy_of(self, other):
        """Whether it says the same at the same clock: copies stand together."""
        if not self.has_clock or not other.has_clock:
            return self is other
        return (self.moment, self.transaction, self.contents, self.lost) == (
            other.moment,
            other.transaction,
            other.contents,
            other.lost,
        )

    @property
    def before_what_mends_it(self):
        """Of enrollments of one moment, those of which more members fell come first."""
        return -self.lost if self.transaction in BEGINS else 0

    @property
    def describes(self):
        """Whether it says how the household is, and not only that it ends or comes back."""
        return self.transaction in (*BEGINS, "change")


def _is_moment(clock):
    """Whether it is CCYYMMDDHHMMSSss of the calendar, hundredths left out or not."""
    if not clock.isdigit() or len(clock) not in {14, 16}:
        return False
    try:
        return datetime.strptime(clock[:14], "%Y%m%d%H%M%S").year >= 1000
    except ValueError:
        return False


def _row(person, meanings):
    """What an INS with its 2300 and 2750 says, dates of 2300 before those of 2000."""
    member, coverage = person.member, person.coverage or {}
    row = {name: member.get(name) for name in PERSON} | {
        "is_subscriber": member["is_subscriber"],
        "exchange_member_id": member.get("exchange_member_id"),
        "maintenance_type": member["maintenance_type"],
        "maintenance_reason": member.get("maintenance_reason"),
        "additional": member.get("additional_maintenance_reason"),
        "eligibility_begin": member.get("eligibility_begin"),
        "exchange_policy_id": member.get("exchange_policy_id")
        or coverage.get("exchange_policy_id"),
        "plan_id": (coverage.get("plan_id") or "").replace("-", "") or None,
        "insurance_line": coverage.get("insurance_line"),
        "issuer_policy_id": coverage.get("issuer_policy_id"),
        "benefit_begin": coverage.get("benefit_begin") or member.get("eligibility_begin"),
        "benefit_end": coverage.get("benefit_end") or member.get("eligibility_end"),
        "maintenance_effective": member.get("maintenance_effective")
        or coverage.get("maintenance_effective"),
    }
    reason = (row["additional"] or "").replace(" ", "").replace("-", "")
    meaning = (row["maintenance_type"], row["maintenance_reason"] or "", reason)
    row["transaction"], row["kind"] = meanings.get(meaning, (None, None))
    clocks = [c["value"] for c in person.categories if c["name"] == CLOCK]
    row["clock"] = max(clocks, default=None)
    row["categories"] = [c for c in person.categories if c["name"] != CLOCK]
    row["amounts"] = _amounts(row)
    return row


def _amounts(row):
    """Name and first day to amount; of two with the same name and day the last one counts."""
    amounts = {}
    for category in row["categories"]:
        day = category.get("effective_begin") or row["benefit_begin"]
        if category["qualifier"] in {"9V", "9X"} and day:
            amounts[category["name"], day] = Decimal(category["value"])
    return amounts


def _content(row):
    """What is compared to know a copy; a clock is not contents."""
    told = {k: v for k, v in row.items() if k not in {"clock", "categories", "kind", "amounts"}}
    listed = [(c["name"], c["value"], str(c.get("effective_begin"))) for c in row["categories"]]
    return told | {"categories": sorted(listed)}


def refusal(said):
    """Why a set can be no transaction of the exchange, or None."""
    rows, transaction = said.rows, said.transaction
    ids = [row["exchange_member_id"] for row in rows]
    known = all(
        row["transaction"] is not None and transaction in {row["transaction"], "change"}
        for row in rows
    )
    faults = {
        "not-one-subscriber": len(said.subscribers) != 1,
        "unknown-combination": not known,
        "no-policy-id": said.policy_id is None,
        "member-ids-not-unique": None in ids or len(set(ids)) < len(ids),
        "no-plan-id": transaction in BEGINS and said.subscriber["plan_id"] is None,
        "no-begin-date": any(
            row["maintenance_type"] == "021" and row["benefit_begin"] is None for row in rows
        ),
        "no-end-date": transaction != "cancellation"
        and any(row["maintenance_type"] == "024" and row["benefit_end"] is None for row in rows),
    }
    return next((reason for reason, is_so in faults.items() if is_so), None)


@dataclass
class Policy:
    """What the exchange has made of a policy so far."""

    ends_at_begin_cancels: bool = False
    status: str = "none"
    moved_by: tuple | None = None  # the order of the set that gave the status
    began_by: tuple | None = None  # and of the enrollment that counts
    enrollment: int = 0
    begin: date | None = None
    end: date | None = None
    told_end: date | None = None
    applied: list = field(default_factory=list)

    def judge(self, said):
        """What becomes of the next set: applied, duplicate or waits, and the reason."""
        if self.status == "none":
            if said.transaction in BEGINS:
                return "applied", None
            return "waits", "unknown-policy"
        return getattr(self, f"_{said.transaction}")(said)

    def _initial(self, said):
        copies = [a for a in self.applied if self._same(a, said)]
        if self.status != "cancelled":
            if any(a.clock == said.clock or a.enrollment == self.enrollment for a in copies):
                return "duplicate", None
            return ("applied", None) if self._completes(said) else ("waits", "policy-exists")
        if any(a.clock == said.clock for a in copies):
            return "duplicate", None
        if said.has_clock and said.order > self.moved_by:
            return "applied", None
        return "waits", "policy-cancelled"

    _renewal = _initial

    def _completes(self, said):
        """Whether it brings whom the verdict has kept out of the enrollment that counts."""
        ids = {(row["exchange_member_id"], row["is_subscriber"]) for row in said.rows}
        brought = {member_id for member_id, _ in ids} - self._brought()
        return bool(brought) and any(
            a.lost
            and a.transaction == said.transaction
            and {(row["exchange_member_id"], row["is_subscriber"]) for row in a.rows} <= ids
            and _of_policy(a) == _of_policy(said)
            for a in self._current()
        )

    def _is_before_enrollment(self, said):
        return self.enrollment > 1 and said.has_clock and said.order < self.began_by

    def _change(self, said):
        if self.status != "cancelled" and self._is_before_enrollment(said):
            return "duplicate", "before-enrollment"
        if self._said_before(said):
            is_again = self.status != "cancelled" and self._is_said_again(said)
            return ("waits", "said-again") if is_again else ("duplicate", None)
        if self.status == "cancelled":
            return "waits", "policy-cancelled"
        return self._change_of_policy(said)

    def _is_said_again(self, said):
        """Whether something else was said of the household since, and no clock tells them apart."""
        described = [a for a in self._current() if a.describes and a.order < said.order]
        last = max(described, key=lambda a: a.order, default=None)
        return not said.has_clock and not (last and last.contents == said.contents)

    def _change_of_policy(self, said):
        if self._is_of_another(said):
            return "waits", "other-subscriber"
        plan = said.subscriber["plan_id"]
        if plan and plan[:14] != self.enrolled.subscriber["plan_id"][:14]:
            return "waits", "other-plan"
        return self._change_of_members(said)

    def _change_of_members(self, said):
        spoken_of = {
            row["exchange_member_id"] for row in said.rows if row["maintenance_type"] != "021"
        }
        if spoken_of - self._brought():
            return "waits", "unknown-member"
        return "applied", None

    def _current(self):
        return [a for a in self.applied if a.enrollment == self.enrollment]

    def _brought(self):
        """The ids of all whom the enrollment and changes since have added."""
        return {
            row["exchange_member_id"]
            for a in self._current()
            for row in a.rows
            if row["maintenance_type"] == "021"
        }

    def _cancellation(self, said):
        if self.status == "cancelled":
            return "duplicate", None
        if self._is_before_enrollment(said):
            return "duplicate", "before-enrollment"
        if self._is_of_another(said):
            return "waits", "other-subscriber"
        if said.end and said.end > self.begin:
            return "waits", "cancellation-after-begin"
        return "applied", None

    def _termination(self, said):
        if self.status == "cancelled":
            is_again = self.ends_at_begin_cancels and said.end <= self.begin
            if is_again or self._said_before(said):
                return "duplicate", None
            return "waits", "policy-cancelled"
        if self._is_before_enrollment(said):
            return "duplicate", "before-enrollment"
        if self._is_of_another(said):
            return "waits", "other-subscriber"
        return self._end(said)

    def _end(self, said):
        if said.end <= self.begin and not self.ends_at_begin_cancels:
            return "waits", "end-not-after-begin"
        if said.end > self.begin and self.end and said.end > self.end:
            return self._later_end(said)
        if said.end > self.begin and self.status == "terminated" and said.end == self.end:
            return "duplicate", None
        return "applied", None

    def _later_end(self, said):
        """The federal exchange moves an end of its own; it has no reinstatement (7.2.7)."""
        is_newer = said.has_clock and self.moved_by is not None and said.order > self.moved_by
        if self.status == "terminated" and is_newer and not self.ends_at_begin_cancels:
            return "applied", None
        return "waits", "later-end-needs-reinstatement"

    def _reinstatement(self, said):
        if self.status != "cancelled" and self._is_before_enrollment(said):
            return "duplicate", "before-enrollment"
        if self.status != "active":
            if self._is_of_another(said):
                return "waits", "other-subscriber"
            return "applied", None
        if self._said_before(said):
            return "duplicate", None
        return "waits", "nothing-to-reinstate"

    @property
    def enrolled(self):
        """The enrollment that counts."""
        return [a for a in self.applied if a.transaction in BEGINS][-1]

    def _is_of_another(self, said):
        known = self.enrolled.subscriber["exchange_member_id"]
        return said.subscriber["exchange_member_id"] != known

    def _said_before(self, said):
        return any(self._same(a, said) and a.clock == said.clock for a in self.applied)

    @staticmethod
    def _same(one, other):
        return one.transaction == other.transaction and one.contents == other.contents

    def apply(self, said):
        """Takes the set in."""
        if said.transaction in BEGINS and self.status in {"active", "terminated"}:
            said.enrollment = self.enrollment
            self.applied.append(said)
            return
        if said.transaction in BEGINS:
            self.began_by = said.order
            self.status, self.begin, self.told_end = "active", said.begin, said.end
            self.end = said.end
            self.enrollment += 1
        elif said.transaction == "reinstatement":
            self.status, self.end = "active", self.told_end
        elif said.transaction == "cancellation" or (
            said.transaction == "termination" and said.end <= self.begin
        ):
            self.status, self.end = "cancelled", self.begin
        elif said.transaction == "termination":
            self.status, self.end = "terminated", said.end
        said.enrollment = self.enrollment
        if said.transaction != "change":
            self.moved_by = said.order
        self.applied.append(said)


def _of_policy(said):
    subscriber = said.subscriber
    return subscriber["plan_id"][:14], subscriber["benefit_begin"], subscriber["benefit_end"]


def fold(sets, *, ends_at_begin_cancels=False):
    """The policy after all of its sets; each set's `outcome` and `reason` say what became of it."""
    policy = Policy(ends_at_begin_cancels)
    for said in sets:
        said.outcome, said.reason = None, None
        copies = [other.place for other in sets if said.is_copy_of(other)]
        fallen = said.before_what_mends_it
        said.order = (said.moment, fallen, min(copies), said.file_id, said.set_ordinal)
    sets = sorted(sets, key=lambda said: said.order)
    while untold := [said for said in sets if said.outcome is None]:
        said = untold[0]
        said.outcome, said.reason = policy.judge(said)
        if said.outcome == "applied":
            policy.apply(said)
            for waiting in sets:
                if waiting.outcome == "waits":
                    waiting.outcome = None
    return policy
