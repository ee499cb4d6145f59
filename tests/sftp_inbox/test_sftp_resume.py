"""F3: large files over lines that are cut: what has come is not fetched again, and never mixed."""

import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from schemas.errors import Retryable
from sftp_inbox.begun import KEPT_FROM_BYTES, Begun
from sftp_inbox.client import connect
from sftp_inbox.landing import BEGUN, LandingZone
from sftp_inbox.listing import Waiting
from sftp_inbox.receive import Fetched, fetch
from strongroom.guards import guard
from strongroom.keyring import Keyring

NAME = "OPR.007654321T.I834.D260105.T060000000.P"
SIZE = 3 * KEPT_FROM_BYTES
REST = SIZE // 2  # what is fetched in a second attempt is less than that
MTIME = 1_767_600_000


def put(exchange, content, name=NAME):
    path = exchange.outbox / name
    path.write_bytes(content)
    os.utime(path, (MTIME, MTIME))
    modified = datetime.fromtimestamp(MTIME, UTC)
    return Waiting("harbor-light-nc", name, f"outbox/{name}".encode(), len(content), modified)


@pytest.fixture(scope="module")
def content():
    return random.Random(834).randbytes(SIZE)


@pytest.fixture
def cut_once(start_sshd, landing, cut_line, content):
    """An exchange with a large file of which two thirds have come before the line was cut."""
    exchange = start_sshd()
    waiting = put(exchange, content)
    attempt(exchange, waiting, landing, cut_line, 2 * KEPT_FROM_BYTES + 2_000_000)
    return exchange, waiting


def attempt(exchange, waiting, landing, cut_line, limit):
    """A fetch over a line that is cut after so many bytes."""
    with (
        cut_line(exchange.mailbox, from_server=limit) as mailbox,
        connect(mailbox) as client,
        pytest.raises(Retryable),
    ):
        fetch(client, waiting, landing)


def received(landing):
    """What a reader of the landing zone sees."""
    return [
        path
        for path in landing.folder.rglob("*")
        if path.is_file() and BEGUN not in path.relative_to(landing.folder).parts
    ]


def kept(landing):
    return [path for path in (landing.folder / BEGUN).rglob("*") if path.is_file()]


@pytest.mark.fault("F3")
def test_a_cut_download_goes_on_where_it_stopped(cut_once, landing, cut_line, content):
    """The second line carries less than the file, and is enough."""
    exchange, waiting = cut_once
    assert received(landing) == []
    with cut_line(exchange.mailbox, from_server=REST) as mailbox, connect(mailbox) as client:
        fetched = fetch(client, waiting, landing)

    assert isinstance(fetched, Fetched)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content
    assert received(landing) == [landing.folder / fetched.storage_key]
    assert kept(landing) == []


def test_a_line_that_is_cut_again_and_again_brings_the_file_in_the_end(
    start_sshd, landing, cut_line, content
):
    """Each attempt adds to the one before it, and one temporary is all that lies there."""
    exchange = start_sshd()
    waiting = put(exchange, content)
    for _ in range(2):
        attempt(exchange, waiting, landing, cut_line, KEPT_FROM_BYTES + 3_000_000)
        assert received(landing) == []
        assert len(kept(landing)) == 2  # the bytes, and the note of whose they are
    with cut_line(exchange.mailbox, from_server=REST) as mailbox, connect(mailbox) as client:
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content


@pytest.mark.fault("F5")
@pytest.mark.parametrize("later", [0, 1])
def test_a_file_that_was_replaced_meanwhile_is_fetched_from_its_beginning(
    cut_once, landing, content, later
):
    """Another size or another time: nothing of the old one is in the new one."""
    exchange, waiting = cut_once
    other = bytes(len(content) + 1 - later)
    waiting = put(exchange, other)
    os.utime(exchange.outbox / NAME, (MTIME + later, MTIME + later))
    waiting = replace(waiting, modified_at=datetime.fromtimestamp(MTIME + later, UTC))
    with connect(exchange.mailbox) as client:
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == other


def test_a_file_that_changes_after_the_cut_leaves_nothing(cut_once, landing):
    """The listing was of the old one: neither is stored, and what had come of it is discarded."""
    exchange, waiting = cut_once
    put(exchange, b"ISA*")
    with connect(exchange.mailbox) as client, pytest.raises(Retryable, match="changed while"):
        fetch(client, waiting, landing)
    assert received(landing) == []
    assert kept(landing) == []


