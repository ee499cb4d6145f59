"""Every received file has one row, whatever happens to it later."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from ledger.answers import set_answer_file
from ledger.files import (
    file_row,
    received_enrollments,
    record_received,
    to_check_before,
    unchecked_files,
    unstaged_files,
)
from ledger.runs import close_run, open_run
from ledger.verdicts import record_verdict
from schemas.database import file, sighting
from schemas.runs import run


def _count(conn, table):
    return conn.scalar(sa.select(sa.func.count()).select_from(table))


def test_recording_the_same_receipt_again_changes_nothing(conn, given, run_id):
    """A step that is repeated after a crash finds its own row."""
    first = record_received(conn, given.file(run_id))
    again = record_received(conn, given.file(run_id))

    assert (first.is_new, again.is_new) == (True, False)
    assert first.file_id == again.file_id
    assert (_count(conn, file), _count(conn, sighting)) == (1, 0)


def test_the_same_file_seen_later_is_a_sighting(conn, given, run_id):
    """A file that still lies in the mailbox the next night is seen again, not received again."""
    first = record_received(conn, given.file(run_id))
    tomorrow = given.six_o_clock + timedelta(days=1)
    next_run = open_run(conn, tomorrow)
    for _ in range(2):
        again = record_received(conn, given.file(next_run, received_at=tomorrow))

    seen = conn.execute(sa.select(sighting)).all()

    assert again == type(again)(first.file_id, is_new=False, duplicate_of=None)
    assert [tuple(row) for row in seen] == [(first.file_id, next_run, tomorrow)]


def test_the_same_content_under_another_name_is_a_duplicate(conn, given, run_id):
    """It has a row of its own that points at the first file, not at the second."""
    first = record_received(conn, given.file(run_id, name="ONE"))
    second = record_received(conn, given.file(run_id, name="TWO"))
    third = record_received(conn, given.file(run_id, name="THREE"))

    assert (second.is_new, second.duplicate_of) == (True, first.file_id)
    assert (third.is_new, third.duplicate_of) == (True, first.file_id)
    assert file_row(conn, third.file_id).state == "duplicate"


def test_the_same_name_with_other_content_is_another_file(conn, given, run_id):
    """A replaced file is a new version: it overwrites nothing and is no duplicate."""
    first = record_received(conn, given.file(run_id, content="a"))
    second = record_received(conn, given.file(run_id, content="b"))

    assert second.file_id != first.file_id
    assert (second.is_new, second.duplicate_of) == (True, None)


def test_the_same_content_for_two_partners_is_no_duplicate(conn, given, run_id):
    """What one partner received says nothing about another one's files."""
    record_received(conn, given.file(run_id))

    other = record_received(conn, given.file(run_id, partner_id="harbor-light-nc"))

    assert (other.is_new, other.duplicate_of) == (True, None)


def test_one_content_under_many_names_at_once_has_one_original(engine, given):
    """Receiving in parallel cannot make two originals of one content."""
    with engine.begin() as conn:
        run_id = open_run(conn, given.six_o_clock)

    def receive(number):
        with engine.begin() as conn:
            return record_received(conn, given.file(run_id, name=f"NAME {number % 4}"))

    with ThreadPoolExecutor(4) as threads:
        recorded = list(threads.map(receive, range(8)))

    assert sum(row.is_new for row in recorded) == 4
    assert len({row.file_id for row in recorded}) == 4
    assert len({row.file_id for row in recorded if row.duplicate_of is None}) == 1


def test_a_file_waits_for_its_verdict_and_then_for_the_book(conn, given, run_id):
    """Duplicates wait for a verdict too, because they get an answer, but not for the book."""
    original = record_received(conn, given.file(run_id, name="ONE")).file_id
    duplicate = record_received(conn, given.file(run_id, name="TWO")).file_id
    waiting = [row.file_id for row in unchecked_files(conn, given.partner)]
    record_verdict(conn, original, given.verdict([("accepted", None)]), run_id)
    rejected = given.verdict([("rejected", "a-rule")], ta1_code="R", file_verdict="rejected")
    record_verdict(conn, duplicate, rejected, run_id)

    assert waiting == [original, duplicate]
    assert unchecked_files(conn, given.partner) == []
    assert [row.file_id for row in unstaged_files(conn, given.partner)] == [original]


