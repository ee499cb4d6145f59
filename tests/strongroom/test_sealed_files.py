"""What lies in a sealed folder: unreadable without its key, and the same bytes with it."""

import hashlib
import mmap
import random
import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parsers.reading import open_received
from reconciliation.snapshots import Snapshot, freeze
from schemas.errors import Terminal
from schemas.partners import load_partner
from sftp_inbox.landing import LandingZone
from simulator.generate import write_enrollment_file
from strongroom.drafts import drafts
from strongroom.files import (
    create,
    first_match,
    move_in,
    open_clear,
    opened,
    read_clear,
    source_of,
)
from strongroom.guards import guard
from strongroom.head import CHUNK_BYTES, HEAD_BYTES
from strongroom.keyring import Keyring
from tests.cases.reading import Tables
from tests.validators.test_several_processes import require_same, write_spoilt
from validators.check import Terms, check_file
from validators.crews import Processes

STEP = CHUNK_BYTES + 16
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5)


def bytes_of(size):
    return random.Random(size).randbytes(size)


def stored(folder, content):
    path = folder / "file"
    with create(path) as file:
        for start in range(0, len(content), 99_991):  # chunks do not begin where writes do
            file.write(content[start : start + 99_991])
    return path


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read(sealed, size):
    """Whole, as slices and as a stream, at and across the borders of chunks."""
    content = bytes_of(size)
    path = stored(sealed, content)

    assert read_clear(path) == content
    with opened(path) as clear, open_clear(path) as stream:
        assert len(clear) == size
        for start in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, size - 1, size):
            assert clear[start : start + 7] == content[start : start + 7]
            stream.seek(max(start, 0))
            assert stream.read(CHUNK_BYTES + 3) == content[max(start, 0) :][: CHUNK_BYTES + 3]
        assert clear[:] == content


@pytest.mark.control("at-rest")
def test_nothing_of_it_stands_on_the_disk(sealed):
    """Neither the content nor, wrapped as it is, its key; and the same content differs."""
    content = b"NM1*IL*1*CANARY" * 100_000
    first, second = stored(sealed, content).read_bytes(), stored(sealed, content).read_bytes()

    assert b"CANARY" not in first
    assert first[HEAD_BYTES:] != second[HEAD_BYTES:]


@pytest.mark.control("integrity")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: (
            raw[: HEAD_BYTES + 5] + bytes([raw[HEAD_BYTES + 5] ^ 1]) + raw[HEAD_BYTES + 6 :]
        ),
        lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
        lambda raw: raw[: HEAD_BYTES + 2 * STEP],  # cut between two chunks
        lambda raw: raw[:-1],
        lambda raw: raw[:HEAD_BYTES],
        lambda raw: raw + raw[-STEP:],
        lambda raw: (
            raw[:HEAD_BYTES]
            + raw[HEAD_BYTES + STEP : HEAD_BYTES + 2 * STEP]
            + raw[HEAD_BYTES : HEAD_BYTES + STEP]
            + raw[HEAD_BYTES + 2 * STEP :]
        ),
        lambda raw: raw[:18] + bytes([raw[18] ^ 1]) + raw[19:],  # what the nonces begin with
        lambda raw: raw[:1024],
    ],
    ids=["bit", "last", "cut", "end", "none", "more", "moved", "prefix", "head"],
)
def test_what_was_changed_is_refused(sealed, spoil):
    """Where it is and what to do, and never a byte of it."""
    path = stored(sealed, bytes_of(3 * CHUNK_BYTES + 5))
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(Terminal, match=r"damaged|sealed by key") as caught:
        read_clear(path)
    assert str(path) in str(caught.value)


def test_chunks_of_another_file_are_refused(sealed):
    """Each file has a key of its own."""
    one, other = (stored(sealed, bytes_of(CHUNK_BYTES * 2 + 1)).read_bytes() for _ in range(2))
    path = sealed / "file"
    path.write_bytes(one[: HEAD_BYTES + STEP] + other[HEAD_BYTES + STEP :])

    with pytest.raises(Terminal, match="is damaged"):
        read_clear(path)


def test_another_key_opens_nothing(sealed, tmp_path):
    """The error names the key that is missing, and the file in which it was looked for."""
    path = stored(sealed, b"content")
    others = Keyring(tmp_path / "others.toml").with_new_key(date(2026, 12, 2))
    guard(sealed, others)

    with pytest.raises(Terminal, match=r"sealed by key 20261201-.*others\.toml does not hold"):
        read_clear(path)


@pytest.mark.control("at-rest")
def test_without_any_key_it_is_said_what_is_missing(sealed):
    """A copied home."""
    path = stored(sealed, b"content")
    guard(sealed, None)

    with pytest.raises(Terminal, match="no key is configured"):
        read_clear(path)


