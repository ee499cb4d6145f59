"""What the database gives up for a passing reason is begun again, a few times, and told."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from pipeline.night import run_night
from pipeline.retrying import TRIES_MAX
from pipeline.runs import at_work
from pipeline.scheduled import open_night
from pipeline.settings import load_settings
from pipeline.wiring import open_house
from schemas.errors import AtWork, Terminal
from schemas.fault_points import FAULT_POINTS

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"

# A sequence counts across transactions that are rolled back: so it happens so many times only.
INTERRUPT = """
CREATE SEQUENCE public.interruptions;
CREATE FUNCTION public.interrupt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('public.interruptions') <= {times} THEN
    {how};
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER interrupt AFTER {event} ON {table} FOR EACH STATEMENT
  EXECUTE FUNCTION public.interrupt();
"""
CUT = "PERFORM pg_terminate_backend(pg_backend_pid())"
DEADLOCK = "RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'"
CONFLICT = "RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'"

PLACES = {
    "the connection is cut while a verdict is copied": (CUT, "INSERT", "ledger.disposition"),
    "the connection is cut while events are staged": (CUT, "INSERT", "book.event"),
    "the connection is cut while the book changes": (CUT, "INSERT", "book.policy"),
    "the connection is cut at a commit": (CUT, "INSERT", "ledger.audit_entry"),
    "the connection is cut while a file is delivered": (CUT, "UPDATE", "ledger.file"),
    "a deadlock while the book changes": (DEADLOCK, "INSERT", "book.policy"),
    "a conflict while control numbers are taken": (CONFLICT, "INSERT", "ledger.control_number"),
}
FILES = (
    "SELECT direction, partner_id, name, sha256, state, verdict FROM ledger.file"
    " ORDER BY direction, partner_id, name"
)
BOOK = (
    "SELECT partner_id, exchange_policy_id, plan_id, benefit_begin, benefit_end, known_from"
    " FROM book.policy ORDER BY 1, 2, 6"
)


def left_by(world, result):
    """State, balance, files, policies, and how much is told of members."""
    tables = ("book.member", "book.event", "ledger.disposition")
    counted = [world.rows(f"SELECT count(*) FROM {table}") for table in tables]
    return result.state, result.balance, world.rows(FILES), world.rows(BOOK), counted


def interrupt(world, times, how, event, table):
    """Lets the database interrupt whoever does that to the table, so many times."""
    with world.house.engine.begin() as conn:
        conn.execute(sa.text(INTERRUPT.format(times=times, how=how, event=event, table=table)))


def interruptions(world):
    """How often it was done."""
    return world.rows("SELECT last_value FROM public.interruptions")[0][0]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, new_database_url, open_world):
    """What a night of cedar leaves that nothing interrupts."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with open_world(folder, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        return left_by(world, world.run(1))


@pytest.fixture
def small_world(tmp_path, new_database_url, open_world):
    """The same world, in which nothing has happened."""
    with open_world(tmp_path, new_database_url(), members=20, partner_ids=(CEDAR,)) as world:
        world.send(1)
        yield world


# One of each kind, and of each sort of transaction: the others are begun again by the same lines.
FOR_SOAK = {
    "the connection is cut while events are staged",
    "the connection is cut while the book changes",
    "the connection is cut while a file is delivered",
}


@pytest.mark.fault("F12", "F13")
@pytest.mark.parametrize(
    "place",
    [pytest.param(p, marks=pytest.mark.soak) if p in FOR_SOAK else p for p in PLACES],
)
def test_an_interrupted_night_ends_as_if_nothing_had_happened(small_world, undisturbed, place):
    """Twice; same balance, files, bytes and book, no failed step, and the log tells of it."""
    interrupt(small_world, 2, *PLACES[place])
    with capture_logs() as logs:
        result = small_world.run(1)

    told = [line for line in logs if line["event"] == "begun again"]
    assert result.failures == ()
    assert interruptions(small_world) > 2
    assert [line["after_try"] for line in told] in ([1, 2], [1, 1])
    assert {line["log_level"] for line in told} == {"warning"}
    assert left_by(small_world, result) == undisturbed


@pytest.mark.fault("F12", "F13")
def test_what_is_interrupted_again_and_again_is_given_up(world):
    """After a bounded number of tries the step has failed; the other partner's night is whole."""
    world.send(1)
    once_for_cedar = DEADLOCK.replace("RAISE", "IF NEW.partner_id = 'cedar-valley-tx' THEN RAISE")
    with world.house.engine.begin() as conn:
        statement = INTERRUPT.format(
            times=1000, how=f"{once_for_cedar}; END IF", event="INSERT", table="ledger.gate_batch"
        )
        conn.execute(sa.text(statement.replace("EACH STATEMENT", "EACH ROW")))
    result = run_night(world.house, world.clock(1))

    assert [(failure.partner_id, failure.step) for failure in result.failures] == [
        (CEDAR, "judging the batch")
    ]
    assert f"It was tried {TRIES_MAX} times." in result.failures[0].sentence
    assert result.state == "failed"
    accepted = {(r["partner_id"], r["level"]): r["accepted"] for r in result.balance.to_pylist()}
    assert accepted[HARBOR, "members"] > 0


