"""Stored bytes: all of them under their own hash, or none."""

import hashlib
import os
import resource
import subprocess
import sys

import pytest

from schemas.errors import Retryable, Terminal
from schemas.unfinished import hold

CONTENT = b"ISA*00*" + b"x" * 1000


def visible(landing):
    """The files that a reader of the landing zone can see."""
    return [path for path in landing.folder.glob("*/*") if path.parent.name != ".unfinished"]


def unfinished(landing):
    return list((landing.folder / ".unfinished").glob("*"))


def test_content_is_stored_under_its_hash_and_read_back(landing):
    """The storage key is the SHA-256, and nothing else is needed to find the bytes."""
    stored = landing.store([CONTENT[:10], b"", CONTENT[10:]])
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert (stored.sha256, stored.size_bytes) == (sha256, len(CONTENT))
    assert stored.storage_key == f"{sha256[:2]}/{sha256}"
    with landing.open(stored.storage_key) as file:
        assert file.read() == CONTENT
    assert landing.verified_path(stored.storage_key).read_bytes() == CONTENT


def test_equal_content_is_stored_once(landing):
    """The same bytes twice are the same file."""
    assert landing.store([CONTENT]) == landing.store([CONTENT])
    assert len(visible(landing)) == 1
    assert unfinished(landing) == []


def test_empty_content_is_content(landing):
    """A file of no bytes is received like any other; judging it is not the wire's work."""
    with landing.open(landing.store([]).storage_key) as file:
        assert file.read() == b""


@pytest.mark.control("at-rest")
def test_only_the_owner_can_read_what_is_stored(landing):
    """Received files hold protected health information."""
    path = landing.verified_path(landing.store([CONTENT]).storage_key)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert landing.folder.stat().st_mode & 0o077 == 0


@pytest.mark.fault("F3")
def test_broken_source_leaves_nothing(landing):
    """F3: what was written before the source failed is gone, and the failure passes through."""

    def source():
        yield CONTENT
        raise Retryable("cut")

    with pytest.raises(Retryable, match="cut"):
        landing.store(source())
    assert visible(landing) == []
    assert unfinished(landing) == []


@pytest.mark.fault("F8")
def test_full_disk_leaves_nothing_and_names_the_folder(landing):
    """F8: the write fails in the middle; nothing is half visible, and the same call works later."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(Terminal, match="cannot be written") as caught:
            landing.store([bytes(1 << 19)] * 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(landing.folder) in str(caught.value)
    assert visible(landing) == []
    assert unfinished(landing) == []
    assert landing.store([bytes(1 << 19)] * 4).size_bytes == 1 << 21


def test_folder_that_cannot_exist_is_named(landing):
    """A wrong path in the settings is one clear line."""
    landing.folder.write_text("a file, not a folder")
    with pytest.raises(Terminal, match="cannot be written"):
        landing.store([CONTENT])


@pytest.mark.fault("F11")
@pytest.mark.control("integrity")
def test_damaged_content_is_not_used(landing):
    """F11: one flipped bit, and the file is named and not opened."""
    stored = landing.store([CONTENT])
    path = landing.folder / stored.storage_key
    path.write_bytes(CONTENT[:-1] + b"y")
    for use in (landing.open, landing.verified_path):
        with pytest.raises(Terminal, match="damaged") as caught:
            use(stored.storage_key)
        assert stored.storage_key in str(caught.value)


@pytest.mark.fault("F10")
def test_fetching_again_heals_a_damaged_copy(landing):
    """F10: a rename that survived a power cut without its data is put right by the next fetch."""
    stored = landing.store([CONTENT])
    (landing.folder / stored.storage_key).write_bytes(b"")
    with pytest.raises(Terminal, match="damaged"):
        landing.open(stored.storage_key)
    landing.store([CONTENT])
    with landing.open(stored.storage_key) as file:
        assert file.read() == CONTENT


def test_missing_content_is_named(landing):
    """Content that the ledger knows and the disk does not."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(Terminal, match="no such file") as caught:
        landing.open(f"{sha256[:2]}/{sha256}")
    assert sha256 in str(caught.value)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "ab/cd", "aa/" + "b" * 64, "a" * 64])
def test_only_storage_keys_are_opened(landing, key):
    """Nothing that looks like a path leads anywhere."""
    with pytest.raises(Terminal, match="not a storage key"):
        landing.open(key)


def test_leftovers_of_killed_processes_are_discarded(landing):
    """What a process was killed at goes; what is being written stays, as does what is stored."""
    landing.store([CONTENT])
    writing = (
        "import sys; from pathlib import Path; from sftp_inbox.landing import LandingZone;"
        "ask = (print('begun', flush=True) or sys.stdin.readline().encode() for _ in range(1));"
        f"LandingZone(Path({str(landing.folder)!r})).store(ask)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", writing], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"begun\n"
        while_it_lived = landing.discard_unfinished()
        left = len(unfinished(landing))
        process.kill()
        process.wait()

        assert (while_it_lived, left) == (0, 1)
        assert landing.discard_unfinished() == 1
    assert unfinished(landing) == []
    assert len(visible(landing)) == 1


def test_what_is_discarded_before_it_is_held_is_made_again(landing):
    """Another run takes it for abandoned in between: the content is stored all the same."""
    made = []

    def make():
        made.append(landing._new_unfinished())
        if len(made) == 1:
            assert landing.discard_unfinished() == 1
        return made[-1]

    path, held = hold(make)
    os.close(held)
    assert path == made[1]
    assert path.exists()