def test_plain_files_are_refused_where_all_is_sealed(sealed, tmp_path):
    """Nobody can slip one in; elsewhere they are somebody's own."""
    (sealed / "file").write_bytes(b"content")
    (tmp_path / "own").write_bytes(b"content")

    with pytest.raises(Terminal, match="encrypt-existing"):
        read_clear(sealed / "file")
    assert read_clear(tmp_path / "own") == b"content"


def test_no_key_is_told_with_a_source(sealed):
    """As an error or a log would tell it."""
    source = source_of(stored(sealed, b"content"))
    assert source.key is not None
    assert repr(source.key) not in repr(source)


def test_a_search_finds_what_lies_across_windows(sealed, monkeypatch):
    """As in one piece, wherever a window ends."""
    monkeypatch.setattr("strongroom.files._WINDOW_BYTES", 1_000)
    content = b"x" * 999 + b"~INS*" + b"x" * 5_000 + b"~INS*"
    path = stored(sealed, content)
    wanted = re.compile(rb"~INS\*")

    with opened(path) as clear:
        assert first_match(wanted, clear) == 999
        assert first_match(wanted, clear, 1_000) == 6_004
        assert first_match(wanted, clear, 1_000, 6_000) is None
        assert clear.rfind(b"~", 0, 6_004) == 999
        assert clear.rfind(b"?", 0, len(clear)) == -1


def test_the_landing_zone_goes_by_the_hash_of_the_clear_content(sealed):
    """So that the same file has one key, sealed or plain; and it is hashed before it is used."""
    landing = LandingZone(sealed)
    kept = landing.store([b"ISA*00*CANARY"])
    path = sealed / kept.storage_key

    assert kept.sha256 == hashlib.sha256(b"ISA*00*CANARY").hexdigest()
    assert b"CANARY" not in path.read_bytes()
    with landing.open(kept.storage_key) as file:
        assert file.read() == b"ISA*00*CANARY"
    other = landing.store([b"ISA*00*ANOTHER"])
    path.write_bytes((sealed / other.storage_key).read_bytes())  # a whole one, of another content
    with pytest.raises(Terminal, match="no longer has that hash"):
        landing.open(kept.storage_key)


def test_a_sealed_file_is_judged_as_a_plain_one(sealed, tmp_path, monkeypatch):
    """By this process, and by others that get nothing but the key of this file."""
    monkeypatch.setattr("validators.crews.WORTH_A_PROCESS_BYTES", 0)
    plain = write_spoilt(tmp_path / "plain.834", 1_500)
    path = stored(sealed, plain.read_bytes())
    results = []
    for one, crew in ((plain, Processes(1)), (path, Processes(1)), (path, Processes(2))):
        tables = Tables()
        results.append((check_file(one, Terms(), tables, crew=crew), tables))

    require_same(*results[:2])
    require_same(*results[::2])
    assert results[0][0].verdict.sha256 == results[1][0].verdict.sha256


def test_a_file_of_any_size_is_read_piece_by_piece(sealed, tmp_path):
    """Interchanges, kind and hash; a plain file stays mapped."""
    plain = tmp_path / "plain.834"
    write_enrollment_file(plain, 300, 7, load_partner("cedar-valley-tx"))
    path = stored(sealed, plain.read_bytes() * 2)

    with open_received(path) as read, open_received(plain) as mapped:
        assert isinstance(mapped.content, mmap.mmap)
        assert read.kind == mapped.kind == "enrollment"
        assert read.interchange_keys == mapped.interchange_keys * 2
        assert read.sha256 == hashlib.sha256(plain.read_bytes() * 2).hexdigest()


def test_a_snapshot_has_the_hash_of_its_clear_bytes(sealed, tmp_path):
    """So that a night that is encrypted compares with one that was not."""
    table = pa.table({"exchange_policy_id": ["P1", "P2"], "canary": ["CANARY", "CANARY"]})
    path, sha256 = freeze(table, sealed, "members")
    plain, same = freeze(table, tmp_path, "members")

    assert sha256 == same
    assert b"CANARY" not in path.read_bytes()
    assert pq.read_table(plain).equals(table)
    snapshot = Snapshot(frozenset(table.column_names), (path,))
    assert (snapshot.rows, snapshot.hashes) == (2, {"members.parquet": sha256})


def test_a_plain_folder_beside_a_sealed_one_stays_plain(sealed, tmp_path):
    """Its drafts lie in it and are moved there, whatever else this process has keys for."""
    plain = tmp_path / "plain"
    plain.mkdir()
    with drafts(beside=plain) as folder:
        assert folder.parent == plain
        (folder / "draft").write_bytes(b"content")
        move_in(folder / "draft", plain / "report")
    memory = Path("/dev/shm")
    with drafts(beside=sealed.parent) as folder:
        assert folder.parent == memory
    with drafts(beside=sealed) as folder:
        assert folder.parent == memory
        (folder / "draft").write_bytes(b"content")
        move_in(folder / "draft", sealed / "report")

    assert (plain / "report").read_bytes() == b"content"
    assert read_clear(sealed / "report") == b"content"
