"""What operations say to the nights: hold and resume a partner, release a file, try again."""

import json
from datetime import date

import pytest
import sqlalchemy as sa

from ledger.corrections import Word
from ledger.operator_words import ask_again, hold_partner, resume_partner
from ledger.step_failures import failures
from pipeline.figures import figures
from pipeline.releases import release, try_release
from pipeline.replay import replay
from pipeline.reprocess import reprocess
from schemas.errors import Terminal
from tests.cases.bad_input import Content
from tests.cases.world import CEDAR, HARBOR

ROSA = Word("Rosa", "rosa", "The exchange has confirmed it.")
STRANGE = "OPR.007654321T.I834.D261201.T180200000.P"
SHORT = "OPR.007654321T.I834.D261201.T180300000.P"


@pytest.fixture(scope="module")
def story(tmp_path_factory, new_database_url, open_world):
    """Three nights: one partner is held in the first; a file is set apart, and then released."""
    folder = tmp_path_factory.mktemp("operators")
    with open_world(folder, new_database_url(), members=30) as world:
        world.send(1)
        strange = Content(edits={"*CMSFFM  ": "*NOBODY  "}).bytes()
        (world.outbox(HARBOR) / STRANGE).write_bytes(strange)
        (world.outbox(HARBOR) / SHORT).write_bytes(b"ISA*00*")
        with world.house.engine.begin() as conn:
            hold_partner(conn, CEDAR, ROSA)
        first = world.run(1)
        kept = _standing(world)
        with world.house.engine.begin() as conn:
            resume_partner(conn, CEDAR, ROSA)
        file_id = world.file_named(STRANGE).file_id
        tried = release(world.house, file_id, ROSA)
        world.send(2)
        second = world.run(2)
        yield world, first, kept, second, file_id, tried


def _standing(world):
    """Of each partner: sets in the book, files delivered, files received and answers written."""
    return {
        row[0]: row[1:]
        for row in world.rows(
            "SELECT f.partner_id,"
            " count(DISTINCT e.event_id) FILTER (WHERE s.state = 'applied'),"
            " count(DISTINCT f.file_id) FILTER (WHERE f.delivered_at IS NOT NULL),"
            " count(DISTINCT f.file_id) FILTER (WHERE f.direction = 'exchange_to_issuer'),"
            " count(DISTINCT f.file_id) FILTER (WHERE f.kind IN ('ta1', '999'))"
            " FROM ledger.file f LEFT JOIN book.event e USING (file_id)"
            " LEFT JOIN book.event_set s USING (file_id) GROUP BY 1"
        )
    }


def test_nothing_of_a_held_partner_is_applied_or_sent(story):
    """Its files land, are judged and wait with their answers; the other partner goes on."""
    _, first, kept, *_ = story
    applied, delivered, received, answers = kept[CEDAR]
    assert (applied, delivered) == (0, 0)
    assert received
    assert answers
    assert all(kept[HARBOR])
    assert [one.partner_id for one in first.held] == [CEDAR]
    assert first.state == "balanced_with_open_items"


def test_the_night_after_a_hold_does_what_has_waited(story):
    """Everything is applied, and every file that was written in the held night is delivered."""
    world, _, _, second, *_ = story
    applied, delivered, *_ = _standing(world)[CEDAR]
    assert applied
    assert delivered
    assert second.held == ()
    waiting = "SELECT count(*) FROM ledger.file WHERE state IN ('written', 'staged', 'checked')"
    assert world.rows(waiting) == [(0,)]


def test_a_released_file_is_taken_in_once_and_answered(story):
    """The original stays as it came; the bytes are judged again without what set them apart."""
    world, _, _, _, file_id, tried = story
    original = world.file_named(STRANGE)
    assert (original.state, original.verdict) == ("quarantined", "rejected")
    assert (tried.left_out, tried.after.file_verdict) == ("sender-unknown", "accepted")
    (taken,) = world.rows(
        "SELECT f.state, f.verdict, f.sha256, (SELECT count(*) FROM ledger.file a"
        " WHERE a.answers_file_id = f.file_id AND a.delivered_at IS NOT NULL)"
        " FROM ledger.operator_word w JOIN ledger.file f ON f.file_id = w.taken_as"
        " WHERE w.file_id = :file_id",
        file_id=file_id,
    )
    assert taken == ("applied", "accepted", original.sha256, 2)
    assert world.answer("ta1", STRANGE) is None
    with pytest.raises(Terminal, match="released by Rosa already"):
        release(world.house, file_id, ROSA)


def test_the_case_of_a_released_file_is_closed_by_it(story):
    """What a person has let in, and could be read, is nobody's work any more; the rest is."""
    world, *_, file_id, _ = story
    cases = "SELECT state, resolved_file_id FROM ledger.case WHERE kind = 'file' AND file_id = :of"
    taken = "SELECT taken_as FROM ledger.operator_word WHERE file_id = :of"
    ((state, proof),) = world.rows(cases, of=file_id)
    assert state == "resolved"
    assert world.rows(taken, of=file_id) == [(proof,)]
    ((state, proof),) = world.rows(cases, of=world.file_named(SHORT).file_id)
    assert (state, proof) == ("new", None)


def test_what_is_set_apart_is_told_of_its_night_until_its_case_is_closed(story):
    """An alert of each night, so that a later file is told, too; a closed case ends it."""
    world = story[0]
    short = world.file_named(SHORT)
    before = _set_apart(world)
    assert before[HARBOR, str(short.run_id)] >= 1
    ((case_id,),) = world.rows(
        "SELECT case_id FROM ledger.case WHERE file_id = :of", of=short.file_id
    )
    assert world.edi834("cases", "close", case_id, *_by()).code == 0
    after = _set_apart(world)
    assert sum(before.values()) - sum(after.values()) == 1
    assert all(after.values())


