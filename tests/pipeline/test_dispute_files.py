"""Each released dispute is told to the exchange in one file, and that file can be had again."""

import hashlib
import threading
import time

import pytest
import sqlalchemy as sa

from ledger import audit
from ledger.corrections import Word
from ledger.dispute_files import Told, hold_disputes, record_dispute_file
from ledger.disputes import list_disputes
from ledger.sign_offs import Signer
from pipeline import disputes
from pipeline.disputes_report import disputes_table
from pipeline.month_disputes import write_again, write_disputes
from schemas.errors import Terminal
from tests.cases.house import opened_house
from tests.pipeline.desk import ANOTHER, HARBOR, LATER, NO_END, NO_RELATION, Desk, rows

ADA, BEN = Signer("Ada", "ada"), Signer("Ben", "ben")
EXPORTS = (
    "SELECT actor, details ->> 'sha256', details -> 'filters' ->> 'file' FROM ledger.audit_entry"
    " WHERE action = 'exported' ORDER BY ordinal"
)
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def desk(tmp_path, engine):
    """Two cases, each with a released dispute."""
    desk = Desk(opened_house(tmp_path, engine))
    desk.night(NO_RELATION, {**NO_RELATION, **ANOTHER})
    release(desk, 1, 2)
    return desk


def release(desk, *case_ids):
    """The exchange is to mend what these cases are about."""
    with desk.house.engine.begin() as conn:
        word = Word("Ada", "ada", "They must send it again.")
        for number in disputes.draft(conn, desk.house, "case", case_ids, word):
            disputes.decide(conn, number, "released", Word("Ben", "ben", "Looked at."))


def told(path):
    """Which disputes a file has."""
    return [line.partition("|")[0] for line in path.read_text().splitlines()[1:]]


def in_files(desk):
    """In which file each dispute is."""
    with desk.house.engine.connect() as conn:
        found = list_disputes(conn)
    return {one["dispute_id"]: one["dispute_file_id"] for one in found}


def test_a_dispute_is_in_one_file_and_the_next_has_what_is_new(desk, tmp_path):
    """Both files are in the trail, which stays whole; a look at disputes names the file."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    assert write_disputes(desk.house, HARBOR, first, ADA).disputes == 2
    assert write_disputes(desk.house, HARBOR, second, ADA) is None
    assert (told(first), second.exists()) == (["dispute 1", "dispute 2"], False)
    desk.night({**NO_RELATION, "9100000001": "9100000003", "0000011111": "0000011113"})
    release(desk, 3)

    written = write_disputes(desk.house, HARBOR, second, BEN)

    assert (written.dispute_file_id, told(second)) == (2, ["dispute 3"])
    assert in_files(desk) == {1: 1, 2: 1, 3: 2}
    hashes = [hashlib.sha256(one.read_bytes()).hexdigest() for one in (first, second)]
    assert rows(desk, EXPORTS) == [("Ada", hashes[0], "1"), ("Ben", hashes[1], "2")]
    with desk.house.engine.connect() as conn:
        assert "released, in file 2" in list(disputes_table(list_disputes(conn)).columns[4].cells)
        assert audit.verify(audit.entries(conn)).fault is None


@pytest.mark.parametrize("is_told", [True, False])
def test_a_dispute_is_of_one_transaction(desk, tmp_path, is_told):
    """An end falls by what was disputed of an enrollment: it is open, and told by its own one."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    if is_told:
        write_disputes(desk.house, HARBOR, first, ADA)
    desk.night(NO_END, base="ffe-termination")
    states = [desk.read(number).row["state"] for number in (1, 2)]
    assert states == ["reopened", "waiting_for_exchange"]
    assert desk.events()[-1] == "found again"
    release(desk, 1)
    desk.night({**NO_END, **LATER}, base="ffe-termination")

    write_disputes(desk.house, HARBOR, second, ADA)

    assert told(second) == (["dispute 3"] if is_told else ["dispute 2", "dispute 3"])
    assert in_files(desk)[1] == (1 if is_told else None)
    with desk.house.engine.connect() as conn:
        told_of = {one["dispute_id"]: one["file_id"] for one in list_disputes(conn)}
    assert told_of[3] == desk.nights.file_ids[2]


def test_a_draft_about_another_transaction_is_not_released(desk):
    """The enrollment was disputed and not decided: it is dropped, and the end is disputed anew."""
    desk.night({**NO_RELATION, "9100000001": "9100000003", "0000011111": "0000011113"})
    word = Word("Ada", "ada", "They must send it again.")
    with desk.house.engine.begin() as conn:
        (number,) = disputes.draft(conn, desk.house, "case", [3], word)
    desk.night({**NO_END, "9100000001": "9100000003"}, base="ffe-termination")
    with (
        pytest.raises(Terminal, match="or another transaction has fallen by it"),
        desk.house.engine.begin() as conn,
    ):
        disputes.decide(conn, number, "released", Word("Ben", "ben", "Looked at."))
    with desk.house.engine.begin() as conn:
        disputes.decide(conn, number, "dropped", word)
    release(desk, 3)


def test_a_file_that_could_not_be_written_is_had_by_its_number(desk, tmp_path):
    """It is recorded: nothing of it goes in another one, and its bytes are the recorded ones."""
    folder = tmp_path / "disputes.txt"
    folder.mkdir()
    with pytest.raises(Terminal, match=r"recorded as file 1; `edi834 month disputes --again 1"):
        write_disputes(desk.house, HARBOR, folder, ADA)
    path = tmp_path / "again.txt"
    assert write_disputes(desk.house, HARBOR, path, ADA) is None

    desk.night({}, ANOTHER)
    file = write_again(desk.house, 1, path, BEN)

    assert told(path) == ["dispute 1", "dispute 2"], "what is over after it was told stays told"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert rows(desk, EXPORTS) == [("Ada", file.sha256, "1"), ("Ben", file.sha256, "1")]


def test_a_file_that_would_have_other_bytes_is_not_written(desk, tmp_path):
    """What was told is what was recorded, or nothing."""
    write_disputes(desk.house, HARBOR, tmp_path / "first.txt", ADA)
    with desk.house.engine.begin() as conn:
        conn.execute(sa.text("UPDATE ledger.dispute SET dollars = dollars + 1"))
    path = tmp_path / "again.txt"
    with pytest.raises(Terminal, match="its bytes would have another hash"):
        write_again(desk.house, 1, path, ADA)
    with pytest.raises(Terminal, match="There is no file 1 of disputes of cedar-valley-tx"):
        write_again(desk.house, 1, path, ADA, "cedar-valley-tx")
    assert not path.exists()
    assert len(rows(desk, EXPORTS)) == 1


def test_of_two_files_at_once_each_dispute_is_in_one(desk, tmp_path):
    """The second one waits until the first is recorded, and has the rest."""
    path, written = tmp_path / "second.txt", []
    other = threading.Thread(
        target=lambda: written.append(write_disputes(desk.house, HARBOR, path, BEN))
    )
    with desk.house.engine.begin() as conn:
        hold_disputes(conn, HARBOR)
        other.start()
        while other.is_alive() and not rows(desk, WAITING)[0][0]:
            time.sleep(0.01)
        record_dispute_file(conn, HARBOR, "0" * 64, 10, Told([], [1]), ADA)
    other.join()

    assert written[0].disputes == 1
    assert told(path) == ["dispute 2"]
    assert in_files(desk) == {1: 1, 2: 2}