@pytest.mark.fault("F11")
def test_what_has_come_is_hashed_before_it_is_used(cut_once, landing, content):
    """F11: a bit flips in it meanwhile: the file comes whole and right all the same."""
    exchange, waiting = cut_once
    [path] = [path for path in kept(landing) if path.suffix == ""]
    damaged = bytearray(path.read_bytes())
    damaged[100] ^= 1
    path.write_bytes(damaged)
    with connect(exchange.mailbox) as client:
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content
    assert kept(landing) == []


def test_what_came_of_a_file_that_waits_no_more_is_removed(cut_once, landing):
    """Only what the outbox has still, and as it was, is worth its space."""
    _, waiting = cut_once
    begun = Begun.of(landing, waiting.partner_id)
    before = kept(landing)
    begun.forget_all_but([waiting])
    assert kept(landing) == before != []
    begun.forget_all_but([replace(waiting, size_bytes=1)])
    assert kept(landing) == []


@pytest.mark.parametrize("left", ["", "\0" * 67, "ab/abcd"])
def test_a_note_that_a_power_cut_has_left_stops_nobody(cut_once, landing, content, left):
    """It is none: nothing of what it told is kept, and the file is fetched from its beginning."""
    exchange, waiting = cut_once
    [note] = [path for path in kept(landing) if path.suffix == ".note"]
    note.write_text(left)
    note.with_suffix(".new").write_text("")
    Begun.of(landing, waiting.partner_id).forget_all_but([waiting])
    assert kept(landing) == []
    note.write_text(left)
    with connect(exchange.mailbox) as client:
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content


def test_two_partners_with_a_file_of_one_name_share_nothing(cut_once, landing, content):
    """What has come for one is no part of the other's file, whatever its name, size and time."""
    exchange, waiting = cut_once
    other = bytes(SIZE)
    put(exchange, other)
    with connect(exchange.mailbox) as client:
        fetched = fetch(client, replace(waiting, partner_id="cedar-valley-tx"), landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == other
    assert kept(landing) != []


@pytest.mark.control("at-rest")
def test_what_has_come_is_sealed_like_all_else(start_sshd, tmp_path, cut_line, content):
    """In a home with a key: no clear byte of it on the disk, and it goes on where it stopped."""
    home = tmp_path / "home"
    home.mkdir()
    guard(home, Keyring(tmp_path / "keys.toml").with_new_key(date(2026, 12, 1)))
    sealed = LandingZone(home / "landing")
    try:
        exchange = start_sshd()
        waiting = put(exchange, content)
        attempt(exchange, waiting, sealed, cut_line, 2 * KEPT_FROM_BYTES + 2_000_000)
        assert content[:64] not in b"".join(path.read_bytes() for path in kept(sealed))
        with cut_line(exchange.mailbox, from_server=REST) as mailbox, connect(mailbox) as client:
            fetched = fetch(client, waiting, sealed)
        with sealed.open(fetched.storage_key) as stored:
            assert stored.read() == content
        assert kept(sealed) == []
    finally:
        guard(home, None)


def edges(size_bytes, step):
    """Bytes of the connection at which it is cut: the borders of blocks, and beside them."""
    return [at + by for at in range(step, size_bytes + 8_000, step) for by in (-1, 0, 1)]


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    "step",
    [pytest.param(4_096, marks=pytest.mark.soak), 131_072],
)
def test_wherever_the_line_is_cut_nothing_half_is_received(start_sshd, landing, cut_line, step):
    """At every border of a block of the connection: no file, or the whole one."""
    exchange = start_sshd()
    content = random.Random(3).randbytes(400_000)
    waiting = put(exchange, content)
    for at in edges(len(content), step):
        with cut_line(exchange.mailbox, from_server=at) as mailbox:
            try:
                with connect(mailbox) as client:
                    fetched = fetch(client, waiting, landing)
            except Retryable:
                assert received(landing) == []
                continue
        assert landing.verified_path(fetched.storage_key).read_bytes() == content
        (landing.folder / fetched.storage_key).unlink()
    with connect(exchange.mailbox) as client:
        assert fetch(client, waiting, landing).size_bytes == len(content)
