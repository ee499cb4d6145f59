"""A night from the outbox to the inbox, and what repeating it does."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pipeline.books import compare_books
from pipeline.night import run_night

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
PARTNERS = (CEDAR, HARBOR)


def names(folder):
    """The names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def boxes(world):
    """What lies in each outbox, each inbox, and how many files the ledger has."""
    return (
        [names(world.outbox(partner_id)) for partner_id in PARTNERS],
        [names(world.inbox(partner_id)) for partner_id in PARTNERS],
        world.rows("SELECT count(*) FROM ledger.file"),
    )


@dataclass
class Played:
    """Two nights as they were played, and what was seen after each act."""

    world: object
    results: dict = field(default_factory=dict)
    summaries: dict = field(default_factory=dict)
    seen: SimpleNamespace = field(default_factory=SimpleNamespace)


@pytest.fixture(scope="module")
def played(tmp_path_factory, new_database_url, open_world):
    """Night 1; night 1 again once the exchange has answered; night 2; an hour later, once more."""
    with open_world(tmp_path_factory.mktemp("nights"), new_database_url()) as world:
        played = Played(world)
        world.send(1)
        played.results["first"] = world.run(1)
        played.seen.after_first = boxes(world)
        played.summaries[1] = world.exchange.read_answers(1)
        played.seen.answered = boxes(world)
        played.results["again"] = world.run(1)
        played.seen.after_again = boxes(world)
        world.send(2)
        played.results["second"] = world.run(2)
        played.summaries[2] = world.exchange.read_answers(2)
        played.results["watch"] = run_night(world.house, world.clock(2) + timedelta(hours=2))
        played.seen.after_watch = boxes(world)
        played.results["idle"] = run_night(world.house, world.clock(2) + timedelta(hours=3))
        played.seen.after_idle = boxes(world)
        yield played


@pytest.mark.parametrize("act", ["first", "second", "watch"])
def test_a_night_balances(played, act):
    """No step fails, and what came in is accepted, rejected or pending."""
    result = played.results[act]

    assert result.failures == ()
    assert result.state in ("balanced", "balanced_with_open_items")
    assert len(result.balance)
    for row in result.balance.to_pylist():
        assert row["received"] == row["accepted"] + row["rejected"] + row["held"] + row["pending"]


@pytest.mark.parametrize("night", [1, 2])
def test_everything_has_its_answer_and_the_exchange_accepts_what_we_send(played, night):
    """TA1 and 999 for all, no good set rejected, every effectuation accepted."""
    summary = played.summaries[night]

    assert summary.interchanges_unanswered == 0
    assert not summary.not_understood
    assert not summary.sets_rejected_without_fault
    assert not summary.effectuations_rejected
    assert played.summaries[1].effectuations_accepted > 0


def test_both_books_agree_after_two_nights(played):
    """The exchange's book and ours hold the same policies and members, field by field."""
    world = played.world
    comparison = compare_books(world.house, world.exchange.book(), world.clock(3))

    assert comparison.differences == ()
    assert comparison.policies > 0


def test_the_first_night_receives_all_that_was_sent_and_leaves_the_outboxes_empty(played):
    """Files, sets and members in the balance are those in the bytes that the exchange sent."""
    balance = played.results["first"].balance.to_pylist()
    received = {(row["partner_id"], row["level"]): row["received"] for row in balance}

    for partner_id, totals in played.world.exchange.sent_totals(1).items():
        assert received[partner_id, "files"] == totals["files"]
        assert received[partner_id, "transaction sets"] == totals["sets"]
        assert received[partner_id, "members"] == totals["members"] > 0
    assert played.seen.after_first[0] == [[], []]
    assert all(played.seen.after_first[1])


@pytest.mark.fault("F16")
def test_a_closed_night_that_is_run_again_changes_nothing(played):
    """The same run, the same balance; the exchange's answers wait for the next night."""
    first, again = played.results["first"], played.results["again"]

    assert again.run == first.run
    assert again.state == first.state
    assert again.balance.equals(first.balance)
    assert played.seen.after_again == played.seen.answered
    assert all(played.seen.answered[0])


def test_a_run_without_files_has_nothing_to_say(played):
    """Nothing comes in and nothing goes out."""
    assert played.results["idle"].state == "balanced"
    assert len(played.results["idle"].balance) == 0
    assert played.seen.after_idle == played.seen.after_watch


@pytest.mark.parametrize(
    "table", ["ledger.interchange", "ledger.functional_group", "ledger.transaction_set"]
)
def test_control_numbers_of_what_was_sent_have_no_gap(played, table):
    """Every number that was taken is in a file that was sent, once."""
    for partner_id in PARTNERS:
        rows = played.world.rows(
            f"SELECT e.control_number FROM {table} e JOIN ledger.file f USING (file_id)"
            " WHERE f.direction = 'issuer_to_exchange' AND f.partner_id = :partner",
            partner=partner_id,
        )
        numbers = sorted(int(number) for (number,) in rows)
        assert numbers == list(range(1, len(numbers) + 1))
        assert numbers


def test_every_sent_file_was_read_once_and_none_is_refused(played):
    """What the ledger sent is what the exchange has processed; its answers came home."""
    for partner_id in PARTNERS:
        sent = played.world.rows(
            "SELECT name, state FROM ledger.file"
            " WHERE direction = 'issuer_to_exchange' AND partner_id = :p ORDER BY name",
            p=partner_id,
        )
        assert names(played.world.processed(partner_id)) == [name for name, _ in sent]
        assert "refused" not in {state for _, state in sent}
        assert "acknowledged" in {state for _, state in sent}


def test_partners_may_be_run_one_after_the_other_and_deliveries_later(world):
    """A run for one partner leaves the other's files; without an inbox it stays open until then."""
    world.send(1)
    first = run_night(world.house, world.clock(1), [CEDAR])
    inbox = world.inbox(HARBOR)
    inbox.rmdir()
    failed = run_night(world.house, world.clock(1), [HARBOR])
    written = world.rows("SELECT name FROM ledger.file WHERE state = 'written' ORDER BY name")
    inbox.mkdir()
    ended = run_night(world.house, world.clock(1), [HARBOR])

    assert {row["partner_id"] for row in first.balance.to_pylist()} == {CEDAR}
    assert {row["partner_id"] for row in ended.balance.to_pylist()} == {HARBOR}
    assert failed.state == "failed"
    assert [(f.partner_id, f.step) for f in failed.failures] == [(HARBOR, "delivering files")]
    assert ended.run == failed.run
    assert ended.failures == ()
    assert ended.balance.equals(failed.balance)
    assert names(inbox) == [name for (name,) in written]


def test_the_night_tells_how_many_items_are_open_of_which_kind(played, edi834):
    """The same that `open-items` lists, for people and for programs."""
    environment = played.world.environment()
    items = json.loads(edi834("open-items", "--json", **environment).out)
    as_of = (played.world.clock(2) + timedelta(hours=3)).isoformat()
    told = json.loads(edi834("night", "--as-of", as_of, "--json", **environment).out)
    shown = edi834("night", "--as-of", as_of, **environment).out

    assert items
    assert told["open_items"] == dict(Counter(item["kind"] for item in items))
    for kind, count in told["open_items"].items():
        assert re.search(rf"Open items: .*{kind} {count}\b", shown)
