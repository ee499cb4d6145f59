"""What came in equals what is accounted for, and what is lost shows."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger.answers import set_answer_file
from ledger.balance import BALANCE, balance
from ledger.files import record_received
from ledger.runs import open_run
from ledger.verdicts import record_verdict
from schemas.database import disposition, file
from schemas.verdict import Quarantine

ACCEPTED, REJECTED, PENDING = ("accepted", None), ("rejected", "a-rule"), ("pending", "unknown")


@pytest.fixture
def receives(conn, given):
    """Records a file with a verdict and, if it was readable, marks it as applied to the book."""
    letters = iter("abcdef")

    def receive(run_id, *sets, **more):
        file_id = record_received(conn, given.file(run_id, content=next(letters))).file_id
        verdict = given.verdict(*sets, **more)
        record_verdict(conn, file_id, verdict, run_id)
        conn.execute(
            sa.update(file)
            .where(file.c.file_id == file_id, file.c.state == "checked")
            .values(state="applied")
        )
        return file_id

    return receive


def _counts(conn, run_id):
    columns = ("received", "accepted", "rejected", "held", "pending")
    return {
        row["level"]: tuple(row[column] for column in columns)
        for row in balance(conn, run_id).to_pylist()
    }


def _is_balanced(counts):
    return all(received == sum(parts) for received, *parts in counts.values())


def test_a_night_balances_at_every_level(conn, given, run_id, receives):
    """Files, transaction sets and members in are accepted, rejected or pending."""
    receives(run_id, [ACCEPTED] * 3, [REJECTED] * 2, [PENDING])
    receives(run_id, [REJECTED], file_verdict="rejected")
    empty = Quarantine("file-empty", is_answered=False)
    receives(run_id, file_verdict="unreadable", quarantine=empty)
    answer = record_received(conn, given.file(run_id, name="TA1", kind="acknowledgement",
                                              content="e")).file_id  # fmt: skip
    set_answer_file(conn, answer)

    counts = _counts(conn, run_id)

    assert balance(conn, run_id).schema.equals(BALANCE)
    assert counts == {
        "files": (4, 2, 1, 0, 1),
        "transaction sets": (4, 1, 2, 0, 1),
        "members": (7, 3, 3, 0, 1),
    }
    assert _is_balanced(counts)


def test_a_duplicate_file_is_rejected(conn, given, run_id, receives):
    """The second copy counts as received and as rejected."""
    receives(run_id, [ACCEPTED])
    copy = record_received(conn, given.file(run_id, name="COPY", content="a")).file_id
    verdict = given.verdict([REJECTED], ta1_code="R", file_verdict="rejected")
    record_verdict(conn, copy, verdict, run_id)

    assert _counts(conn, run_id) == {
        "files": (2, 1, 1, 0, 0),
        "transaction sets": (2, 1, 1, 0, 0),
        "members": (2, 1, 1, 0, 0),
    }


def test_what_is_not_yet_in_the_book_is_pending(conn, given, run_id):
    """Accepted members count as accepted only when their file has been applied."""
    file_id = record_received(conn, given.file(run_id)).file_id
    record_verdict(conn, file_id, given.verdict([ACCEPTED] * 2), run_id)

    assert _counts(conn, run_id) == {
        "files": (1, 0, 0, 0, 1),
        "transaction sets": (1, 0, 0, 0, 1),
        "members": (2, 0, 0, 0, 2),
    }


def test_a_lost_member_shows(conn, run_id, receives):
    """A member without a disposition is received and nowhere accounted for."""
    file_id = receives(run_id, [ACCEPTED] * 2, [ACCEPTED])
    conn.execute(
        sa.delete(disposition).where(
            disposition.c.file_id == file_id, disposition.c.member_ordinal == 3
        )
    )

    counts = _counts(conn, run_id)

    assert counts["members"] == (3, 2, 0, 0, 0)
    assert counts["transaction sets"] == (2, 1, 0, 0, 0)
    assert not _is_balanced(counts)


def test_a_member_of_a_former_night_does_not_disturb_tonight(conn, given, run_id, receives):
    """What waited goes from pending to accepted in its own night; both nights balance."""
    file_id = receives(run_id, [PENDING], [ACCEPTED])
    assert _counts(conn, run_id)["members"] == (2, 1, 0, 0, 1)
    tonight = open_run(conn, given.six_o_clock + timedelta(days=1))
    receives(tonight, [ACCEPTED] * 3)

    conn.execute(
        sa.update(disposition)
        .where(disposition.c.file_id == file_id, disposition.c.state == "pending")
        .values(state="accepted", reason=None, decided_in_run=tonight)
    )

    assert _counts(conn, run_id)["members"] == (2, 2, 0, 0, 0)
    assert _counts(conn, tonight)["members"] == (3, 3, 0, 0, 0)


def test_a_quarantined_file_is_an_open_item(conn, given, run_id, receives):
    """It was received, so it must be accounted for until a person decides."""
    why = Quarantine("sender-unknown", is_answered=False)
    receives(run_id, [REJECTED], file_verdict="rejected", quarantine=why)

    assert _counts(conn, run_id) == {
        "files": (1, 0, 0, 0, 1),
        "transaction sets": (1, 0, 1, 0, 0),
        "members": (1, 0, 1, 0, 0),
    }


def test_a_night_without_files_has_no_rows(conn, run_id):
    """Nothing came in, nothing is accounted for."""
    assert balance(conn, run_id).num_rows == 0
