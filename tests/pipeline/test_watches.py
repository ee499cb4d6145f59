"""What a scheduler watches beside the nights: files that are expected, late answers, the month."""

from datetime import timedelta

import pytest

from pipeline.answers_watch import late, require_answers
from pipeline.intake import Seen, look
from pipeline.month_cycle import ToTell, tell, to_tell
from pipeline.scheduled import close, open_night, steps, why_not
from schemas.errors import Retryable, Terminal
from tests.cases.world import CEDAR, HARBOR


@pytest.fixture(scope="module")
def world(tmp_path_factory, new_database_url, open_world):
    """A world after one night, the exchange's answers to it not read; nothing has come since."""
    with open_world(tmp_path_factory.mktemp("watched"), new_database_url(), members=30) as opened:
        opened.send(1)
        opened.run(1)
        yield opened


def outbox_of(world, name):
    """The path of a file that the exchange drops for cedar."""
    return world.outbox(CEDAR) / name


def test_a_file_that_is_expected_is_waited_for_until_it_lies_there(world):
    """Other kinds of files end no wait; no look is later than when it is due."""
    dropped = world.clock(2) - timedelta(hours=1)  # 18:00 on the exchange's clock
    answer = outbox_of(world, "OPR.001234567T.TA1.D261202.T181500000.P")
    wanted = outbox_of(world, "OPR.001234567T.I834.D261202.T181500000.P")
    nothing = look(world.house, CEDAR, dropped, dropped + timedelta(minutes=1))
    answer.write_bytes(b"ISA")
    other = look(world.house, CEDAR, dropped, dropped + timedelta(minutes=119))
    wanted.write_bytes(b"ISA")
    there = look(world.house, CEDAR, dropped, dropped + timedelta(minutes=119))
    for path in (answer, wanted):
        path.unlink()

    assert nothing == Seen(0, world.house.settings.look_seconds)
    assert other == Seen(1, 60)
    assert there == Seen(2, None)


def test_a_file_that_has_not_come_when_it_is_due_is_told_once_somebody_has_waited(world):
    """With what to do; whoever begins later does not wait for it."""
    dropped = world.clock(2) - timedelta(hours=1)
    due = dropped + timedelta(hours=2)
    with pytest.raises(
        Terminal, match=f"{CEDAR}: the enrollment file of the drop of 2026-12-02 23:"
    ):
        look(world.house, CEDAR, dropped, due)
    assert look(world.house, CEDAR, due, due + timedelta(hours=1)) == Seen(0, None)


def test_a_mailbox_that_cannot_be_reached_is_tried_again(world, monkeypatch):
    """A class of error for the scheduler: it may pass."""
    mailbox = world.house.settings.mailboxes[CEDAR].model_copy(update={"port": 1})
    monkeypatch.setitem(world.house.settings.mailboxes, CEDAR, mailbox)
    with pytest.raises(Retryable):
        look(world.house, CEDAR, world.clock(2), world.clock(2))


@pytest.mark.fault("F23")
def test_answers_are_late_after_so_many_drops(world):
    """Two drops after the delivery; the file is named, and nothing is sent again by itself."""
    assert late(world.house, CEDAR, world.clock(1)) == []
    require_answers(world.house, CEDAR, world.clock(1) + timedelta(hours=22))
    (one,) = late(world.house, CEDAR, world.clock(1) + timedelta(hours=24))
    assert one.lacks == "TA1 999"
    with pytest.raises(Terminal, match=f"answers are late: TA1 999 to file {one.file_id}. Ask"):
        require_answers(world.house, CEDAR, world.clock(1) + timedelta(hours=24))


def test_a_month_is_told_once_and_waits_for_a_person(world):
    """Of each partner and coverage year in the book; the same file for whoever asks again."""
    as_of = world.clock(15)
    what = to_tell(world.house, as_of)
    assert ToTell(CEDAR, 2027) in what
    first = [tell(world.house, one, as_of) for one in what]

    assert [tell(world.house, one, as_of + timedelta(minutes=5)) for one in what] == first
    states = world.rows("SELECT state, count(*) FROM reconciliation.month_file GROUP BY 1")
    assert states == [("written", len(what))]


def test_a_run_works_for_the_partners_whose_files_have_come(world, monkeypatch):
    """And passes over the others, and over everything once it is closed."""
    for name, value in world.environment().items():
        monkeypatch.setenv(name, value)
    ids = open_night(world.clock(3).isoformat(), [CEDAR])

    assert why_not(ids, CEDAR) is None
    assert "does not work for" in why_not(ids, HARBOR)
    assert "was not opened" in why_not(None, CEDAR)
    with steps(ids, CEDAR) as night:
        assert night.waiting_files() == []
        for step in (night.receive, night.gate, night.apply, night.settle, night.report):
            step()
        night.deliver()
    assert close(ids).startswith("balanced")
    assert "is closed" in why_not(ids, CEDAR)
    with pytest.raises(Terminal, match="None of nobody has a mailbox"):
        open_night(world.clock(4).isoformat(), ["nobody"])
