"""Keys: in a file that nobody else may read, or wrapped by a program; changed at any moment."""

import base64
import os
import stat
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from schemas.errors import Retryable, Terminal
from strongroom import head
from strongroom.files import create, read_clear
from strongroom.guards import guard
from strongroom.head import rewrap
from strongroom.keyring import Keyring

DAY = date(2026, 12, 2)
KMS = """
import base64, sys
if len(sys.argv) > 2:
    sys.exit(7)
key = base64.b64decode(sys.stdin.readline())
sys.stdout.write(base64.b64encode(bytes(b ^ 0x5A for b in key)).decode() + "\\n")
"""


@pytest.fixture
def kms(tmp_path):
    """A program that wraps keys, as an installation would have one."""
    path = tmp_path / "kms.py"
    path.write_text(KMS)
    return (sys.executable, str(path))


def stored(folder, content, name="file"):
    with create(folder / name) as file:
        file.write(content)
    return folder / name


def body(path):
    return path.read_bytes()[head.HEAD_BYTES :]


def test_a_key_file_is_its_owners(keys):
    """And is refused once somebody else could read it."""
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    keys.path.chmod(0o640)
    with pytest.raises(Terminal, match="Set its mode to 0600"):
        _ = Keyring(keys.path).ids


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no active key"),
        ('active = "k"', "no active key"),
        ('active = "k"\n[keys.k]\nsecret = "AAAA"', "no 'secret' of 32 bytes"),
        ("active = ", "cannot be read"),
    ],
)
def test_a_key_file_that_is_none_is_refused(tmp_path, content, said):
    """What is wrong, and never what stands there."""
    path = tmp_path / "keys.toml"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Terminal, match=said) as caught:
        _ = Keyring(path).ids
    assert "AAAA" not in str(caught.value)


def test_keys_are_changed_without_rewriting_content(sealed, keys):
    """The file's own key is wrapped anew, in the other place; the old place is wiped."""
    path = stored(sealed, b"content")
    before = body(path)
    newer = keys.with_new_key(DAY)
    guard(sealed, newer)

    assert rewrap(path, newer)
    assert not rewrap(path, newer)
    assert body(path) == before
    assert read_clear(path) == b"content"
    assert keys.active.encode() not in path.read_bytes()
    guard(sealed, newer.without(keys.active))
    assert read_clear(path) == b"content"


def test_a_rotation_that_is_killed_leaves_every_file_readable(sealed, keys, monkeypatch):
    """Before anything, between the two places, and behind them: with both keys it opens."""
    paths = [stored(sealed, b"content", f"file {number}") for number in range(3)]
    newer = keys.with_new_key(DAY)
    guard(sealed, newer)
    put = head._put
    for most, path in enumerate(paths):
        done = []

        def put_most(*about, most=most, done=done):
            if len(done) == most:
                raise KeyboardInterrupt
            done.append(about)
            put(*about)

        monkeypatch.setattr(head, "_put", put_most)
        with suppress(KeyboardInterrupt):
            rewrap(path, newer)
        monkeypatch.setattr(head, "_put", put)
        assert len(done) == most
        assert read_clear(path) == b"content"
        rewrap(path, newer)
        assert read_clear(path) == b"content"
        assert keys.active.encode() not in path.read_bytes()


def test_a_key_of_another_process_is_found(sealed, keys):
    """A console that is open while somebody rotates reads on."""
    held = Keyring(keys.path)
    assert held.ids == [keys.active]
    guard(sealed, keys.with_new_key(DAY))
    path = stored(sealed, b"content")

    guard(sealed, held)
    assert read_clear(path) == b"content"


@pytest.mark.control("at-rest")
def test_nothing_is_wrapped_by_a_key_that_was_forgotten(sealed, keys):
    """A process that has read the file long ago looks whether it has changed since."""
    held = Keyring(keys.path)
    assert held.active == keys.active
    guard(sealed, held)
    keys.with_new_key(DAY).without(keys.active)
    path = stored(sealed, b"content")

    guard(sealed, Keyring(keys.path))
    assert read_clear(path) == b"content"


def test_two_processes_that_make_keys_keep_both(keys):
    """Each reads what the other has written before it writes."""
    one, other = Keyring(keys.path), Keyring(keys.path)
    assert one.ids == other.ids
    made = {keys.active, one.with_new_key(DAY).active, other.with_new_key(DAY).active}
    assert {*Keyring(keys.path).ids} == made
    assert len(made) == 3


def test_a_file_names_its_key_before_it_is_whole(sealed, keys):
    """So it is counted, and wrapped anew, while it is being written."""
    path = sealed / "file"
    with create(path) as file:
        file.write(b"the beginning ")
        newer = keys.with_new_key(DAY)
        assert rewrap(path, newer)
        file.write(b"and the end")
    guard(sealed, newer.without(keys.active))
    assert read_clear(path) == b"the beginning and the end"


def test_the_key_file_is_on_the_disk_before_it_is_used(keys, monkeypatch):
    """Its content, then its name: a power cut may not leave heads that name a key of no file."""
    flushed = []

    def fsync(descriptor):
        flushed.append((Path(f"/proc/self/fd/{descriptor}").readlink(), keys.path.read_text()))

    before = keys.path.read_text()
    monkeypatch.setattr(os, "fsync", fsync)
    keys.with_new_key(DAY)
    (_, then), (folder, after) = flushed
    assert (then, folder) == (before, keys.path.parent)
    assert after == keys.path.read_text() != before


def test_a_program_may_wrap_the_keys(tmp_path, kms):
    """Then the file holds no key as it is, and whoever copies it needs the program, too."""
    keys = Keyring(tmp_path / "keys.toml", kms).with_new_key(DAY)
    folder = tmp_path / "sealed"
    folder.mkdir()
    guard(folder, keys)
    path = stored(folder, b"content")
    guard(folder, Keyring(keys.path, kms))

    assert read_clear(path) == b"content"
    assert "secret" not in keys.path.read_text()
    assert base64.b64encode(keys._keys[keys.active]).decode() not in keys.path.read_text()
    guard(folder, None)


def test_a_program_that_fails_is_tried_again_later(tmp_path, kms):
    """The service may be away; that the program is missing is for a person."""
    path = tmp_path / "keys.toml"
    Keyring(path, kms).with_new_key(DAY)

    with pytest.raises(Retryable, match="unwrap ended with code 7"):
        _ = Keyring(path, (*kms, "away")).ids
    with pytest.raises(Terminal, match="cannot be started"):
        _ = Keyring(path, (str(tmp_path / "none"),)).ids
    with pytest.raises(Terminal, match="something else than base64"):
        _ = Keyring(path, ("/bin/echo",)).ids
