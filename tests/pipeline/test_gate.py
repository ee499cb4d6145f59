"""A night that would end most coverage: held, decided by a second person, applied exactly once."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger import gates
from pipeline.books import compare_books
from pipeline.night import run_night
from pipeline.runs import open_for_scheduler
from pipeline.steps import Steps

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
PARTS = ("accepted", "rejected", "held", "pending")


def command(world, *arguments):
    """Exit code, output and error of a real `edi834 gate` in this world."""
    return world.edi834("gate", *arguments)


def terminated(world):
    """By partner, how many policies the book believes to be terminated."""
    counted = world.rows(
        "SELECT partner_id, count(*) FILTER (WHERE status = 'terminated') FROM book.policy"
        " WHERE known_to = 'infinity' GROUP BY partner_id"
    )
    return dict(counted)


def batches(world):
    """State and settling run of each batch, by id."""
    with world.house.engine.connect() as conn:
        return {b.batch_id: (b.state, b.settled_in_run) for b in gates.batches(conn)}


def members(result, partner_id):
    """The partner's members in the balance of a night."""
    (row,) = [
        row
        for row in result.balance.to_pylist()
        if (row["partner_id"], row["level"]) == (partner_id, "members")
    ]
    return row


def differing(world, partner_id, night):
    """The sentences that tell where both books differ in the policies of the partner."""
    theirs = world.exchange.book().to_pylist()
    policies = {row["exchange_policy_id"] for row in theirs if row["partner_id"] == partner_id}
    found = compare_books(world.house, world.exchange.book(), world.clock(night)).differences
    return [sentence for sentence in found if sentence.split()[1] in policies]


@pytest.fixture(scope="module")
def story(tmp_path_factory, new_database_url, open_world):
    """Night 2 ends all coverage. Cedar's batch is released before night 3, Harbor's refused after.

    Batches 1 and 2 are those of the first night, 3 and 4 the held ones of Cedar and of Harbor, 5
    and 6 those of night 3.
    """
    folder = tmp_path_factory.mktemp("gate")
    with open_world(folder, new_database_url(), members=280, mass_ending=2) as world:
        told = SimpleNamespace(world=world, said={})
        night_that_is_held(told, world)
        decide = ("--by", "Ada Second", "--reason", "The exchange meant it.")
        told.said["release"] = command(world, "release", 3, *decide)
        told.second_again = world.run(2)
        told.ended_by_release = terminated(world)
        world.send(3)
        told.third = world.run(3)
        world.exchange.read_answers(3)
        told.at_third = batches(world)
        told.differing = differing(world, CEDAR, 4)
        told.said["refuse"] = command(world, "refuse", 4, *decide)
        told.third_again = world.run(3)
        told.at_end = batches(world)
        told.third_once_more = world.run(3)
        told.said["list at the end"] = command(world, "list")
        yield told


def night_that_is_held(told, world):
    """Nights 1 and 2, and what can be read and not be done while both batches are held."""
    world.send(1)
    told.first = world.run(1)
    world.exchange.read_answers(1)
    world.send(2)
    told.ended_at_first = terminated(world)
    told.second = world.run(2)
    told.answers = world.exchange.read_answers(2)
    told.ended_while_held = terminated(world)
    told.closed = world.run(2)
    told.operator = world.rows("SELECT judged_by FROM ledger.gate_batch WHERE batch_id = 3")[0][0]
    told.said["list"] = command(world, "list")
    told.said["list --json"] = command(world, "list", "--json")
    told.said["show"] = command(world, "show", 3)
    alone = ("--by", told.operator.upper(), "--reason", "Seen.")
    told.said["by who ran the night"] = command(world, "release", 3, *alone)
    told.said["unknown"] = command(world, "show", 99)


def test_an_ordinary_night_passes(story):
    """Nothing of the first night is held or unusual."""
    assert story.first.at_gate == ()
    assert members(story.first, CEDAR)["held"] == 0
    assert [story.at_end[batch][0] for batch in (1, 2)] == ["passed", "passed"]


