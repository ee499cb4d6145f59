"""Files of the exchange's outbox: taken whole and unchanged, or not at all."""

import hashlib
import os
import random
import resource
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime

import asyncssh
import pytest

from schemas.errors import Retryable, Terminal
from sftp_inbox.client import connect
from sftp_inbox.landing import LandingZone
from sftp_inbox.listing import Refused, Waiting, list_waiting
from sftp_inbox.receive import Fetched, fetch, remove

NAME = "OPR.007654321T.I834.D260105.T060000000.P"
SETTLE = 0.02  # seconds; here nobody writes unless a test says so


def content_of(size_bytes):
    return random.Random(size_bytes).randbytes(size_bytes)


def put(exchange, name, content=b"ISA*"):
    (exchange.outbox / name).write_bytes(content)
    return waiting_of(exchange, name, len(content))


def waiting_of(exchange, name, size_bytes):
    """The row that a listing would have for that file."""
    modified = int((exchange.outbox / name).stat().st_mtime)
    path = f"outbox/{name}".encode()
    partner = exchange.mailbox.partner_id
    return Waiting(partner, name, path, size_bytes, datetime.fromtimestamp(modified, UTC))


def stored_files(landing):
    return [path for path in landing.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size_bytes", [0, 1, 32768, 32769, 5_000_001])
def test_file_is_fetched_byte_for_byte(exchange, landing, size_bytes):
    """What lies in the landing zone is what lay in the outbox, and the ledger gets its hash."""
    content = content_of(size_bytes)
    put(exchange, NAME, content)
    with connect(exchange.mailbox) as client:
        [waiting] = list_waiting(client, exchange.mailbox, SETTLE).waiting
        fetched = fetch(client, waiting, landing)
    assert isinstance(fetched, Fetched)
    assert (fetched.name, fetched.size_bytes) == (NAME, size_bytes)
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    modified = int((exchange.outbox / NAME).stat().st_mtime)
    assert fetched.modified_at == datetime.fromtimestamp(modified, UTC)
    with landing.open(fetched.storage_key) as file:
        assert file.read() == content
    assert len(stored_files(landing)) == 1


def test_only_finished_files_are_listed(exchange):
    """Temporary names, folders and links are no deliveries."""
    for name in ("b.P", "a.P", "c.P.part", "d.P.TMP", ".hidden"):
        put(exchange, name)
    (exchange.outbox / "folder").mkdir()
    (exchange.outbox / "link.P").symlink_to("a.P")
    with connect(exchange.mailbox) as client:
        listing = list_waiting(client, exchange.mailbox, SETTLE)
    assert [waiting.name for waiting in listing.waiting] == ["a.P", "b.P"]
    assert (listing.growing, listing.refused) == ((), ())


@pytest.mark.fault("F4")
def test_growing_file_is_left_for_the_next_listing(exchange):
    """F4: a file that changes between two looks is still being written."""
    put(exchange, "done.P")
    put(exchange, "growing.P")

    def write_on():
        (exchange.outbox / "growing.P").write_bytes(b"ISA*00*")
        (exchange.outbox / "late.P").write_bytes(b"ISA*")

    writer = threading.Timer(0.4, write_on)
    with connect(exchange.mailbox) as client:
        writer.start()
        listing = list_waiting(client, exchange.mailbox, 1.5)
    writer.join()
    assert [waiting.name for waiting in listing.waiting] == ["done.P"]
    assert listing.growing == ("growing.P", "late.P")


def test_missing_outbox_needs_a_person(exchange):
    """A wrong folder name is a wrong setting."""
    mailbox = replace(exchange.mailbox, outbox="outgoing")
    with connect(mailbox) as client, pytest.raises(Terminal, match="no folder outgoing"):
        list_waiting(client, mailbox, SETTLE)


HOSTILE = {
    b"new\nline.P": "new\\nline.P",
    b"$(reboot);`id`|&.P": "$(reboot);`id`|&.P",
    b"-rf": "-rf",
    b"caf\xe9.P": "caf\\xe9.P",
    b"\xe2\x80\xaeP.834": "\\u202eP.834",
    b"\x1b[2J.P": "\\x1b[2J.P",
    b"n" * 250: "n" * 250,
}


@pytest.mark.control("malicious-code")
@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_only_data(exchange, landing, raw):
    """Input 89: any name that a server can hold is fetched, shown safely, and names no path."""
    (exchange.outbox / os.fsdecode(raw)).write_bytes(b"ISA*")
    with connect(exchange.mailbox) as client:
        [waiting] = list_waiting(client, exchange.mailbox, SETTLE).waiting
        fetched = fetch(client, waiting, landing)
        assert remove(client, waiting).removed
    assert fetched.name == HOSTILE[raw]
    [path] = stored_files(landing)
    assert path == landing.folder / fetched.storage_key
    assert list(exchange.outbox.iterdir()) == []


@pytest.mark.control("malicious-code")
def test_name_that_leads_out_of_the_outbox_is_refused(start_asyncssh):
    """Input 87: only a hostile server sends such a name, and it gets neither fetch nor removal."""

    class Hostile(asyncssh.SFTPServer):
        async def scandir(self, path):
            for name in (b"../inbox/x.P", b"/etc/passwd", b"nul\0.P"):
                attributes = asyncssh.SFTPAttrs(size=4, permissions=0o100644, mtime=0, atime=0)
                yield asyncssh.SFTPName(name, attrs=attributes)

    exchange = start_asyncssh(Hostile)
    with connect(exchange.mailbox) as client:
        listing = list_waiting(client, exchange.mailbox, SETTLE)
    assert listing.waiting == ()
    assert {refused.name for refused in listing.refused} == {
        "../inbox/x.P",
        "/etc/passwd",
        "nul\\x00.P",
    }


@pytest.mark.control("malicious-code")
def test_file_above_the_cap_is_refused_and_others_go_on(exchange, landing):
    """Input 88: too large is a row; it is not read, and it stops nobody else."""
    put(exchange, "large.P", bytes(1001))
    put(exchange, "small.P", bytes(1000))
    with connect(exchange.mailbox) as client:
        listing = list_waiting(client, exchange.mailbox, SETTLE)
        large, small = (fetch(client, each, landing, 1000) for each in listing.waiting)
    assert isinstance(large, Refused)
    assert "1001 bytes" in large.reason
    assert isinstance(small, Fetched)
    assert len(stored_files(landing)) == 1


def test_unreadable_file_is_refused(start_asyncssh, landing):
    """A file that the server does not give us is a row with the reason."""

    class Closed(asyncssh.SFTPServer):
        def open(self, path, pflags, attrs):
            raise asyncssh.SFTPPermissionDenied("no")

    exchange = start_asyncssh(Closed)
    waiting = put(exchange, NAME)
    with connect(exchange.mailbox) as client:
        refused = fetch(client, waiting, landing)
    assert isinstance(refused, Refused)
    assert "permission" in refused.reason
    assert stored_files(landing) == []


def replace_file(path):
    path.with_suffix(".new").write_bytes(bytes(path.stat().st_size))
    os.utime(path.with_suffix(".new"), (0, 0))
    path.with_suffix(".new").rename(path)


def truncate_file(path):
    os.truncate(path, 40_000)


def append_to_file(path):
    with path.open("ab") as file:
        file.write(b"more")


def delete_file(path):
    path.unlink()


@pytest.mark.fault("F4", "F5")
@pytest.mark.parametrize("change", [replace_file, truncate_file, append_to_file, delete_file])
def test_file_that_changes_during_the_fetch_is_not_stored(start_asyncssh, landing, change):
    """F5: a mixture of two versions never becomes visible; the next listing decides."""
    changed = []

    class Changing(asyncssh.SFTPServer):
        def read(self, file_obj, offset, size):
            if not changed:
                changed.append(path)
                change(path)
            return super().read(file_obj, offset, size)

    exchange = start_asyncssh(Changing)
    path = exchange.outbox / NAME
    waiting = put(exchange, NAME, content_of(500_000))
    with connect(exchange.mailbox) as client, pytest.raises(Retryable, match="changed while"):
        fetch(client, waiting, landing)
    assert changed
    assert stored_files(landing) == []


@pytest.mark.fault("F5")
@pytest.mark.parametrize("change", [replace_file, truncate_file, append_to_file, delete_file])
def test_file_that_changed_since_the_listing_is_neither_fetched_nor_removed(
    exchange, landing, change
):
    """F5: what we act on is what we listed."""
    waiting = put(exchange, NAME, content_of(50_000))
    change(exchange.outbox / NAME)
    left = list(exchange.outbox.iterdir())
    with connect(exchange.mailbox) as client:
        with pytest.raises(Retryable, match="changed while"):
            fetch(client, waiting, landing)
        removal = remove(client, waiting)
    assert removal.removed is (left == [])
    assert list(exchange.outbox.iterdir()) == left
    assert stored_files(landing) == []


@pytest.mark.fault("F5")
def test_changed_file_is_not_read_at_all(start_asyncssh, landing):
    """F5: a large file that is no longer the listed one costs no transfer."""
    reads = []

    class Watched(asyncssh.SFTPServer):
        def read(self, file_obj, offset, size):
            reads.append(offset)
            return super().read(file_obj, offset, size)

    exchange = start_asyncssh(Watched)
    waiting = put(exchange, NAME, content_of(50_000))
    with connect(exchange.mailbox) as client:
        fetch(client, waiting, landing)
        assert reads
        reads.clear()
        append_to_file(exchange.outbox / NAME)
        with pytest.raises(Retryable, match="changed while"):
            fetch(client, waiting, landing)
    assert reads == []


@pytest.mark.fault("F3")
def test_server_that_ends_a_file_early_is_not_believed(start_asyncssh, landing):
    """The size in the listing and the bytes that arrive have to agree."""

    class Short(asyncssh.SFTPServer):
        def read(self, file_obj, offset, size):
            return super().read(file_obj, offset, size) if offset < 65536 else b""

    exchange = start_asyncssh(Short)
    waiting = put(exchange, NAME, content_of(500_000))
    with connect(exchange.mailbox) as client, pytest.raises(Retryable, match="changed while"):
        fetch(client, waiting, landing)
    assert stored_files(landing) == []


def test_cut_line_prints_nothing_from_the_thread_that_reads_ahead(
    start_sshd, landing, cut_line, monkeypatch
):
    """The one message is the exception: paramiko's own thread ends in silence."""
    printed = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    exchange = start_sshd()
    put(exchange, NAME)
    os.truncate(exchange.outbox / NAME, 200_000_000)
    waiting = waiting_of(exchange, NAME, 200_000_000)
    with (
        cut_line(exchange.mailbox, to_server=20_000) as mailbox,
        connect(mailbox) as client,
        pytest.raises(Retryable),
    ):
        fetch(client, waiting, landing)
    for thread in threading.enumerate():
        if "_prefetch_thread" in thread.name:
            thread.join()
    assert printed == []


@pytest.mark.fault("F3")
@pytest.mark.parametrize("cut_at", [10_000, 100_000, 1_000_000, 1_999_000])
def test_line_cut_during_the_fetch_leaves_nothing(start_sshd, landing, cut_line, cut_at, capfd):
    """F3: nothing is visible, nobody sees a traceback, and the next attempt gets the whole file."""
    exchange = start_sshd()
    content = content_of(2_000_000)
    waiting = put(exchange, NAME, content)
    with (
        cut_line(exchange.mailbox, from_server=cut_at) as mailbox,
        connect(mailbox) as client,
        pytest.raises(Retryable, match=f"fetching {NAME}") as caught,
    ):
        fetch(client, waiting, landing)
    assert "\n" not in str(caught.value)
    assert stored_files(landing) == []
    assert "Traceback" not in capfd.readouterr().err
    with connect(exchange.mailbox) as client:
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content


def test_same_file_again_has_the_same_key(exchange, landing):
    """F6: content that came before is recognised by its hash, whatever its name."""
    with connect(exchange.mailbox) as client:
        first = fetch(client, put(exchange, "first.P"), landing)
        second = fetch(client, put(exchange, "second.P"), landing)
    assert first.storage_key == second.storage_key
    assert len(stored_files(landing)) == 1


def test_fetched_file_is_removed_from_the_outbox(exchange, landing):
    """After the safe store the outbox is empty; removing twice is no failure."""
    waiting = put(exchange, NAME)
    with connect(exchange.mailbox) as client:
        fetch(client, waiting, landing)
        assert remove(client, waiting).removed
        assert not (exchange.outbox / NAME).exists()
        assert remove(client, waiting).removed


@pytest.mark.fault("F7")
def test_refused_removal_is_reported(start_asyncssh):
    """F7: a mailbox that does not let us delete costs a line in the report, not the night."""

    class Keeping(asyncssh.SFTPServer):
        def remove(self, path):
            raise asyncssh.SFTPPermissionDenied("no")

    exchange = start_asyncssh(Keeping)
    waiting = put(exchange, NAME)
    with connect(exchange.mailbox) as client:
        removal = remove(client, waiting)
    assert not removal.removed
    assert removal.reason
    assert (exchange.outbox / NAME).exists()


@pytest.mark.fault("F7")
def test_removal_over_a_cut_line_is_reported(exchange):
    """F7: the wire may fail here too; the next night recognises the file by its hash."""
    waiting = put(exchange, NAME)
    with connect(exchange.mailbox) as client:
        pass
    removal = remove(client, waiting)
    assert not removal.removed
    assert removal.reason


@pytest.mark.fault("F8")
def test_our_disk_is_full_during_the_fetch(start_sshd, landing):
    """F8: nothing half is visible, the file stays at the exchange, and the next attempt gets it."""
    exchange = start_sshd()
    content = content_of(2_000_000)
    waiting = put(exchange, NAME, content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with connect(exchange.mailbox) as client:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        try:
            with pytest.raises(Terminal, match="cannot be written"):
                fetch(client, waiting, landing)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert stored_files(landing) == []
        assert (exchange.outbox / NAME).read_bytes() == content
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content


@pytest.fixture
def small_disk(tmp_path):
    """A file system of eight megabytes, where this machine lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system of a test's own here: it takes root and mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.fault("F8")
def test_a_disk_that_is_really_full(start_sshd, small_disk):
    """F8: the kernel says so, at the write or when all is put on the disk; space again, and on."""
    exchange = start_sshd()
    content = content_of(6_000_000)
    waiting = put(exchange, NAME, content)
    landing = LandingZone(small_disk / "landing")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4_000_000))
    with connect(exchange.mailbox) as client:
        with pytest.raises(Terminal, match="no space left"):
            fetch(client, waiting, landing)
        assert stored_files(landing) == []
        ballast.unlink()
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content


def test_a_server_that_gives_less_than_it_was_asked_for(start_asyncssh, landing):
    """Short answers in the middle of a large file are no end of it."""

    class Sparing(asyncssh.SFTPServer):
        def read(self, file_obj, offset, size):
            return super().read(file_obj, offset, max(1, size * 2 // 3))

    exchange = start_asyncssh(Sparing)
    content = content_of(6_000_001)
    waiting = put(exchange, NAME, content)
    with connect(exchange.mailbox) as client:
        fetched = fetch(client, waiting, landing)
    assert landing.verified_path(fetched.storage_key).read_bytes() == content
