"""What the ledger keeps of a verdict, and what it can say about numbers it has seen."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger.files import file_row, record_received
from ledger.verdicts import (
    EarlierFiles,
    record_verdict,
    seen_group_control_numbers,
    seen_interchange_control_numbers,
)
from schemas.catalog import load_rules
from schemas.database import disposition, functional_group, interchange, issue, transaction_set
from schemas.verdict import Quarantine


def _rows(conn, table):
    return conn.execute(sa.select(table)).mappings().all()


def test_a_verdict_is_kept_whole(conn, given, run_id):
    """Envelopes with their acknowledgements, issues in file order, one disposition a member."""
    file_id = record_received(conn, given.file(run_id)).file_id
    verdict = given.verdict([("accepted", None)] * 2, [("rejected", "a-rule")])

    assert record_verdict(conn, file_id, verdict, run_id)

    (interchange_row,) = _rows(conn, interchange)
    assert (interchange_row["ta1_code"], interchange_row["sender_id"]) == ("A", "CMSFFM")
    (group_row,) = _rows(conn, functional_group)
    assert (group_row["ack"], group_row["set_count_accepted"]) == ("A", 2)
    sets = [(row["ack"], row["codes"]) for row in _rows(conn, transaction_set)]
    assert sets == [("A", []), ("R", ["5", "I6"])]
    issues = [(row["issue_ordinal"], row["message"]) for row in _rows(conn, issue)]
    assert issues == [(1, 'It is "so".'), (2, 'It is "so".')]
    decided = [(row["member_ordinal"], row["state"]) for row in _rows(conn, disposition)]
    assert decided == [(1, "accepted"), (2, "accepted"), (3, "rejected")]
    assert file_row(conn, file_id).state == "checked"


def test_a_second_verdict_changes_nothing(conn, given, run_id):
    """A repeated check neither adds rows nor moves the file back."""
    file_id = record_received(conn, given.file(run_id)).file_id
    record_verdict(conn, file_id, given.verdict([("accepted", None)]), run_id)
    other = given.verdict([("rejected", "a-rule")], file_verdict="rejected")

    assert not record_verdict(conn, file_id, other, run_id)

    assert file_row(conn, file_id).verdict == "accepted"
    assert [row["state"] for row in _rows(conn, disposition)] == ["accepted"]


@pytest.mark.parametrize("file_verdict", ["unreadable", "rejected"])
def test_a_file_is_set_apart_with_its_reason(conn, given, run_id, file_verdict):
    """It waits for a person in quarantine, and never reaches the book."""
    file_id = record_received(conn, given.file(run_id)).file_id
    why = Quarantine("file-empty", is_answered=False)

    record_verdict(conn, file_id, given.verdict(file_verdict=file_verdict, quarantine=why), run_id)

    row = file_row(conn, file_id)
    assert (row.state, row.verdict) == ("quarantined", file_verdict)
    assert row.note == load_rules()["file-empty"].wording


def test_a_nul_character_does_not_stop_the_ledger(conn, given, run_id):
    """PostgreSQL cannot hold it, so it is kept as the replacement character."""
    file_id = record_received(conn, given.file(run_id)).file_id

    record_verdict(conn, file_id, given.verdict([], control_number="00\x0001"), run_id)

    (row,) = _rows(conn, interchange)
    assert row["control_number"] == "00\N{REPLACEMENT CHARACTER}01"


def test_an_empty_element_is_not_a_missing_one(conn, given, run_id):
    """An empty text stays empty, and null stays null."""
    file_id = record_received(conn, given.file(run_id)).file_id

    record_verdict(conn, file_id, given.verdict([], control_number=""), run_id)

    (row,) = _rows(conn, interchange)
    assert (row["control_number"], row["usage_indicator"]) == ("", None)


@pytest.fixture
def four_files(conn, given, run_id):
    """Ids of four files with ISA13 1 (accepted), 2 (rejected), 3 (accepted) and 4 (unchecked)."""
    file_ids = []
    for letter, code in zip("abcd", "ARE?", strict=True):
        number = f"{len(file_ids) + 1:09d}"
        content = {"content": letter, "interchanges": (("CMSFFM", number),)}
        file_ids.append(record_received(conn, given.file(run_id, **content)).file_id)
        if code != "?":
            verdict = given.verdict([], control_number=number, ta1_code=code)
            record_verdict(conn, file_ids[-1], verdict, run_id)
    return file_ids


def _numbers(conn, given, sender, before_file_id, since=None):
    earlier = EarlierFiles(given.partner, before_file_id, since or given.six_o_clock)
    asked = [(sender, f"{n:09d}") for n in range(1, 10)]
    seen = seen_interchange_control_numbers(conn, earlier, asked)
    assert {found for found, _ in seen} <= {sender}
    return sorted(int(number) for _, number in seen)


def test_a_control_number_is_seen_when_an_earlier_file_brought_it(conn, given, four_files):
    """Only earlier files of the same sender count, and no interchange that we rejected.

    The number of a file without a verdict is taken: nobody knows yet what becomes of it.
    """
    last = four_files[-1]
    assert _numbers(conn, given, "CMSFFM", last + 1) == [1, 3, 4]
    assert _numbers(conn, given, "CMSFFM", last) == [1, 3]
    assert _numbers(conn, given, "SOMEBODY", last + 1) == []


def test_a_control_number_comes_again_after_the_counter_began_anew(conn, given, four_files):
    """Behind 999999999 the sender counts from 1 again: files of long ago are forgotten."""
    later = given.six_o_clock + timedelta(days=1)
    assert _numbers(conn, given, "CMSFFM", four_files[-1] + 1, since=later) == []


def test_a_group_number_is_seen_with_its_sender(conn, given, run_id):
    """GS06 counts for each GS02, and not where we rejected the group."""
    file_id = record_received(conn, given.file(run_id)).file_id
    record_verdict(conn, file_id, given.verdict([]), run_id)
    earlier = EarlierFiles(given.partner, file_id + 1, given.six_o_clock)
    asked = [("TX0", "1"), ("TX0", "2"), ("NC0", "1")]

    assert seen_group_control_numbers(conn, earlier, asked) == {("TX0", "1")}
    conn.execute(sa.update(functional_group).values(ack="R"))
    assert seen_group_control_numbers(conn, earlier, asked) == frozenset()
