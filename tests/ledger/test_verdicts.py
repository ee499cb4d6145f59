"""What the ledger keeps of a verdict, and what it can say about numbers it has seen."""

import sqlalchemy as sa

from ledger.files import file_row, record_received
from ledger.verdicts import record_verdict, seen_interchange_control_numbers
from schemas.database import disposition, functional_group, interchange, issue, transaction_set


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


def test_an_unreadable_file_goes_to_quarantine(conn, given, run_id):
    """It has a verdict, but no X12 answer, and never reaches the book."""
    file_id = record_received(conn, given.file(run_id)).file_id

    record_verdict(conn, file_id, given.verdict(file_verdict="unreadable"), run_id)

    assert file_row(conn, file_id).state == "quarantined"


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


def test_a_control_number_is_seen_when_an_earlier_file_brought_it(conn, given, run_id):
    """Only earlier files of the same sender count, and no interchange that we rejected."""
    brought = {"000000001": "A", "000000002": "R", "000000003": "E"}
    for letter, (number, code) in zip("abc", brought.items(), strict=True):
        file_id = record_received(conn, given.file(run_id, content=letter)).file_id
        verdict = given.verdict([], control_number=number, ta1_code=code)
        record_verdict(conn, file_id, verdict, run_id)

    def seen(sender, before):
        return seen_interchange_control_numbers(
            conn, given.partner, sender, [*brought, "000000009"], before
        )

    assert seen("CMSFFM", file_id + 1) == {"000000001", "000000003"}
    assert seen("CMSFFM", file_id) == {"000000001"}
    assert seen("SOMEBODY", file_id + 1) == set()
