"""The book of one policy as a plain fold, one set after another: a second opinion on the SQL.

Slow and obvious on purpose, and written from docs/decisions/0021 and the CMS guide 7.2 (sections
6.6 to 6.11, 7.2.3 to 7.2.10, table 30), not from the statements of `enrollment/`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from schemas.columns import MAILING, NAME, PERSON, RESIDENCE, SET_HEADER, SINGLE

CLOCK = "REQUEST SUBMIT TIMESTAMP"
BEGINS = ("initial", "renewal")
DAY = timedelta(days=1)
ALWAYS, NEVER = date.min, date.max

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
    named_at: datetime
    file_id: int
    set_ordinal: int
    meanings: dict = field(default_factory=lambda: MEANINGS)
    outcome: str | None = None
    reason: str | None = None
    enrollment: int = 0

    def __post_init__(self):
        self.rows = [_row(person, self.meanings) for person in self.people]
        self.subscribers = [row for row in self.rows if row["is_subscriber"]]
        self.subscriber = self.subscribers[0] if self.subscribers else None
        self.transaction = max(
            (row["transaction"] for row in self.subscribers if row["transaction"]), default=None
        )
        self.policy_id = self.subscriber and self.subscriber["exchange_policy_id"]
        clock = self.subscriber and self.subscriber["clock"]
        self.clock = clock
        self.has_clock = bool(clock) and clock.isdigit() and len(clock) in {14, 16}
        self.moment = (clock if self.has_clock else f"{self.named_at:%Y%m%d}").ljust(16, "0")
        self.contents = sorted(str(sorted(_content(row).items())) for row in self.rows)
        parties = {name: self.header.get(name) for name in ("broker_name", "broker_id")}
        self.contents.append(str(parties))

    @property
    def order(self):
        """Where it belongs: the clock first, then function code, name's time and place."""
        rank = ["I834AR", "I834RT", "I834"].index(self.function_code)
        return self.moment, rank, self.named_at, self.set_ordinal

    @property
    def begin(self):
        """The first day of coverage of which it speaks."""
        return self.subscriber["benefit_begin"]

    @property
    def end(self):
        """The last one."""
        return self.subscriber["benefit_end"]

    @property
    def describes(self):
        """Whether it says how the household is, and not only that it ends or comes back."""
        return self.transaction in (*BEGINS, "change")


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
    if len(said.subscribers) != 1:
        return "not-one-subscriber"
    if not known:
        return "unknown-combination"
    if said.policy_id is None:
        return "no-policy-id"
    if None in ids or len(set(ids)) < len(ids):
        return "member-ids-not-unique"
    if transaction in BEGINS and said.subscriber["plan_id"] is None:
        return "no-plan-id"
    if any(row["maintenance_type"] == "021" and row["benefit_begin"] is None for row in rows):
        return "no-begin-date"
    ends = transaction != "cancellation"
    if ends and any(
        row["maintenance_type"] == "024" and row["benefit_end"] is None for row in rows
    ):
        return "no-end-date"
    return None


@dataclass
class Policy:
    """What the exchange has made of a policy so far."""

    ends_at_begin_cancels: bool = False
    status: str = "none"
    moved_by: tuple | None = None  # the order of the set that gave the status
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
            return ("duplicate", None) if copies else ("waits", "policy-exists")
        if any(a.clock == said.clock for a in copies):
            return "duplicate", None
        if said.has_clock and said.order > self.moved_by:
            return "applied", None
        return "waits", "policy-cancelled"

    _renewal = _initial

    def _change(self, said):
        if self._said_before(said):
            return "duplicate", None
        if self.status == "cancelled":
            return "waits", "policy-cancelled"
        current = [a for a in self.applied if a.enrollment == self.enrollment]
        added = {
            row["exchange_member_id"]
            for a in current
            for row in a.rows
            if row["maintenance_type"] == "021"
        }
        spoken_of = {
            row["exchange_member_id"] for row in said.rows if row["maintenance_type"] != "021"
        }
        if spoken_of - added:
            return "waits", "unknown-member"
        return "applied", None

    def _cancellation(self, said):
        if self.status == "cancelled":
            return "duplicate", None
        if said.end and said.end > self.begin:
            return "waits", "cancellation-after-begin"
        return "applied", None

    def _termination(self, said):
        if self.status == "cancelled":
            if self._said_before(said):
                return "duplicate", None
            return "waits", "policy-cancelled"
        if said.end <= self.begin:
            if self.ends_at_begin_cancels:
                return "applied", None
            return "waits", "end-not-after-begin"
        if self.end and said.end > self.end:
            return "waits", "later-end-needs-reinstatement"
        if self.status == "terminated" and said.end == self.end:
            return "duplicate", None
        return "applied", None

    def _reinstatement(self, said):
        if self.status != "active":
            return "applied", None
        if self._said_before(said):
            return "duplicate", None
        return "waits", "nothing-to-reinstate"

    def _said_before(self, said):
        return any(self._same(a, said) and a.clock == said.clock for a in self.applied)

    @staticmethod
    def _same(one, other):
        return one.transaction == other.transaction and one.contents == other.contents

    def apply(self, said):
        """Takes the set in."""
        if said.transaction in BEGINS:
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


