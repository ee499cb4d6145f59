"""The order in which a scheduler runs the tasks of files does not change what is decided."""

import threading

import pytest

from pipeline.runs import open_for_scheduler
from pipeline.steps import Steps
from schemas.errors import Terminal

CEDAR = "cedar-valley-tx"


@pytest.fixture
def steps(world):
    """The steps of a partner whose files have been received, a duplicate among them."""
    world.send(1)
    opened = open_for_scheduler(world.house, world.clock(1), [CEDAR])
    steps = Steps(world.house, opened.run, CEDAR)
    steps.receive()
    return steps


def answers(world):
    """What was decided about each received file, and the codes of our TA1s to it."""
    rows = world.rows(
        "SELECT f.name, f.state, f.verdict, array_agg(i.ta1_code || i.ta1_note)"
        " FROM ledger.file f LEFT JOIN ledger.interchange i USING (file_id)"
        " WHERE f.direction = 'exchange_to_issuer' GROUP BY f.file_id ORDER BY f.file_id"
    )
    assert [row[1] for row in rows].count("duplicate") == 1
    return rows


def test_a_duplicate_is_one_even_when_its_task_comes_first(world, steps):
    """Checked from the last file to the first, the copy is still refused with TA1 025."""
    for file_id in reversed(steps.waiting_files()):
        steps.check(file_id)

    (copy,) = [row for row in answers(world) if row[1] == "duplicate"]
    assert copy[2:] == ("rejected", ["R025"])


def test_files_that_are_checked_at_once_are_judged_as_one_after_the_other(world, steps):
    """Tasks in parallel: every file gets one verdict, and the copy is refused."""
    threads = [
        threading.Thread(target=steps.check, args=[file_id]) for file_id in steps.waiting_files()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = answers(world)
    assert all(verdict for _, _, verdict, _ in rows)
    assert ("duplicate", "rejected", ["R025"]) in [row[1:] for row in rows]
    assert world.rows("SELECT * FROM ledger.step_failure") == []


def test_a_damaged_file_does_not_keep_later_ones_from_their_verdict(world, steps):
    """The landing zone's damaged file stays without a verdict, the others get theirs."""
    damaged, *others = steps.waiting_files()
    ((key,),) = world.rows("SELECT storage_key FROM ledger.file WHERE file_id = :i", i=damaged)
    stored = world.house.settings.landing_folder / key
    stored.chmod(0o600)
    stored.write_bytes(b"ISA*damaged")
    for file_id in reversed(others):
        steps.check(file_id)
    with pytest.raises(Terminal):
        steps.check(damaged)

    assert steps.waiting_files() == [damaged]
    assert len(world.rows("SELECT * FROM ledger.file WHERE verdict IS NOT NULL")) == len(others)
    ((step, sentence),) = world.rows("SELECT step, sentence FROM ledger.step_failure")
    assert step == f"checking file {damaged}"
    assert "damaged" in sentence


def test_a_damaged_original_does_not_keep_other_content_under_its_number_waiting(world, steps):
    """Its number stays taken: the later file is set apart, and a person decides which one holds."""
    original = steps.waiting_files()[0]
    name, key = world.rows(
        "SELECT name, storage_key FROM ledger.file WHERE file_id = :i", i=original
    )[0]
    stored = world.house.settings.landing_folder / key
    other = stored.read_bytes() + b"\n"
    (world.outbox(CEDAR) / name.replace(".T", ".T1")).write_bytes(other)
    steps.receive()
    stored.chmod(0o600)
    stored.write_bytes(b"ISA*damaged")
    steps.check(max(steps.waiting_files()))

    ((state, verdict, note),) = world.rows(
        "SELECT state, verdict, note FROM ledger.file WHERE file_id ="
        " (SELECT max(file_id) FROM ledger.file WHERE direction = 'exchange_to_issuer')"
    )
    assert (state, verdict) == ("quarantined", "rejected")
    assert "with other content" in note
