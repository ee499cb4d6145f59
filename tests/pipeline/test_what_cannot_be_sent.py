"""A decision that cannot be sent as it is stays alone: the others go, and it goes when it can."""

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from random import Random

import pytest

from pipeline.replay import replay
from schemas.partners import load_exchange, load_partner
from simulator import events
from simulator.files import Envelope, Group, file_name, write_interchange
from simulator.transactions import SetNumbers, render_set

CEDAR = "cedar-valley-tx"
PARTNER = load_partner(CEDAR)
_SET = re.compile(rb"ST\*834\*.*?SE\*\d+\*\d+~", re.DOTALL)
# What an enrollment may lack (a warning) and an answer must not: CMS guide 7.2, table 14.
DAMAGES = [
    (rb"BGN\*00\*(?=\d)", b"BGN*00*A", "its 834 breaks the rule our-reference-malformed at BGN02"),
    (rb"QTY\*TO\*(?=\d)", b"QTY*ET*", "QTY*TO is missing"),
]


def sets_of(content):
    """The transaction sets of a file, each with the exchange's policy id."""
    sets = [one for one in _SET.findall(content) if b"REF*1L*" in one]
    return [(re.search(rb"REF\*1L\*(\w+)", one)[1].decode(), one) for one in sets]


def spoil(world):
    """Damages enrollments that are paid for, in turn; what each of these policies is to lack."""
    files = {path: path.read_bytes() for path in world.outbox(CEDAR).iterdir()}
    told = {(policy, one) for text in files.values() for policy, one in sets_of(text)}
    once = Counter(policy for policy, _ in told)
    paid, lacks = paid_for(world), {}
    for number, (policy, good) in enumerate(sorted(told)):
        if policy in paid and once[policy] == 1 and b"INS*Y*18*021*EC*" in good and len(lacks) < 16:
            pattern, by, lacks[policy] = DAMAGES[number % len(DAMAGES)]
            bad = re.sub(pattern, by, good, count=1)
            assert bad != good
            files = {path: text.replace(good, bad) for path, text in files.items()}
    for path, content in files.items():  # copies of a file, too
        path.write_bytes(content)
    return lacks


@pytest.fixture(scope="module")
def hindered(tmp_path_factory, new_database_url, open_world):
    """Night 1 with enrollments, some of them paid for, that lack something."""
    folder = tmp_path_factory.mktemp("hindered")
    with open_world(folder, new_database_url(), members=120, partner_ids=(CEDAR,)) as world:
        world.send(1)
        spoilt = spoil(world)
        world.run(1)
        lacks = {policy: why for policy, why in spoilt.items() if policy in states(world)}
        assert set(lacks.values()) == {why for _, _, why in DAMAGES}
        yield world, lacks


def send_changes(world, policies):
    """A file of the exchange with a change of each of these policies."""
    known = {one.policy.policy_id: one.policy for one in world.exchange.known_to_carrier(CEDAR, 1)}
    partner, exchange, created = PARTNER, load_exchange("ffe"), datetime(2026, 12, 3, 6)
    yesterday = created - timedelta(hours=12)
    occasion = events.Occasion(yesterday, date(2027, 1, 1), 7, partner, Random(7))
    groups = []
    for number, policy in enumerate(policies, 7001):
        change = events.move(known[policy], occasion)
        numbers = SetNumbers(f"{number:09d}", f"{number}", created)
        plan = known[policy].plan_id[:14]
        groups.append(Group(plan, number, [render_set(change, partner, numbers)]))
    sender = exchange.interchange.exchange_id
    envelope = Envelope(sender, partner.trading_partner_id, 7001, created)
    content = "".join(write_interchange(envelope, partner, exchange, groups))
    (world.outbox(CEDAR) / file_name(partner, "I834", created)).write_text(content, "ascii")


def paid_for(world):
    """The policies of which the carrier has a payment."""
    lines = (world.folder / "carrier" / CEDAR / "payments.csv").read_text("utf-8").splitlines()
    return {field for line in lines for field in line.split(",")}


def states(world):
    """State and obstacle of each decision, by policy."""
    found = world.rows("SELECT exchange_policy_id, state, obstacle FROM book.decision")
    return {policy: (state, obstacle) for policy, state, obstacle in found}


def items(world):
    """Policy and reason of the open items of what cannot be sent."""
    rows = json.loads(world.edi834("open-items", "--json").out)
    return {
        row["exchange_policy_id"]: row["reason"] for row in rows if row["kind"] == "cannot-be-sent"
    }


def test_what_cannot_be_sent_keeps_back_nothing_else(hindered):
    """Each stays with its reason, the others are at the exchange, and the night has not failed."""
    world, lacks = hindered
    known = states(world)

    assert {policy: known[policy] for policy in lacks} == {
        policy: ("open", sentence) for policy, sentence in lacks.items()
    }
    others = {state for policy, (state, _) in known.items() if policy not in lacks}
    assert others == {"sent"}
    assert world.rows("SELECT count(*) FROM ledger.step_failure") == [(0,)]
    (sent,) = world.inbox(CEDAR).glob("*.IC834.*")
    assert not {policy.encode() for policy in lacks} & set(re.findall(rb"\d+", sent.read_bytes()))


def test_control_numbers_of_what_was_left_out_are_given_back(hindered):
    """The file was written twice; every number that was ever given stands in a file."""
    world, _ = hindered
    texts = [path.read_bytes() for path in world.inbox(CEDAR).iterdir()]
    for header in (rb"ISA(?:\*[^*]*){12}\*(\d+)", rb"ST\*\d+\*(\d+)"):
        numbers = sorted(int(number) for text in texts for number in re.findall(header, text))
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_steward_sees_which_and_why(hindered):
    """An open item each, and in the book what becomes of it; no value of the file in either."""
    world, lacks = hindered

    assert items(world) == lacks
    policy = min(lacks)
    told = " ".join(world.edi834("book", policy).out.split())
    assert f"CANNOT BE SENT: {lacks[policy]}" in told
    assert "cannot be sent: see below" in told


def test_the_same_next_night_is_the_same_item(hindered):
    """Tried again, and neither decided nor told a second time."""
    world, lacks = hindered
    before = world.rows("SELECT decision_id, obstacle FROM book.decision ORDER BY 1")
    world.run(2)

    assert world.rows("SELECT decision_id, obstacle FROM book.decision ORDER BY 1") == before
    assert items(world) == lacks
    assert len(list(world.inbox(CEDAR).glob("*.IC834.*"))) == 1


def test_it_goes_by_itself_when_what_was_missing_has_come(hindered):
    """A change brings a new BGN02 and QTY; the night sends them, and no item is left."""
    world, lacks = hindered
    send_changes(world, lacks)
    world.run(3)

    assert {states(world)[policy][0] for policy in lacks} == {"sent"}
    assert items(world) == {}


def test_what_was_held_back_replays_to_the_same_bytes(hindered):
    """All three nights, worked again."""
    world, _ = hindered
    found = replay(world.house)

    assert found.differences == []
    assert found.is_identical
