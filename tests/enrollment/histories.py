"""What an exchange might say of a few policies, right and wrong, and how it might arrive.

Small worlds of dates, people and clocks, so that things meet: equal days, equal clocks, spans that
touch, members who leave before they come.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.enrollment.conftest import Person, Say, TransactionSet

FIRSTS = [date(2026, 12, 1)] + [date(2027, month, 1) for month in range(1, 13)]
DAYS = FIRSTS + [first - timedelta(days=1) for first in FIRSTS[1:]]
FIRST_NIGHT = datetime.fromisoformat("2026-12-01T06:00:00+00:00")
PLANS = ["91001TX001000101", "91001TX001000104", "91001TX001000105"]
OTHER_PLAN = "91001TX002000101"
NAMES = ["PRE AMT 1", "PRE AMT TOT", "APTC AMT", "OTH PAY AMT1"]
_CLOCKS = [f"202611{day:02d}080000{part:02d}" for day in range(10, 20) for part in (0, 50)]


@dataclass
class Delivery:
    """One file: its sets, what its name says, when it comes, and what the gate does with it."""

    sets: list
    function_code: str
    named_at: datetime | None
    night: int
    let_in: int | None  # in this night; None = never
    is_refused: bool = False
    fallen: tuple = ()  # the members whom the verdict keeps out


def deliveries(random, kind):
    """Files of a few nights that hold the histories of some policies, in any order."""
    sets = [
        said
        for policy in range(random.randint(1, 4))
        for said in history(random, f"P{policy}", kind)
    ]
    sets += [random.choice(sets) for _ in range(random.randint(0, len(sets) // 3))]
    if random.random() < 0.7:
        random.shuffle(sets)
    names = [datetime(2026, 11, 10 + n % 10, 18, n) for n in range(40)]
    random.shuffle(names)
    files = []
    while sets:
        size = random.randint(1, 8)
        named_at = names.pop() if random.random() < 0.9 else None
        files.append(_delivery(random, [sets.pop() for _ in sets[:size]], named_at))
    return sorted(files, key=lambda file: file.night)


def _delivery(random, sets, named_at):
    night = random.choice([0, 0, 1, 2])
    held = random.random()
    return Delivery(
        sets,
        random.choice(["I834", "I834", "I834RT", "I834AR"]),
        named_at,
        night,
        let_in=night if held < 0.85 else min(2, night + 1) if held < 0.95 else None,
        is_refused=held >= 0.98,
        fallen=_fallen(random, sets),
    )


def _fallen(random, sets):
    """Dependents of the file, none of whom is ever a subscriber, in some files."""
    if random.random() < 0.8:
        return ()
    ids = [person.member["exchange_member_id"] for said in sets for person in said.people]
    dependents = sorted({one for one in ids if one[-1] in "BCDE"})
    return tuple(random.sample(dependents, min(len(dependents), 2)))


def history(random, policy, kind):
    """Up to ten sets of one policy, some of them with the contents of another."""
    begin = random.choice(FIRSTS[:4])
    says = [_enrollment(random, policy, begin, kind)] if random.random() < 0.9 else []
    count = random.randint(1, 10)
    while len(says) < count:
        says.append(_next(random, policy, begin, kind))
        if random.random() < 0.1:
            says.append(random.choice(says))
    return [_with_clock(random, place, said) for place, said in enumerate(says)]


def _with_clock(random, place, said):
    chance = random.random()
    if chance < 0.12:
        return said
    if chance < 0.15:
        return Say.at(random.choice(["2026-11-15", "2026110008000000", "20261131080000"]), said)
    if chance < 0.7:
        return Say.at(_CLOCKS[place], said)
    return Say.at(random.choice(_CLOCKS), said)


def _next(random, policy, begin, kind):
    chance = random.random()
    if chance < 0.12:
        begin = random.choice([begin, begin, random.choice(FIRSTS)])
        return _enrollment(random, policy, begin, kind)
    if chance < 0.65:
        return _change(random, policy, begin, kind)
    if kind == "dc-health-link" and chance < 0.75:
        return _whole(random, policy, begin, ("025", None, None), None)
    if kind == "dc-health-link" and chance < 0.8:
        return _whole(random, policy, begin, ("030", "XN", None), None)
    if kind == "ffe" and chance < 0.82:
        return _cancellation(random, policy, begin)
    return _termination(random, policy, begin, kind)


def _cancellation(random, policy, begin):
    end = begin if random.random() < 0.8 else random.choice(DAYS)
    reason = random.choice([("14", "CANCEL"), ("14", "CANCELCIC"), (None, "CANCEL-CARRYFORWARD")])
    return _whole(random, policy, begin, ("024", *reason), end)


def _termination(random, policy, begin, kind):
    end = random.choice([*DAYS, begin])
    if kind == "dc-health-link":
        return _whole(random, policy, begin, ("024", "59", None), end)
    reason = random.choice([("14", "TERM"), ("14", "TERMCIC"), ("07", "TERM-NLE")])
    return _whole(random, policy, begin, ("024", *reason), end)


def _whole(random, policy, begin, means, end):
    """What the subscriber alone says of the whole policy."""
    subscriber = _subscriber(random, policy)
    row = _row(random, subscriber, subscriber, means)
    row |= {"exchange_policy_id": policy, "eligibility_end": end}
    coverage = None
    if end is None:
        coverage = {"exchange_policy_id": policy, "benefit_begin": begin, "plan_id": PLANS[0]}
    return TransactionSet([Person(row, coverage, [])], _header(random, 1))


def _subscriber(random, policy):
    return f"{policy}S" if random.random() < 0.97 else f"{policy}A"


def _row(random, member_id, subscriber, means):
    maintenance_type, reason, additional = means
    row = Say._member(member_id, subscriber, maintenance_type, reason, additional)
    if random.random() < 0.5:
        row |= dict.fromkeys(["last_name", "first_name"])
    if random.random() < 0.5:
        row |= dict.fromkeys(["address_line_1", "address_line_2", "city"])
    else:
        row["address_line_1"] = f"{random.randint(1, 3)} SAMPLE STREET"
    if random.random() < 0.2:
        row |= {"mailing_line_1": f"BOX {random.randint(1, 2)}", "mailing_city": "AUSTIN"}
    for name in ("issuer_subscriber_id", "issuer_member_id", "phone"):
        if random.random() < 0.2:
            row[name] = f"{name[:8]}{random.randint(1, 2)}"
    if random.random() < 0.05:
        row["exchange_subscriber_id"] = f"{subscriber}-NEW"
    return row


def _header(random, count):
    header = {"reference": str(random.randint(4711, 4719)), "total_count": count}
    header["dependent_count"] = count - 1 or None
    header["sponsor_name"] = random.choice(["SAMPLE SPONSOR", "OTHER SPONSOR", None])
    if random.random() < 0.3:
        header |= {"broker_name": "SAMPLE BROKER", "broker_id": str(random.randint(1, 3))}
    return header


def _enrollment(random, policy, begin, kind):
    subscriber = f"{policy}S"
    others = random.sample([f"{policy}{letter}" for letter in "ABCDE"], random.randint(0, 5))
    means = ("021", "EC", None)
    if kind == "ffe" and random.random() < 0.4:
        means = random.choice([("021", "41", "PASSIVE"), ("021", "EC", "CIC")])
    end = random.choice(DAYS) if random.random() < 0.03 else None
    people = []
    for member_id in (subscriber, *others):
        row = _row(random, member_id, subscriber, means)
        coverage = _coverage(random, policy, "021", begin) | {"plan_id": random.choice(PLANS)}
        coverage["benefit_end"] = end
        people.append(Person(row, coverage, _amounts(random, begin)))
    if random.random() < 0.03:
        people[0].coverage["plan_id"] = None
    return TransactionSet(people, _header(random, len(people)))


def _coverage(random, policy, maintenance_type, begin):
    coverage = {
        "maintenance_type": maintenance_type,
        "insurance_line": "HLT",
        "benefit_begin": begin,
        "exchange_policy_id": policy,
    }
    if random.random() < 0.2:
        coverage["issuer_policy_id"] = f"I{random.randint(1, 2)}"
    return coverage


def _amounts(random, begin):
    """Amounts of a member: some of the same name and day, some before the policy begins."""
    categories = []
    for _ in range(random.choice([0, 0, 1, 2, 4])):
        name = random.choice(NAMES)
        categories.append(
            {
                "name": name,
                "qualifier": "9V" if name == "APTC AMT" else "9X",
                "value": f"{random.randint(1, 3)}00.00",
                "effective_begin": random.choice([begin, None, *FIRSTS]),
                "byte_start": 10 * len(categories),
            }
        )
    return categories


_CHANGES = [
    (None, "FINANCIAL CHANGE"),
    (None, "AGENT BROKER INFO"),
    (None, "CSR VARIANT CHANGE"),
    ("25", "DEMOGRAPHIC CHANGE"),
    (None, "NO CHANGE"),
]


def _change(random, policy, begin, kind):
    subscriber = _subscriber(random, policy)
    means = ("001", *random.choice(_CHANGES))
    if kind == "dc-health-link":
        means = ("001", "EC", "CHANGE")
    people = [_maintained(random, subscriber, subscriber, means, begin)]
    if means[2] == "CSR VARIANT CHANGE" or random.random() < 0.1:
        people[0].coverage["plan_id"] = random.choice([*PLANS, *PLANS, OTHER_PLAN])
    for letter in random.sample([x for x in "ABCDE" if x != subscriber[-1]], random.randint(0, 3)):
        means = random.choice(_OTHERS[kind])
        people.append(_maintained(random, subscriber, f"{policy}{letter}", means, begin))
    if random.random() < 0.02:
        people[-1].member["is_subscriber"] = True
    return TransactionSet(people, _header(random, len(people)))


_OTHERS = {
    "ffe": [
        ("001", None, "NO CHANGE"),
        ("001", "43", "DEMOGRAPHIC CHANGE"),
        ("021", "EC", None),
        ("024", "14", "TERM"),
        ("024", "14", "CANCEL"),
    ],
    "dc-health-link": [
        ("001", "EC", "CHANGE"),
        ("030", "XN", None),
        ("021", "02", None),
        ("021", "EC", None),
        ("024", "59", None),
    ],
}


def _maintained(random, subscriber, member_id, means, begin):
    policy = subscriber[:-1]
    row = _row(random, member_id, subscriber, means)
    coverage = _coverage(random, policy, means[0], begin)
    if means[0] == "021":
        coverage["benefit_begin"] = random.choice(FIRSTS)
    if means[0] == "024":
        coverage["benefit_begin"] = random.choice([None, begin])
        coverage["benefit_end"] = random.choice(DAYS)
    elif random.random() < 0.7:
        place = row if random.random() < 0.5 else coverage
        place["maintenance_effective"] = random.choice(DAYS)
    return Person(row, coverage, _amounts(random, begin))
