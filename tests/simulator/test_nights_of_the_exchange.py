"""Sending, night by night: once, whatever happens in between."""

import contextlib
import re

import pytest

from simulator import mailboxes
from simulator.faults import SET_FAULTS
from simulator.state import ACCEPTED


def contents(paths):
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def test_the_first_night_has_renewals_enrollments_changes_and_the_standard_faults(new_exchange):
    """Both drops, both partners, and every fault that the demo counts on."""
    exchange = new_exchange()
    names = [path.name for path in exchange.send(1)]
    pattern = r"OPR\.00\d{7}T\.I834(AR)?\.D261201\.T(06|18)00\d{5}\.P"
    assert all(re.fullmatch(pattern, name) for name in names)
    assert {(f.partner_id, f.fault) for f in exchange.sent_files(1) if f.fault} == {
        ("cedar-valley-tx", "empty"),
        ("cedar-valley-tx", "duplicate"),
        ("harbor-light-nc", "truncated"),
        ("harbor-light-nc", "unknown_sender"),
    }
    (damaged,) = [f for f in exchange.sent_files(1) if len(f.set_faults) > 1]
    assert damaged.set_faults == (
        "bad_birth_date",
        "missing_subscriber_id",
        "unknown_policy",
        "wrong_segment_count",
    )


def test_a_duplicate_has_the_same_content_under_another_name(new_exchange):
    """Byte for byte."""
    exchange = new_exchange()
    by_name = contents(exchange.send(1))
    (duplicate,) = [f.name for f in exchange.sent_files(1) if f.fault == "duplicate"]
    twin = [name for name, content in by_name.items() if content == by_name[duplicate]]
    assert len(twin) == 2


def test_totals_count_what_is_in_the_outbox(new_exchange):
    """Files, ST and INS as anybody can count them in the bytes."""
    exchange = new_exchange()
    paths = exchange.send(1)
    for partner_id, totals in exchange.sent_totals(1).items():
        files = [p.read_bytes() for p in paths if p.parent.parent.name == partner_id]
        assert totals == {
            "files": len(files),
            "sets": sum(content.count(b"~ST*") for content in files),
            "members": sum(content.count(b"~INS*") for content in files),
        }


def test_a_night_is_the_same_for_the_same_seed(new_exchange, tmp_path):
    """Two exchanges with one seed send the same bytes; another seed sends others."""
    first = contents(new_exchange(tmp_path / "a").send(1))
    assert contents(new_exchange(tmp_path / "b").send(1)) == first
    assert contents(new_exchange(tmp_path / "c", seed=8).send(1)) != first


def test_a_night_that_was_sent_is_not_sent_again(new_exchange):
    """What the carrier fetched and removed stays away, for the process that follows too."""
    exchange = new_exchange()
    paths = exchange.send(1)
    for path in paths[::2]:
        path.unlink()
    left = contents(paths)
    assert new_exchange().send(1) == paths
    assert contents(paths) == left


def test_a_night_may_come_in_two_drops(new_exchange, tmp_path):
    """At 06:00 and at 18:00: together the same bytes, and the evening's not before the evening."""
    whole, box = new_exchange(tmp_path / "whole"), new_exchange(tmp_path / "drops")
    whole.send(1)
    paths = box.send(1, evening=False)
    hours = {path.name: path.name.split(".T")[1][:2] for path in paths}

    assert set(hours.values()) == {"06", "18"}
    assert {path.name for path in paths if path.exists()} == {n for n in hours if hours[n] == "06"}
    assert not box.is_whole(1)
    assert box.send(1) == paths
    assert box.is_whole(1)
    contents = [
        {path.name: path.read_bytes() for path in sorted(one.mailboxes.root.glob("*/outbox/*"))}
        for one in (whole, box)
    ]
    assert contents[0] == contents[1]


def test_nights_come_in_order(new_exchange):
    """A night without the one before it is refused with what to do."""
    with pytest.raises(ValueError, match="Send 1"):
        new_exchange().send(2)


@pytest.mark.parametrize("steps", range(0, 36, 3))
def test_a_killed_call_is_completed_by_the_next(new_exchange, monkeypatch, tmp_path, steps):
    """Killed at any step of placing files, and the carrier fetching in between: all come once."""
    undisturbed = contents(new_exchange(tmp_path / "undisturbed").send(1))

    class Killed(BaseException):
        pass

    left = steps

    def dying(place):
        def step(*arguments):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return place(*arguments)

        return step

    class DyingPath(type(tmp_path)):
        rename = dying(type(tmp_path).rename)

    exchange = new_exchange()
    stage = mailboxes.Mailboxes._stage
    with monkeypatch.context() as patched:
        patched.setattr(mailboxes.Mailboxes, "_stage", staticmethod(dying(stage)))
        exchange.mailboxes.staging = DyingPath(exchange.mailboxes.staging)
        with contextlib.suppress(Killed):
            exchange.send(1)
    fetched = fetch(exchange)
    again = new_exchange()
    again.send(1)
    assert_disjoint_union(fetched, fetch(again), undisturbed)


def fetch(exchange):
    """All files of all outboxes, which are then empty."""
    taken = {}
    for path in sorted(exchange.mailboxes.root.glob("*/outbox/*")):
        taken[path.name] = path.read_bytes()
        path.unlink()
    return taken