def fold(sets, *, ends_at_begin_cancels=False):
    """The policy after all of its sets; each set's `outcome` and `reason` say what became of it."""
    policy = Policy(ends_at_begin_cancels)
    sets = sorted((s for s in sets if s.transaction != "audit"), key=lambda s: s.order)
    for said in sets:
        said.outcome, said.reason = None, None
    while untold := [said for said in sets if said.outcome is None]:
        said = untold[0]
        said.outcome, said.reason = policy.judge(said)
        if said.outcome == "applied":
            policy.apply(said)
            for waiting in sets:
                if waiting.outcome == "waits":
                    waiting.outcome = None
    return policy


def told(policy):
    """The sets that count, the enrollment first and then in their order."""
    count = [said for said in policy.applied if said.enrollment == policy.enrollment]
    return sorted(count, key=lambda said: (said.transaction not in BEGINS, said.order))


def speak(spans, day, value):
    """From that day on the value holds, whatever was said before about any later day."""
    spans[:] = [span for span in spans if span[0] < day]
    spans.append((day, value))


def days(spans):
    """(first day, last day or None, value) of spans; what goes on as it was is one span."""
    news = [span for n, span in enumerate(spans) if n == 0 or spans[n - 1][1] != span[1]]
    ends = [first - DAY for first, _ in news[1:]] + [None]
    return [(first, last, value) for (first, value), last in zip(news, ends, strict=True)]


class News:
    """Timelines by key of what a maintenance only repeats: a repetition says nothing."""

    def __init__(self):
        self.spans, self.last = {}, {}

    def hear(self, key, day, value, *, always=False):
        """The value holds from the day on when it is another one than was said last."""
        if always or self.last.get(key, ()) != value:
            speak(self.spans.setdefault(key, []), day, value)
        self.last[key] = value


def book(policy):
    """The rows of the book by table: sets of tuples, from what the policy was told."""
    sets = told(policy)
    if not sets:
        return {}
    describing = [said for said in sets if said.describes]
    return {
        "policy": {_policy(policy, sets, describing)},
        "member": _members(describing),
        "coverage": _coverages(policy, describing),
        "amount": _amount_spans(describing),
        "address": _addresses(policy, describing),
        "identifier": _identifiers(policy, describing),
        "broker": _brokers(policy, describing),
    }


def _policy(policy, sets, describing):
    says = {}
    for said in describing:
        for name in ("exchange_subscriber_id", "plan_id", "insurance_line", "issuer_policy_id"):
            says[name] = said.subscriber[name] or says.get(name)
        if said.header.get("total_count") is not None:
            says["total_count"] = said.header["total_count"]
            says["dependent_count"] = said.header.get("dependent_count")
        says["reference"] = said.header.get("reference") or says.get("reference")
    for said in sets:
        for name in set(SET_HEADER) - {"reference", "total_count", "dependent_count"}:
            says[name] = said.header.get(name) or says.get(name)
    enrollment = sets[0].subscriber
    plain = enrollment["transaction"] == "renewal" and enrollment["additional"] in {
        "PASSIVE",
        "PASSIVE - B2S",
    }
    status = policy.status
    if status == "active":
        status = "effectuated" if plain else "initial"
    end = policy.end and max(policy.begin, policy.end)
    return (
        says["exchange_subscriber_id"],
        says["plan_id"],
        says["insurance_line"],
        says["issuer_policy_id"],
        status,
        policy.begin,
        end,
        not plain and status != "cancelled",
        *(says.get(name) for name in SET_HEADER),
    )


