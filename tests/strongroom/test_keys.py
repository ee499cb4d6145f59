"""Keys: in a file that nobody else may read, or wrapped by a program; changed at any moment."""

import base64
import stat
import sys
from contextlib import suppress
from datetime import date

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
    newer = keys.with_new_key(DAY)
    put = head._put
    for most in range(3):
        guard(sealed, keys)
        path = stored(sealed, b"content")
        guard(sealed, newer)
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