def test_a_night_that_ends_most_coverage_changes_nothing(story):
    """Every policy of the book is as it was, and the night says exit code 1: open items."""
    assert story.ended_while_held == story.ended_at_first
    assert story.second.state == "balanced_with_open_items"
    assert story.second.failures == ()


@pytest.mark.parametrize("partner_id", [CEDAR, HARBOR])
def test_held_members_are_accounted_for(story, partner_id):
    """Received = accepted + rejected + held + pending, while held and after the decision."""
    held, released = members(story.second, partner_id), members(story.third, partner_id)

    assert held["held"] > 50
    assert held["received"] == sum(held[part] for part in PARTS)
    assert released["received"] == sum(released[part] for part in PARTS)


def test_the_night_tells_the_figures(story):
    """What is held, for which shares of which numbers, in great-expectations' own result."""
    (one, _) = story.second.at_gate
    found = {finding.expectation: finding for finding in one.outside}
    ended = found["book-ended"]
    policies = story.world.rows(
        "SELECT count(DISTINCT exchange_policy_id) FROM book.policy WHERE partner_id = :p"
        " AND known_from < :at",
        p=CEDAR,
        at=story.world.clock(2),
    )[0][0]

    assert (one.batch.state, one.batch.partner_id) == ("held", CEDAR)
    assert ended.evidence["element_count"] == ended.rows <= policies
    assert ended.observed == ended.evidence["unexpected_count"] / ended.rows > 0.5
    assert f"of the {ended.rows} policies in force would be cancelled" in ended.sentence
    assert not ended.evidence.keys() & {"partial_unexpected_list", "unexpected_list"}


def test_the_gate_is_read_from_the_command_line(story):
    """The list with exit code 1, the figures of one batch, both without anything of a person."""
    listed, as_json, shown = (story.said[name] for name in ("list", "list --json", "show"))
    rows = [json.loads(line) for line in as_json.out.splitlines()]

    assert (listed.code, as_json.code, shown.code) == (1, 1, 0)
    assert "book-ended" in listed.out
    assert [(row["batch_id"], row["state"]) for row in rows] == [(3, "held"), (4, "held")]
    assert "edi834 gate release 3 --by NAME --reason TEXT" in shown.out
    assert "would be cancelled or terminated; 10.0% may." in shown.out
    assert story.said["list at the end"].code == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("by who ran the night", "Somebody else must decide."),
        ("unknown", "There is no batch 99."),
    ],
)
def test_a_decision_that_may_not_be_is_one_line(story, name, why):
    """Exit code 2; the batch stays as it was."""
    said = story.said[name]

    assert said.code == 2
    assert why in said.err
    assert len(said.err.splitlines()) == 1


def test_a_closed_night_stays_closed_until_somebody_decides(story):
    """Run again while held: the same run; after the release: what was released goes in."""
    assert story.closed.run == story.second.run
    assert story.second_again.run != story.second.run
    assert story.at_third[3] == ("released", story.second_again.run.run_id)


def test_what_was_released_is_in_the_book_exactly_once(story):
    """Each termination made one version of its policy, and both books of the partner agree."""
    before, after = story.ended_at_first, story.ended_by_release
    ((made, policies),) = story.world.rows(
        "SELECT count(*), count(DISTINCT p.exchange_policy_id)"
        " FROM book.policy p JOIN book.event e USING (event_id) JOIN ledger.gate_file f"
        " USING (file_id) WHERE f.batch_id = 3 AND p.status = 'terminated'"
    )

    assert after[HARBOR] == before[HARBOR]
    assert made == policies == after[CEDAR] - before[CEDAR] > 30
    assert story.differing == []


