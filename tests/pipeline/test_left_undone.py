"""What a night has left undone: told as failed, done by the next night, never by an earlier one."""

import re
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

import pipeline.retrying
from ledger.night_steps import NIGHT_STEPS, REPORTING, SETTLING
from ledger.step_failures import failures
from pipeline.night import close_night, run_night, try_again
from pipeline.runs import at_work
from pipeline.scheduled import close, open_night, steps
from pipeline.steps import Steps
from schemas.errors import AtWork, Retryable, Terminal
from tests.cases.world import CEDAR
from tests.pipeline.test_interrupted_steps import DEADLOCK, INTERRUPT


@pytest.fixture
def small_world(tmp_path, new_database_url, open_world):
    """A world of one partner in which nothing has happened."""
    with open_world(tmp_path, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        yield world


@contextmanager
def without_extract(world):
    """The carrier has not delivered: reconciling and deciding fails."""
    extract = world.folder / "carrier" / CEDAR / "members.csv"
    content = extract.read_bytes()
    extract.unlink()
    yield
    extract.write_bytes(content)


def failed_in(world, run_id):
    """The steps of a run that have failed and not gone through since."""
    with world.house.engine.connect() as conn:
        return [failure.step for failure in failures(conn, run_id)]


def states(world):
    """The states of all runs, in their order."""
    return [state for (state,) in world.rows("SELECT state FROM ledger.run ORDER BY run_id")]


def waiting(world):
    """What lies at the exchange for us, and all that the ledger has of files."""
    files = "SELECT file_id, run_id, state, delivered_at FROM ledger.file ORDER BY file_id"
    return sorted(path.name for path in world.outbox(CEDAR).iterdir()), world.rows(files)


def test_the_next_night_does_what_a_night_has_left_and_closes_it(small_world):
    """The step is the partner's: what a later run did counts as done, and nothing is done again."""
    world = small_world
    with without_extract(world):
        first = world.run(1)
    assert [failure.step for failure in first.failures] == [SETTLING]
    assert states(world) == ["open"]
    world.send(2)
    world.run(2)
    assert failed_in(world, first.run.run_id) == []
    assert "open" not in states(world)
    before = waiting(world)
    assert run_night(world.house, world.clock(1)).run == first.run
    with pytest.raises(Terminal, match=f"Nothing of {CEDAR} has failed in run 1"):
        try_again(world.house, first.run.run_id, CEDAR)
    assert waiting(world) == before


def test_nothing_is_done_in_a_night_once_a_later_one_has_worked(small_world, monkeypatch):
    """What lies at the exchange is tonight's, in a terminal, on demand and under a scheduler."""
    world = small_world
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    with without_extract(world):
        world.run(1)
        world.run(2)
    assert failed_in(world, 1) == failed_in(world, 2) == [SETTLING]
    world.send(2)
    before = waiting(world)
    said = (
        f"Run 2 has worked for {CEDAR} as of a later moment, 2026-12-03T00:00:00Z. What an earlier"
    )
    with pytest.raises(AtWork, match=said):
        run_night(world.house, world.clock(1))
    with pytest.raises(Terminal, match=said):
        try_again(world.house, 1, CEDAR)
    with pytest.raises(Terminal, match=said):
        open_night(world.clock(1).isoformat())
    ended = world.edi834("partners", "retry", CEDAR, "--run", 1, "--by", "Ada", "--reason", "So.")
    assert (ended.code, "has worked for" in ended.err) == (2, True)
    assert waiting(world) == before
    assert states(world) == ["open", "open"]

    try_again(world.house, 2, CEDAR)  # of the newest night: what failed, and what follows it
    assert waiting(world)[0] == before[0]
    assert "open" not in states(world)
    assert world.rows("SELECT DISTINCT run_id FROM book.decision") == [(2,)]


def test_a_step_that_has_left_nothing_is_told_as_failed(small_world, monkeypatch):
    """As when the process of a scheduler's task is killed in each try: its night is not closed."""
    world = small_world
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    ids = open_night(world.clock(1).isoformat())
    with steps(ids, CEDAR) as night:
        night.receive()
        *others, unchecked = night.waiting_files()
        for file_id in others:
            night.check(file_id)
        for step in (night.gate, night.apply, night.settle, night.deliver):
            step()
    with pytest.raises(Retryable, match=f"{CEDAR}, checking file {unchecked}: It was not done"):
        close(ids)
    assert failed_in(world, 1) == [f"checking file {unchecked}", REPORTING]
    assert states(world) == ["open"]
    with steps(ids, CEDAR) as night:
        for step in (lambda: night.check(unchecked), night.gate, night.apply, night.report):
            step()
    assert close(ids).startswith("balanced")


def test_what_a_killed_process_has_left_is_told_by_who_closes_the_run(world):
    """Another process that works in the same run for another partner closes nothing behind it."""
    cedar, harbor = world.house.partner_ids
    world.send(1)
    with at_work(world.house, world.clock(1), [cedar]):
        pass  # its process ends without a word
    result = run_night(world.house, world.clock(1), [harbor])
    assert result.state == "failed"
    assert {(one.partner_id, one.step) for one in result.failures} == {
        (cedar, step) for step in NIGHT_STEPS
    }
    assert run_night(world.house, world.clock(1)).failures == ()
    assert "open" not in states(world)


def test_a_night_of_which_the_database_could_not_be_told_is_not_balanced(small_world, monkeypatch):
    """It interrupts the step and then the telling, as often as either is tried, and is back."""
    world = small_world
    monkeypatch.setattr(pipeline.retrying, "TRIES_MAX", 2)
    statement = INTERRUPT.format(
        times=4, how=DEADLOCK, event="INSERT", table="reconciliation.result"
    )
    told = statement[statement.index("CREATE TRIGGER") :]
    with world.house.engine.begin() as conn:
        conn.execute(sa.text(statement))
        conn.execute(sa.text(told.replace("reconciliation.result", "ledger.step_failure")))
    result = world.run(1)
    assert result.state == "failed"
    assert [failure.step for failure in result.failures] == [SETTLING]
    assert result.failures[0].sentence.startswith("It was not done")
    assert world.rows(
        "SELECT count(*) FROM ledger.file WHERE kind = 'enrollment' AND run_id = 1"
        " AND direction = 'issuer_to_exchange'"
    ) == [(0,)]
    again = world.run(1)
    assert (again.run, again.failures) == (result.run, ())


def test_a_run_that_was_killed_is_closed_by_the_night_that_follows(small_world):
    """Half a night and no word of it: the next one does the rest, and the run does not stay."""
    world = small_world
    with at_work(world.house, world.clock(1), [CEDAR]) as opened:
        Steps(world.house, opened.run, CEDAR).receive()
    with at_work(world.house, world.clock(1), [CEDAR]) as opened:
        assert close_night(world.house, opened.run).state == "failed"
    world.run(2)
    assert "open" not in states(world)


def test_a_moment_is_told_as_it_can_be_typed_again(cedar_after_a_night):
    """A scheduler's moments have fractions of seconds: two runs of one minute are two."""
    world = cedar_after_a_night
    exact = "2026-12-04T07:30:05.250000Z"
    first = world.edi834("night", "--as-of", exact)
    (told,) = re.findall(r"Run 2 \((.*?)\)", first.out)

    again = world.edi834("night", "--as-of", told)
    before = world.edi834("night", "--as-of", "2026-12-04T07:30")

    assert told == exact
    assert f"Run 2 ({exact})" in again.out
    assert (before.code, f"as of a later moment, {exact}." in before.err) == (3, True)
    assert world.edi834("night", "--as-of", "2026-12-04T07:30:05.250001Z").code in (0, 1)