def _members(describing):
    known = {}
    for said in describing:
        for row in said.rows:
            if row["maintenance_type"] == "030":
                continue
            person = known.setdefault(
                row["exchange_member_id"],
                dict.fromkeys(("is_subscriber", *SINGLE, *NAME, "eligibility_begin")),
            )
            for name in ("is_subscriber", *SINGLE, "eligibility_begin"):
                if row[name] is not None:
                    person[name] = row[name]
            if row["last_name"] is not None:
                person.update({name: row[name] for name in NAME})
    return {(member_id, *person.values()) for member_id, person in known.items()}


def _coverages(policy, describing):
    plans, covered, begun = News(), {}, {}
    line = None
    for said in describing:
        row = said.subscriber
        line = row["insurance_line"] or line
        if row["plan_id"]:
            day = ALWAYS if said is describing[0] else _since(policy, said, row)
            variant = row["kind"] == "CSR variant change"
            plans.hear("plan", day, row["plan_id"], always=variant)
        for row in said.rows:
            _cover(covered.setdefault(row["exchange_member_id"], []), begun, row)
    rows = set()
    for member_id, spans in covered.items():
        if not spans:
            continue
        mine = [(first, last) for first, last, is_covered in days(spans) if is_covered]
        mine = mine or [(begun[member_id], begun[member_id])]
        for first, last in mine:
            for since, until, plan in days(plans.spans["plan"]):
                begin = max(first, since)
                end = min(last or NEVER, until or NEVER)
                if begin <= end:
                    rows.add((member_id, line, plan, begin, None if end == NEVER else end))
    return rows


def _cover(spans, begun, row):
    """Added from a day on; removed after a day, or altogether when it is the day of the begin."""
    member_id = row["exchange_member_id"]
    if row["maintenance_type"] == "021":
        begun[member_id] = row["benefit_begin"]
        speak(spans, row["benefit_begin"], value=True)
    if row["maintenance_type"] in {"021", "024"} and row["benefit_end"]:
        begin = begun.get(member_id, row["benefit_begin"])
        day = begin if row["benefit_end"] == begin else row["benefit_end"] + DAY
        speak(spans, day, value=False)


def _amount_spans(describing):
    spans = {}
    for said in describing:
        for row in said.rows:
            if row["maintenance_type"] == "030":
                continue
            for (name, day), amount in sorted(row["amounts"].items()):
                speak(spans.setdefault((row["exchange_member_id"], name), []), day, amount)
    return {
        (*key, value, first, last) for key, told in spans.items() for first, last, value in days(told)
    }


def _since(policy, said, row):
    """From when a maintenance holds: its own date, or that of its subscriber's (table 22)."""
    if said.transaction in BEGINS or row["maintenance_type"] == "021":
        return row["benefit_begin"] or policy.begin
    return (
        row["maintenance_effective"]
        or said.subscriber["maintenance_effective"]
        or row["benefit_begin"]
        or policy.begin
    )


def _told_rows(policy, describing):
    for said in describing:
        for row in said.rows:
            if row["maintenance_type"] != "030":
                yield said, row, _since(policy, said, row)


def _addresses(policy, describing):
    heard = News()
    for _, row, since in _told_rows(policy, describing):
        for kind, lines in (("residence", RESIDENCE), ("mailing", MAILING)):
            if row[lines[0]] is not None:
                value = tuple(row[line] for line in lines)
                value += (None,) * (len(RESIDENCE) - len(lines))
                heard.hear((row["exchange_member_id"], kind), since, value)
    return {
        (*key, *value, first, last)
        for key, spans in heard.spans.items()
        for first, last, value in days(spans)
    }


def _identifiers(policy, describing):
    heard = News()
    for _, row, since in _told_rows(policy, describing):
        kinds = ["issuer_subscriber_id", "issuer_member_id", "exchange_subscriber_id"]
        if row["is_subscriber"]:
            kinds.append("issuer_policy_id")
        for kind in kinds:
            if row[kind] is not None:
                heard.hear((row["exchange_member_id"], kind), since, row[kind])
    rows = set()
    for (member_id, kind), spans in heard.spans.items():
        if kind == "exchange_subscriber_id" and len(days(spans)) == 1:
            continue  # a member's attribute, until it changes
        rows |= {(member_id, kind, value, first, last) for first, last, value in days(spans)}
    return rows


def _brokers(policy, describing):
    heard = News()
    for said in describing:
        broker = said.header.get("broker_name"), said.header.get("broker_id")
        if broker != (None, None) or said.subscriber["kind"] == "broker change":
            heard.hear("broker", _since(policy, said, said.subscriber), broker)
    return {
        (*value, first, last)
        for spans in heard.spans.values()
        for first, last, value in days(spans)
        if value != (None, None)
    }
