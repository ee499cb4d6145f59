"""The rows of the book that follow from the sets of one policy: the second half of the model."""

from datetime import date, timedelta

from schemas.columns import MAILING, NAME, RESIDENCE, SET_HEADER, SINGLE
from tests.enrollment.model import BEGINS

DAY = timedelta(days=1)
ALWAYS, NEVER = date.min, date.max


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
    spans, begun = {}, {}
    for said in describing:
        for row in said.rows:
            if row["maintenance_type"] == "030":
                continue
            if row["maintenance_type"] == "021":
                begun[row["exchange_member_id"]] = row["benefit_begin"]
            for (name, day), amount in sorted(row["amounts"].items()):
                speak(spans.setdefault((row["exchange_member_id"], name), []), day, amount)
            _end_amounts(spans, begun, row)
    return {
        (*key, value, first, last)
        for key, told in spans.items()
        for first, last, value in days(told)
        if value is not None
    }


def _end_amounts(spans, begun, row):
    """A dependent who is removed has no amounts after his last day, or none at all."""
    member_id, end = row["exchange_member_id"], row["benefit_end"]
    if row["maintenance_type"] != "024" or row["is_subscriber"] or not end:
        return
    day = end if end == begun.get(member_id, row["benefit_begin"]) else end + DAY
    for (whose, _), told in spans.items():
        if whose == member_id:
            speak(told, day, None)


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