def test_a_fault_point_is_refused_where_a_mailbox_is_elsewhere(world):
    """An installation that could reach an exchange can not be made to die by a variable."""
    boxes = world.house.settings.mailboxes
    elsewhere = boxes | {CEDAR: boxes[CEDAR].model_copy(update={"host": "sftp.example.com"})}
    settings = world.house.settings.model_copy(update={"fault_point": "1", "mailboxes": elsewhere})
    with (
        pytest.raises(Terminal, match="EDI834_FAULT_POINT is for tests only"),
        open_house(settings),
    ):
        pass


def test_a_moment_that_has_not_come_is_refused_where_a_mailbox_is_elsewhere(world):
    """Nobody's coverage ends by a mistyped clock; what has come, and what is played here, runs."""
    boxes = world.house.settings.mailboxes
    elsewhere = boxes | {CEDAR: boxes[CEDAR].model_copy(update={"host": "sftp.example.com"})}
    house = replace(
        world.house, settings=world.house.settings.model_copy(update={"mailboxes": elsewhere})
    )
    now = datetime.now(UTC)
    with pytest.raises(Terminal, match="has not come: it is "):
        run_night(house, now + timedelta(hours=2), [HARBOR])
    assert world.rows("SELECT * FROM ledger.run") == []
    with at_work(house, now, [HARBOR]) as opened:
        assert opened.partner_ids == (HARBOR,)
    with at_work(world.house, now + timedelta(days=61), [HARBOR]) as opened:
        assert opened.partner_ids == (HARBOR,)


def test_a_scheduler_opens_no_run_that_has_not_come(world, monkeypatch):
    """Neither a run nor a file is written, whatever the run of the scheduler was told."""
    mailbox = {CEDAR.replace("-", "_"): {"host": "sftp.example.com"}}
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    world.write_configuration(**mailbox)
    ahead = datetime.now(UTC) + timedelta(hours=2)
    known = sorted(world.house.settings.home.rglob("*"))
    with pytest.raises(Terminal, match="has not come: it is "):
        open_night(ahead.isoformat())
    assert world.rows("SELECT * FROM ledger.run") == []
    assert sorted(world.house.settings.home.rglob("*")) == known


def test_a_played_clock_is_not_mistyped_by_a_year(world, monkeypatch):
    """All mailboxes are on this machine: a month on is played, more is refused and told."""
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    world.run(1)
    wrong = world.clock(366)
    with pytest.raises(Terminal, match="a played clock goes 31 days on at a time"):
        open_night(wrong.isoformat())
    ended = world.edi834("night", "--as-of", f"{wrong:%Y-%m-%dT%H:%M:%S}")
    assert ended.code == 2
    assert "none before that moment could work then" in " ".join(ended.failures)
    assert world.rows("SELECT count(*) FROM ledger.run") == [(1,)]
    assert open_night(world.clock(2).isoformat())["run_id"] == 2


def test_a_night_behind_one_that_has_not_come_says_what_to_do(world):
    """The later night is ahead of the clock: played on, or restored, and never unsaid."""
    ahead = datetime.now(UTC) + timedelta(days=20)
    assert run_night(world.house, ahead, [HARBOR]).left == ()
    with pytest.raises(AtWork, match=r"It has not come yet: if it was mistyped, have the"):
        run_night(world.house, datetime.now(UTC), [HARBOR])


def test_a_fault_point_that_there_is_not_is_refused(world):
    """A wrong name would kill nothing, and a test would prove nothing."""
    settings = world.house.settings.model_copy(update={"fault_point": "somewhere"})
    with pytest.raises(Terminal, match="no fault point 'somewhere'"), open_house(settings):
        pass


def test_without_the_variable_nothing_is_reached():
    """All fault points, in a process of its own: it lives."""
    assert load_settings().fault_point is None
    code = (
        "from schemas import fault_points as f\n"
        "for border in f.BORDERS: f.reach(border)\n"
        "for commit in f.get_args(f.Commit): f.reach_commit(commit, f.BEFORE)\n"
        "print('alive')\n"
        "f.arm('2')\n"
        "for border in f.BORDERS: f.reach(border)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        env={k: v for k, v in os.environ.items() if k != "EDI834_FAULT_POINT"},
    )
    assert done.stdout == "alive\n"
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == f"edi834: fault point 2: {list(FAULT_POINTS)[1]}\n"
