"""Who works for a partner: one at a time, whoever and however many are started."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.checked_tables import ParquetSink
from pipeline.night import close_night, not_overtaken, run_night
from pipeline.runs import at_work, open_for_scheduler, task_at_work, writing
from pipeline.steps import Steps
from schemas.errors import AtWork, Superseded, Terminal
from tests.pipeline.invariants import broken

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"
BOTH = [CEDAR, HARBOR]


def start(world, *arguments):
    """`edi834 night` as a process of its own in this world."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EDI834_")}
    return subprocess.Popen(
        [Path(sys.executable).parent / "edi834", "night", *arguments],
        env=kept | world.environment(),
        cwd=world.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def night(world, number, *arguments, hours=0):
    """Exit code and standard error of the command for that night, to its end."""
    as_of = world.clock(number) + timedelta(hours=hours)
    ended = world.edi834("night", "--as-of", as_of.isoformat(), *arguments)
    return ended.code, ended.err


def work_through(steps):
    """A partner's whole night, step by step."""
    steps.receive()
    for file_id in steps.waiting_files():
        steps.check(file_id)
    for step in (steps.gate, steps.apply, steps.settle, steps.report, steps.deliver):
        step()


def trail(world):
    """All that the audit trail tells."""
    return world.rows("SELECT ordinal, action, object_id FROM ledger.audit_entry ORDER BY ordinal")


@pytest.mark.fault("F14")
@pytest.mark.parametrize("hours", [0, 2], ids=["the same moment", "another moment"])
def test_a_second_night_leaves_politely(world, hours):
    """Exit code 3, who works there and since when; nothing is fetched and nothing written."""
    world.send(1)
    with at_work(world.house, world.clock(1), BOTH) as opened:
        before = trail(world)
        code, err = night(world, 1, hours=hours)

        assert trail(world) == before
    assert code == 3
    assert f"{CEDAR} is being worked on by `edi834 night` (process {os.getpid()} on " in err
    assert f"for run {opened.run.run_id} (2026-12-02T00:00:00Z), since " in err
    assert "--take-over" in err
    assert "Traceback" not in err
    assert all(list(world.outbox(partner_id).iterdir()) for partner_id in BOTH)


@pytest.mark.fault("F20")
def test_nights_of_different_partners_work_at_once(world):
    """One holds cedar; the other works for harbor, says so, and leaves the closing to the last."""
    world.send(1)
    with at_work(world.house, world.clock(1), [CEDAR]) as first:
        code, err = night(world, 1)
        cedar, harbor = (list(world.outbox(partner_id).iterdir()) for partner_id in BOTH)
        work_through(Steps(world.house, first.run, CEDAR))
        states = world.rows("SELECT state FROM ledger.run")
        result = close_night(world.house, first.run)

    assert code == 1
    assert f"edi834: {CEDAR} is being worked on by" in err
    assert harbor == []
    assert cedar != []
    assert states == [("open",)]
    assert world.rows("SELECT state FROM ledger.run") == [(result.state,)]
    assert result.state != "failed"


def test_a_run_leaves_alone_what_another_one_is_writing(world):
    """What a killed process has left goes when a run begins; what a living one writes stays."""
    tables = world.house.settings.tables_folder
    abandoned = tables / ".833.killed.unfinished"
    with at_work(world.house, world.clock(1), [CEDAR]), ParquetSink(tables / "834"):
        abandoned.mkdir()
        with at_work(world.house, world.clock(1), [HARBOR]):
            left = [path.name for path in tables.iterdir()]

    assert abandoned.name not in left
    assert len(left) == 1
    assert [path.name for path in tables.iterdir()] == ["834"]


@pytest.mark.fault("F14")
def test_two_nights_started_together_do_all_of_it_once(cedar_world):
    """Whichever is faster works; the other one leaves, or finds nothing left to do."""
    world = cedar_world
    world.send(1)
    as_of = world.clock(1).isoformat()
    nights = [start(world, "--as-of", as_of) for _ in range(2)]
    ended = [process.communicate() for process in nights]
    codes = sorted(process.returncode for process in nights)

    assert codes[0] in (0, 1), ended
    assert codes[1] in (0, 1, 3), ended
    assert world.rows("SELECT * FROM ledger.step_failure") == []
    assert {state for (state,) in world.rows("SELECT state FROM ledger.run")} & {"open"} == set()
    sent = world.rows("SELECT name FROM ledger.file WHERE state = 'delivered' ORDER BY name")
    lying = [path.name for path in world.inbox(CEDAR).iterdir()]
    assert sorted(lying) == [name for (name,) in sent]
    again = run_night(world.house, world.clock(1))
    assert again.state != "failed"
    assert broken(world) == {}


def test_what_a_killed_night_held_is_free_at_once(cedar_world):
    """The database knows that its process is gone: no time passes, and nobody takes over."""
    world = cedar_world
    world.send(1)
    process = start(world, "--as-of", world.clock(1).isoformat())
    while not world.rows("SELECT FROM ledger.file"):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()
    code, err = night(world, 1)

    assert code in (0, 1), err
    assert world.rows("SELECT count(*) FROM ledger.run_owner") == [(2,)]


@pytest.fixture
def late(world):
    """The steps of an owner that has fetched and checked, and whose work was taken over then."""
    world.send(1)
    first = open_for_scheduler(world.house, world.clock(1), BOTH).run
    steps = Steps(world.house, first, CEDAR)
    steps.receive()
    steps.check(steps.waiting_files()[0])
    with at_work(world.house, world.clock(1), BOTH, take_over=True):
        yield steps


@pytest.mark.fault("F15")
def test_a_late_task_writes_nothing(world, late):
    """Each step of the former owner fails with a sentence, and leaves no trace of any kind."""
    before = trail(world), sorted(world.folder.rglob("home/tables/*"))
    unchecked = late.waiting_files()
    late_ones = [late.gate, late.apply, late.settle, late.report, late.deliver]
    for step in (*late_ones, *(lambda i=i: late.check(i) for i in unchecked)):
        with pytest.raises(Superseded, match=f"The work for {CEDAR} is no longer this process's"):
            step()
    with pytest.raises(Superseded, match="taken over"):
        close_night(world.house, late.run)

    assert (trail(world), sorted(world.folder.rglob("home/tables/*"))) == before
    assert list(world.inbox(CEDAR).iterdir()) == []
    assert world.rows("SELECT * FROM ledger.step_failure") == []


def test_whoever_takes_over_waits_for_a_transaction_that_is_about_to_end(world):
    """What the former owner has written by then is kept as a whole, and known to the new one."""
    first = open_for_scheduler(world.house, world.clock(1), [CEDAR]).run
    blocked = world.house.engine.connect()
    with writing(world.house, first, CEDAR, "step failed") as conn:
        blocked.exec_driver_sql("SET lock_timeout = '100ms'")
        waiting = (
            "UPDATE ledger.partner_owner SET token = token WHERE partner_id = 'cedar-valley-tx'"
        )
        with pytest.raises(Exception, match="55P03"):
            blocked.exec_driver_sql(waiting)
        blocked.close()
        conn.exec_driver_sql("SELECT 1")
    second = open_for_scheduler(world.house, world.clock(1), [CEDAR]).run

    assert second.token > first.token


@pytest.mark.fault("F14")
def test_a_night_beside_a_scheduler_leaves_or_takes_over_by_word(cedar_world):
    """Between its tasks a scheduler has no process: a night leaves, unless a person says so."""
    world = cedar_world
    world.send(1)
    scheduled = open_for_scheduler(world.house, world.clock(1), [CEDAR]).run
    with pytest.raises(AtWork, match=f"{CEDAR} is being worked on by a scheduler"):
        run_night(world.house, world.clock(1))
    result = run_night(world.house, world.clock(1), take_over=True)

    assert result.failures == ()
    assert result.run == scheduled
    with pytest.raises(Superseded):
        Steps(world.house, scheduled, CEDAR).gate()


def test_a_scheduler_that_was_given_up_is_followed_by_the_next(world):
    """Not while one of its tasks is at work; a task that is tried again is the same owner's."""
    first = open_for_scheduler(world.house, world.clock(1), BOTH).run
    with task_at_work(world.house, first), pytest.raises(AtWork, match="a scheduler"):
        open_for_scheduler(world.house, world.clock(2), BOTH)
    Steps(world.house, first, CEDAR).receive()
    Steps(world.house, first, CEDAR).receive()
    second = open_for_scheduler(world.house, world.clock(2), BOTH)

    assert second.partner_ids == tuple(BOTH)
    assert second.left == ()


@pytest.mark.fault("F17")
def test_a_run_for_a_moment_that_is_past_waits_for_tonights(world):
    """A backfill beside tonight: tonight goes on, and what is past follows when it has ended."""
    tonight = open_for_scheduler(world.house, world.clock(2), BOTH).run
    with pytest.raises(AtWork, match="a scheduler"):
        open_for_scheduler(world.house, world.clock(1), BOTH)
    Steps(world.house, tonight, CEDAR).receive()
    close_night(world.house, tonight)

    assert open_for_scheduler(world.house, world.clock(1), BOTH).partner_ids == tuple(BOTH)
    assert not_overtaken(world.house, world.clock(1), BOTH)[0] == [HARBOR]


@pytest.mark.fault("F16")
def test_cleared_tasks_may_mend_a_night_that_nobody_has_taken_since(cedar_world):
    """Closed as failed, its owner may still write; once another night has begun, not any more."""
    world = cedar_world
    scheduled = open_for_scheduler(world.house, world.clock(1), [CEDAR]).run
    world.send(1)
    Steps(world.house, scheduled, CEDAR).receive()
    key = world.rows("SELECT storage_key FROM ledger.file ORDER BY file_id LIMIT 1")[0][0]
    stored = world.house.settings.landing_folder / key
    content = stored.read_bytes()
    stored.write_bytes(b"damaged")
    steps = Steps(world.house, scheduled, CEDAR)
    damaged = steps.waiting_files()[0]
    with pytest.raises(Terminal):
        steps.check(damaged)
    failed = close_night(world.house, scheduled)
    stored.write_bytes(content)
    work_through(steps)

    assert failed.state == "failed"
    assert world.rows("SELECT * FROM ledger.step_failure") == []
    run_night(world.house, world.clock(2))
    with pytest.raises(Superseded):
        steps.gate()


@pytest.mark.fault("F28")
@pytest.mark.control("configuration")
def test_a_verdict_names_the_rules_that_made_it(cedar_world, tmp_path):
    """A run that is taken up by other rules is finished by them, and tells which judged what."""
    world = cedar_world
    world.send(1)
    house = world.house
    opened = open_for_scheduler(house, world.clock(1), [CEDAR]).run
    steps = Steps(house, opened, CEDAR)
    steps.receive()
    first, *others = steps.waiting_files()
    steps.check(first)
    changed = partners_with_another_name(tmp_path / "partners")
    other = replace(house, settings=house.settings.model_copy(update={"partners": changed}))
    result = run_night(other, world.clock(1), take_over=True)
    judged = dict(world.rows("SELECT file_id, rules_digest FROM ledger.file"))
    parts = dict(world.rows("SELECT digest, parts FROM ledger.rule_version"))

    assert result.failures == ()
    assert result.run == opened
    assert judged[first] == house.rules.digest != other.rules.digest
    assert {judged[file_id] for file_id in others} >= {other.rules.digest}
    assert world.rows("SELECT rules_digest FROM ledger.run") == [(house.rules.digest,)]
    assert house.rules.differs_in(other.rules) == ("partners",)
    assert parts[judged[first]].items() ^ parts[other.rules.digest].items() == {
        ("partners", rules.parts["partners"]) for rules in (house.rules, other.rules)
    }


def partners_with_another_name(folder):
    """A folder with the shipped partners, in which cedar has another name."""
    folder.mkdir()
    shipped = Path(__file__).resolve().parents[2] / "schemas" / "partners"
    for path in shipped.glob("*.toml"):
        text = path.read_text("utf-8")
        if path.stem == CEDAR:
            text = text.replace('issuer_name = "', 'issuer_name = "The ', 1)
        (folder / path.name).write_text(text, "utf-8")
    return folder