def test_later_batches_of_the_partner_wait_behind_a_held_one(story):
    """Night 3 says what waits for what; the other partner's night is not kept up."""
    standing = {one.batch.batch_id: one.batch for one in story.third.at_gate}

    assert story.at_third[5] == ("passed", story.third.run.run_id)
    assert story.at_third[6] == ("waiting", None)
    assert standing[6].waits_for == 4
    assert story.third.state == "balanced_with_open_items"
    assert members(story.third, HARBOR)["held"] == members(story.third, HARBOR)["received"] > 0


def test_what_was_refused_stays_out_and_what_waited_goes_on(story):
    """The refused members are rejected with that reason; the batch behind is judged and applied."""
    run_id = story.third_again.run.run_id
    reasons = story.world.rows(
        "SELECT DISTINCT d.state, d.reason, f.state FROM ledger.disposition d"
        " JOIN ledger.file f USING (file_id) JOIN ledger.gate_file g USING (file_id)"
        " WHERE g.batch_id = 4"
    )

    assert story.at_end[4] == ("refused", run_id)
    assert story.at_end[6] == ("passed", run_id)
    assert reasons == [("rejected", "gate-refused", "refused")]
    assert terminated(story.world)[HARBOR] == story.ended_at_first[HARBOR]


def test_the_refused_members_are_reported_in_the_night_that_settles_them(story):
    """Each of them once, with what to do; faults that were told before are not told again."""
    folder = story.world.house.settings.reports_folder / str(story.third_again.run.run_id) / HARBOR
    rows = list(csv.DictReader((folder / "errors.csv").open(encoding="utf-8")))
    refused = story.world.rows(
        "SELECT count(*) FROM ledger.disposition WHERE reason = 'gate-refused'"
    )

    assert {row["rule"] for row in rows} == {"gate-refused"}
    assert refused == [(len(rows),)]
    assert "a person has refused it" in rows[0]["sentence"]


def test_a_night_without_decisions_left_is_closed_again(story):
    """Nothing is done twice: the same run, and nothing at the gate any more."""
    assert story.third_once_more.run == story.third_again.run
    assert not any(one.batch.is_kept_out for one in story.third_once_more.at_gate)


def test_who_decided_is_kept(story):
    """Name, account, moment and reason, written once."""
    rows = story.world.rows(
        "SELECT batch_id, decision, decided_by, account, reason, decided_at IS NOT NULL"
        " FROM ledger.gate_decision ORDER BY batch_id"
    )

    why = "The exchange meant it."
    assert rows == [
        (3, "released", "Ada Second", story.operator, why, True),
        (4, "refused", "Ada Second", story.operator, why, True),
    ]


@pytest.mark.control("no-phi-in-logs")
def test_the_gate_keeps_and_tells_nothing_of_a_person(story):
    """No name, number, address or id of a member in its tables or in what the command says."""
    tables = ("gate_batch", "gate_file", "gate_finding", "gate_decision")
    kept = [
        text
        for table in tables
        for (text,) in story.world.rows(f"SELECT CAST(to_jsonb(t) AS text) FROM ledger.{table} t")
    ]
    words = set(
        re.findall(r"[\w.@-]+", "\n".join(kept + [s.out + s.err for s in story.said.values()]))
    )
    persons = story.world.rows(
        "SELECT DISTINCT unnest(ARRAY[ssn, last_name, first_name, phone, email, exchange_member_id,"
        " exchange_subscriber_id, CAST(birth_date AS text), to_char(birth_date, 'YYYYMMDD')])"
        " FROM book.event UNION SELECT exchange_policy_id FROM book.event_set"
    )
    known = {value for (value,) in persons if value}

    assert len(known) > 500
    assert len(kept) > 50
    assert not words & known


def test_effectuations_of_held_policies_wait_for_the_decision(story):
    """None was sent that the exchange refuses because it has ended the policy."""
    assert not story.answers.effectuations_rejected