def assert_disjoint_union(first, second, whole):
    assert not first.keys() & second.keys()
    assert first | second == whole


def test_a_call_killed_while_planning_leaves_nothing(new_exchange, monkeypatch, tmp_path):
    """A half planned night is forgotten, and planned the same again."""
    undisturbed = contents(new_exchange(tmp_path / "undisturbed").send(1))
    exchange = new_exchange()
    add_file = exchange.state.add_file
    calls = iter(range(5))

    def dying(file):
        if next(calls) == 4:
            raise KeyboardInterrupt
        add_file(file)

    monkeypatch.setattr(exchange.state, "add_file", dying)
    with pytest.raises(KeyboardInterrupt):
        exchange.send(1)
    assert contents(new_exchange().send(1)) == undisturbed


def test_what_was_rejected_for_its_damage_is_sent_again(new_exchange, carrier_of):
    """The truncated file's sets and the damaged sets come back in an I834RT file, undamaged."""
    exchange = new_exchange()
    exchange.send(1)
    carrier = carrier_of(exchange)
    damaged = exchange.state.connection.execute(
        "SELECT set_number FROM sends WHERE fault IS NOT NULL AND transaction_id IS NOT NULL"
    ).fetchall()
    carrier.acknowledge(1, rejected_sets={number for (number,) in damaged})
    summary = exchange.read_answers(1)
    assert summary.sets_rejected == len(damaged) == 3
    truncated = exchange.state.connection.execute(
        "SELECT count(*) FROM sends JOIN files USING (file_id) WHERE files.fault = 'truncated'"
    ).fetchone()[0]
    assert truncated
    again = [p.read_text("ascii") for p in exchange.send(2) if ".I834RT." in p.name]
    assert sum(text.count("~ST*") for text in again) == len(damaged) + truncated


def test_what_was_rejected_without_reason_is_not_sent_again(new_exchange, carrier_of):
    """It is the carrier who is wrong, and the summary says which set."""
    exchange = new_exchange()
    exchange.send(1)
    carrier = carrier_of(exchange)
    (good,) = exchange.state.connection.execute(
        "SELECT min(set_number) FROM sends JOIN files USING (file_id)"
        " WHERE sends.fault IS NULL AND files.fault IS NULL"
    ).fetchone()
    carrier.acknowledge(1, rejected_sets={good})
    assert exchange.read_answers(1).sets_rejected_without_fault == (good,)
    reference = f"~ST*834*{good}*"
    policy = next(
        re.search(r"REF\*1L\*(\d+)~", text.split(reference)[1]).group(1)
        for text in (p.read_text("ascii") for p in exchange.mailboxes.root.glob("*/outbox/*"))
        if reference in text
    )
    exchange.send(2)
    assert carrier.sets_of(2, policy) == []


def test_later_nights_bring_new_enrollments_and_changes(new_exchange, carrier_of):
    """Fewer than the first night, with a maintenance for policies already accepted."""
    exchange = new_exchange(members=200)
    exchange.send(1)
    carrier_of(exchange).acknowledge(1)
    exchange.read_answers(1)
    texts = [path.read_text("ascii") for path in exchange.send(2)]
    first, second = exchange.sent_totals(1), exchange.sent_totals(2)
    assert all(0 < second[p]["sets"] < first[p]["sets"] for p in first)
    assert any("*021*EC*" in text for text in texts)
    assert any("~HD*001**" in text or "*024*" in text for text in texts)


def damaged_sets(exchange):
    """ST02 of every set that a carrier has to reject."""
    rows = exchange.state.connection.execute("SELECT set_number, fault FROM sends").fetchall()
    return {number for number, fault in rows if fault in SET_FAULTS}


def test_after_nights_of_faults_both_sides_know_the_same(new_exchange, carrier_of):
    """What was damaged comes again until it arrives; nothing is lost, nothing is there twice."""
    exchange = new_exchange(members=150, faults=0.15)
    carrier = carrier_of(exchange)
    for night in range(1, 5):
        exchange.send(night)
        carrier.acknowledge(night, rejected_sets=damaged_sets(exchange))
        summary = exchange.read_answers(night)
        assert summary.interchanges_unanswered == 0
        assert summary.sets_rejected_without_fault == ()
    again = [f.name for n in range(1, 5) for f in exchange.sent_files(n) if ".I834RT." in f.name]
    assert len(again) >= 2
    calm = new_exchange(faults=0.0)
    for night in (5, 6):
        calm.send(night)
        carrier.acknowledge(night)
        calm.read_answers(night)
    book = calm.book().to_pylist()
    known = [k.policy for p in calm.scenario.partners for k in calm.known_to_carrier(p, 6)]
    assert {row["exchange_policy_id"] for row in book} == {policy.policy_id for policy in known}
    assert len(book) == sum(len(policy.enrollees) for policy in known)
    sent = calm.state.connection.execute("SELECT count(DISTINCT policy_id) FROM transactions")
    assert len(known) == sent.fetchone()[0]
    arrived = [h for p in calm.scenario.partners for h in calm.state.histories(p, ACCEPTED)]
    assert all(history.arrived == len(history.transaction_ids) for history in arrived)