def test_a_copy_of_which_something_is_accepted_goes_into_the_book(conn, given, run_id):
    """The first one may have been refused for a reason that no longer holds: our answer counts."""
    first = record_received(conn, given.file(run_id, name="ONE")).file_id
    rejected = given.verdict([("rejected", "a-rule")], ta1_code="R", file_verdict="rejected")
    record_verdict(conn, first, rejected, run_id)
    copy = record_received(conn, given.file(run_id, name="TWO")).file_id
    record_verdict(conn, copy, given.verdict([("accepted", None)]), run_id)

    assert (file_row(conn, copy).state, file_row(conn, copy).duplicate_of) == ("checked", first)


def test_an_acknowledgement_file_is_applied_when_it_was_read(conn, given, run_id):
    """A TA1 or 999 file has no verdict of ours; an enrollment file is not touched."""
    answer = record_received(conn, given.file(run_id, kind="acknowledgement")).file_id
    enrollment = record_received(conn, given.file(run_id, content="b")).file_id
    for file_id in (answer, enrollment):
        set_answer_file(conn, file_id)

    assert file_row(conn, answer).state == "applied"
    assert file_row(conn, enrollment).state == "received"


def test_an_interrupted_run_is_resumed(conn, given):
    """The same moment finds the open run; after it was closed, a new one begins."""
    first = open_run(conn, given.six_o_clock)
    resumed = open_run(conn, given.six_o_clock)
    close_run(conn, first, "balanced")
    close_run(conn, first, "failed")
    another = open_run(conn, given.six_o_clock)

    assert first == resumed != another
    assert conn.scalar(sa.select(run.c.state).where(run.c.run_id == first)) == "balanced"


def test_earlier_files_with_the_same_control_number_are_checked_first(conn, given, run_id):
    """A repetition is told from the original by arrival, not by which one is checked first."""
    numbers = {"a": ["7"], "b": ["8"], "c": ["8", "7"]}
    ids = {
        name: record_received(
            conn,
            replace(
                given.file(run_id, name=name, content=name),
                interchanges=tuple(("CMSFFM", number) for number in brought),
            ),
        ).file_id
        for name, brought in numbers.items()
    }

    assert to_check_before(conn, ids["a"]) == []
    assert to_check_before(conn, ids["b"]) == []
    assert to_check_before(conn, ids["c"]) == [ids["a"], ids["b"]]


def test_enrollments_are_found_by_the_days_on_which_they_came(conn, given, run_id):
    """Both days are included, in UTC; copies and files of other kinds are left out."""
    partner_id, first_day = "asked-about", given.six_o_clock.date()
    files = {
        name: record_received(
            conn,
            given.file(
                run_id,
                name=name,
                partner_id=partner_id,
                sha256=name[:1] * 64,
                received_at=given.six_o_clock + timedelta(days=days),
                **kind,
            ),
        ).file_id
        for name, days, kind in (
            ("A", 0, {}),
            ("A again", 0, {}),
            ("B", 1, {}),
            ("C", 1, {"kind": "acknowledgement"}),
            ("D", 2, {}),
        )
    }

    def found(since, until, partner=partner_id):
        first, last = (day and first_day + timedelta(days=day - 1) for day in (since, until))
        rows = received_enrollments(conn, first, last, partner)
        return [name for row in rows for name in files if files[name] == row.file_id]

    assert found(1, None) == found(1, 3) == ["A", "B", "D"]
    assert found(1, 3, None) == ["A", "B", "D"]
    assert found(1, 1) == ["A"]
    assert found(2, 2) == ["B"]
    assert found(4, None) == found(1, 3, "somebody-else") == []