def as_full_file(content):
    """The file with other control numbers, and BGN08 4 in each of its sets."""
    content = content[:90] + b"000009999" + content[99:]
    content = re.sub(rb"(~IEA\*\d+\*)\d+", rb"\g<1>000009999", content)
    for trailer_or_header in (rb"(~GS\*(?:[^*~]*\*){5})(\d+)", rb"(~GE\*\d+\*)(\d+)"):
        content = re.sub(trailer_or_header, rb"\g<1>99\g<2>", content)
    content, changed = re.subn(rb"(~BGN\*[^~]*\*)2(?=~)", rb"\g<1>4", content)
    assert changed
    return content


@pytest.mark.fault("F39")
def test_a_full_file_that_leaves_out_policies_is_held(cedar_world):
    """It names those of one file; how many of the book it leaves out is the figure that is told."""
    world = cedar_world
    world.send(1)
    good = [f for f in world.exchange.sent_files(1) if not f.fault and not f.set_faults]
    mine = [file for file in good if file.partner_id == CEDAR]
    largest = max(mine, key=lambda file: file.members)
    content = (world.outbox(CEDAR) / largest.name).read_bytes()
    world.run(1)
    in_force = world.rows(
        "SELECT exchange_policy_id FROM book.policy WHERE partner_id = :p"
        " AND known_to = 'infinity' AND status <> 'cancelled'",
        p=CEDAR,
    )
    name = "OPR.001234567T.I834.D261202.T180000000.P"
    (world.outbox(CEDAR) / name).write_bytes(as_full_file(content))
    world.write_carrier_records(1)
    result = world.run(2)
    left_out = [p for (p,) in in_force if f"*{p}~".encode() not in content]

    (one,) = result.at_gate
    finding = {found.expectation: found for found in one.outside}["full-file-omits"]
    assert one.batch.state == "held"
    assert (finding.rows, finding.observed) == (len(in_force), len(left_out) / len(in_force))
    assert 0 < finding.observed < 1
    assert result.state == "balanced_with_open_items"


JUDGE = """
import sys
from datetime import datetime
from pipeline.runs import Run
from pipeline.settings import load_settings
from pipeline.steps import Steps
from pipeline.wiring import open_house

with open_house(load_settings()) as house:
    run = Run(int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3]))
    Steps(house, run, sys.argv[4]).gate()
"""


def test_a_gate_killed_in_the_middle_is_taken_up_by_the_next_one(cedar_world):
    """Killed while it judges: nothing is found, nothing is in the book. Run again: judged once."""
    world = cedar_world
    world.send(1)
    opened = open_for_scheduler(world.house, world.clock(1), [CEDAR]).run
    steps = Steps(world.house, opened, CEDAR)
    steps.receive()
    for file_id in steps.waiting_files():
        steps.check(file_id)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EDI834_")}
    arguments = (str(opened.run_id), opened.as_of.isoformat(), str(opened.token), CEDAR)
    child = subprocess.Popen(
        [sys.executable, "-c", JUDGE, *arguments], env=kept | world.environment(), cwd=Path.cwd()
    )
    while not (batches(world) and judging(world)):
        assert child.poll() is None, "the gate ended before it could be killed"
        time.sleep(0.01)
    child.kill()
    child.wait()
    killed = batches(world)
    findings = world.rows("SELECT count(*) FROM ledger.gate_finding")
    book = world.rows("SELECT count(*) FROM book.policy")
    result = run_night(world.house, world.clock(1), take_over=True)

    assert killed == {1: ("waiting", None)}
    assert findings == [(0,)]
    assert book == [(0,)]
    assert result.failures == ()
    assert batches(world)[1] == ("passed", opened.run_id)
    assert members(result, CEDAR)["accepted"] > 0


def judging(world):
    """Whether somebody has locked a batch, as it is from before judging to its end."""
    return world.rows(
        "SELECT FROM pg_locks WHERE relation = CAST('ledger.gate_batch' AS regclass)"
        " AND mode = 'RowShareLock' AND granted"
    )