def _set_apart(world):
    return {
        (one.labels["partner"], one.labels["run"]): one.value
        for one in figures(world.house)
        if one.metric == "edi834_quarantined_files"
    }


def test_what_nothing_can_be_taken_of_is_not_released(story):
    """A file that is no interchange is none without the rule either."""
    world = story[0]
    with pytest.raises(Terminal, match="Ask the exchange"):
        release(world.house, world.file_named(SHORT).file_id, ROSA)
    with pytest.raises(Terminal, match="not in quarantine"):
        try_release(world.house, world.rows("SELECT min(file_id) FROM ledger.file")[0][0])


@pytest.mark.parametrize("basis", ["then", "today"])
def test_a_file_that_is_judged_again_is_what_it_was(story, basis):
    """By the rules of its day and of today; nothing is written."""
    world = story[0]
    before = world.rows("SELECT max(ordinal) FROM ledger.audit_entry")
    for (file_id,) in world.rows(
        "SELECT file_id FROM ledger.file WHERE direction = 'exchange_to_issuer'"
        " AND kind = 'enrollment' AND verdict IS NOT NULL"
    ):
        again = reprocess(world.house, file_id, basis, date(2026, 12, 3))
        assert again.is_the_same, file_id
        assert again.differs_in == ()
        assert again.members_in("accepted")[0] == again.members_in("accepted")[1]
    assert world.rows("SELECT max(ordinal) FROM ledger.audit_entry") == before


def test_a_released_file_is_told_with_members_and_dollars(story):
    """Side by side: issues that go, answers that change, members that come in and what they pay."""
    world, *_, file_id, _ = story
    again = reprocess(world.house, file_id, "released")
    assert set(again.gone_issues["rule"].to_pylist()) == {"sender-unknown"}
    assert len(again.new_issues) == 0
    assert [(row["level"], row["before"], row["after"]) for row in again.answers.to_pylist()] == [
        ("TA1", "R", "A"),
        ("AK9", "R", "A"),
        ("IK5", "R", "A"),
    ]
    assert again.members_in("accepted") == (0, 2)
    assert again.dollars("newly_accepted") > 0


def test_what_has_no_verdict_is_not_judged_again(story):
    """An answer of ours, and a file that there is not."""
    world = story[0]
    (ours,) = world.rows("SELECT min(file_id) FROM ledger.file WHERE kind = 'ta1'")[0]
    for file_id, said in ((ours, "has no verdict"), (10**9, "There is no file")):
        with pytest.raises(Terminal, match=said):
            reprocess(world.house, file_id, "then")


def test_a_step_that_failed_is_tried_again_when_somebody_asks(story):
    """By the next night, as of its own moment; then the night that it failed in is closed."""
    world = story[0]
    extract = world.folder / "carrier" / CEDAR / "members.csv"
    content = extract.read_bytes()
    extract.unlink()
    third = world.run(3)
    extract.write_bytes(content)
    (failed,) = third.failures
    assert third.state == "failed"
    with world.house.engine.begin() as conn:
        ask_again(conn, third.run.run_id, CEDAR, failed.step, ROSA)
    world.run(4)
    with world.house.engine.connect() as conn:
        assert failures(conn, third.run.run_id) == ()
        closed = sa.text("SELECT state FROM ledger.run WHERE run_id = :run_id")
        state = conn.execute(closed, {"run_id": third.run.run_id}).scalar_one()
    assert state.startswith("balanced")


def test_a_replay_says_the_same_words_at_the_same_place(story):
    """Held, resumed, released: the same rows and bytes."""
    found = replay(story[0].house)
    assert found.differences == []


def test_the_command_line_says_what_operations_need(story):
    """Who is held, what is missing, what is set apart, and one file side by side."""
    world, *_, file_id, _ = story
    world.run(7)
    assert world.edi834("partners", "hold", HARBOR, "--by", "Rosa", "--reason", "So.").code == 0
    listed = world.edi834("partners", "list")
    assert (listed.code, "by Rosa: So." in listed.out) == (1, True)
    assert world.edi834("partners", "resume", HARBOR, "--by", "Rosa", "--reason", "So.").code == 0
    with world.house.engine.begin() as conn:
        hold_partner(conn, "of-former-times", ROSA)  # whose file and mailbox are gone
    assert world.edi834("partners", "resume", "of-former-times", *_by()).code == 0
    missing = world.edi834("partners", "expected", "--all", "--json")
    states = {json.loads(line)["state"] for line in missing.out.splitlines()}
    assert {"arrived", "missing"} <= states
    alarm = next(
        told
        for told in map(json.loads, missing.out.splitlines())
        if told["state"] == "missing" and told["partner_id"] == CEDAR
    )
    due = alarm["due_at"][:16].replace(" ", "T")
    said = world.edi834("partners", "explain", CEDAR, due, "--by", "Rosa", "--reason", "A holiday.")
    assert said.code == 0, said.err
    again = world.edi834("partners", "explain", CEDAR, due, "--by", "Rosa", "--reason", "So.")
    assert (again.code, "somebody has said why not" in again.err) == (2, True)
    apart = world.edi834("files", "list", "--all")
    assert STRANGE in apart.out.replace("\n", "")
    beside = world.edi834("files", "reprocess", file_id, "--rules", "released")
    assert (beside.code, "sender-unknown" in beside.out) == (1, True)
    told = json.loads(world.edi834("files", "reprocess", file_id, "--json").out)
    assert told["verdict"] == ["rejected", "rejected"]
    assert world.edi834("partners", "retry", CEDAR, "--run", 1, *_by()).code == 2


def _by():
    return ("--by", "Rosa", "--reason", "So.")
