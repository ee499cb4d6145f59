"""Key-encryption keys: they wrap the key of each file, and never touch a file's content.

They are in a key file, as they are or wrapped by a program of the installation, which asks a key
management service. A file names the key that wraps its own; a new key is made active beside the
old ones, which stay until no file names them.
"""

import base64
import binascii
import os
import secrets
import stat
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import Retryable, Terminal
from schemas.unfinished import settle_folder

KEY_BYTES = 32
_NONCE_BYTES = 12
_COMMAND_SECONDS_MAX = 60
_READ = "_read"  # which version of the file was read
_HEADING = (
    "# Keys of an edi834 home. Without this file nothing in that home can be read.\n"
    "# Keep a copy apart from the home and from its backups.\n"
)


@dataclass(frozen=True)
class Keyring:
    """The keys of a key file; `command` wraps and unwraps them, where they do not lie open.

    They are read when they are first asked for, and again before anything is wrapped if another
    process has written the file since. Raises Terminal when the file or what is in it is wrong, and
    Retryable when the command fails.
    """

    path: Path
    command: tuple[str, ...] = ()

    @cached_property
    def _content(self) -> dict[str, object]:
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                content = tomllib.loads(file.read().decode("utf-8"))
        except FileNotFoundError:
            raise Terminal(
                f"There is no key file {self.path}. Make one with `edi834 keys new`, or restore it."
            ) from None
        except (OSError, ValueError) as error:
            raise Terminal(
                f"The key file {self.path} cannot be read ({type(error).__name__}). Restore it."
            ) from error
        if not self.command and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Terminal(
                f"Others than its owner may use the key file {self.path}. Set its mode to 0600."
            )
        self.__dict__[_READ] = _version(found)
        return content

    def _read_anew(self) -> None:
        """Forgets what was read, when another process has written the file since."""
        try:
            is_known = self.__dict__.get(_READ) == _version(self.path.stat())
        except OSError:
            is_known = False  # whoever reads it says what is wrong
        if not is_known:
            self._forget()

    def _forget(self) -> None:
        for name in ("_content", "_keys"):
            self.__dict__.pop(name, None)

    @cached_property
    def _keys(self) -> dict[str, bytes]:
        known = self._content.get("keys")
        if not isinstance(known, dict) or self.active not in known:
            raise Terminal(f"The key file {self.path} has no active key. Restore it.")
        return {name: self._key(name, entry) for name, entry in known.items()}

    def _key(self, name: str, entry: object) -> bytes:
        field = "wrapped" if self.command else "secret"
        text = entry.get(field) if isinstance(entry, dict) else None
        key = _decoded(text) if isinstance(text, str) else None
        if key is not None and self.command:
            key = self._asked("unwrap", key)
        if key is None or len(key) != KEY_BYTES:
            raise Terminal(
                f"Key {name} in {self.path} has no {field!r} of {KEY_BYTES} bytes. Restore the "
                "file, or correct the setting encryption.command."
            )
        return key

    @property
    def active(self) -> str:
        """The id of the key that wraps the keys of new files."""
        return str(self._content.get("active"))

    @property
    def ids(self) -> list[str]:
        """The ids of all keys, in their order in the file."""
        return list(self._keys)

    def wrap(self, key: bytes, about: bytes) -> tuple[str, bytes]:
        """The id of the active key, and the key of a file wrapped by it, bound to `about`."""
        self._read_anew()  # by an older key nothing is wrapped any more: it may be forgotten
        nonce = secrets.token_bytes(_NONCE_BYTES)
        wrapped = AESGCM(self._keys[self.active]).encrypt(nonce, key, about)
        return self.active, nonce + wrapped

    def unwrap(self, key_id: str, wrapped: bytes, about: bytes) -> bytes | None:
        """The key of a file; None when the key of that id did not wrap it, or is not there."""
        if key_id not in self._keys:  # another process may have made it since
            self._forget()
        key = self._keys.get(key_id)
        if key is None:
            return None
        try:
            return AESGCM(key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            return None

    def with_new_key(self, day: date) -> "Keyring":
        """The same keys and a new one, which is active, once they are on the disk."""
        self._read_anew()
        name = f"{day:%Y%m%d}-{secrets.token_hex(3)}"
        key = secrets.token_bytes(KEY_BYTES)
        known = self._texts() if self.path.exists() else {}
        self._write(name, known | {name: self._asked("wrap", key) if self.command else key})
        return Keyring(self.path, self.command)

    def without(self, key_id: str) -> "Keyring":
        """The same keys but one. Raises Terminal for the active one, or one that is not there."""
        self._read_anew()
        if key_id == self.active or key_id not in self.ids:
            raise Terminal(f"{key_id} is no key that could be forgotten: it is active, or unknown.")
        left = {name: key for name, key in self._texts().items() if name != key_id}
        self._write(self.active, left)
        return Keyring(self.path, self.command)

    def _texts(self) -> dict[str, bytes]:
        """What the file holds of each key."""
        field = "wrapped" if self.command else "secret"
        known = self._content["keys"]
        assert isinstance(known, dict)
        return {name: base64.b64decode(known[name][field]) for name in self.ids}

    def _write(self, active: str, keys: dict[str, bytes]) -> None:
        field = "wrapped" if self.command else "secret"
        lines = [_HEADING, f'active = "{active}"\n']
        for name, key in keys.items():
            lines.append(f'\n[keys.{name}]\n{field} = "{base64.b64encode(key).decode()}"\n')
        unfinished = self.path.with_name(f".{self.path.name}.writing")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write("".join(lines))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
            settle_folder(self.path.parent)  # before any file is wrapped by a key that it has
        except OSError as error:
            raise Terminal(
                f"The key file {self.path} cannot be written: {error.strerror}. No key was changed."
            ) from error

    def _asked(self, doing: str, key: bytes) -> bytes:
        """What the command makes of a key: base64 in a line, in and out."""
        program = self.command[0]
        try:
            done = subprocess.run(  # noqa: S603 - the installation's own program
                [*self.command, doing],
                input=base64.b64encode(key) + b"\n",
                capture_output=True,
                timeout=_COMMAND_SECONDS_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Retryable(
                f"{program} {doing}: no answer in {_COMMAND_SECONDS_MAX} seconds. Try again."
            ) from None
        except OSError as error:
            raise Terminal(
                f"{program} cannot be started: {error.strerror}. Correct encryption.command."
            ) from error
        if done.returncode:
            raise Retryable(
                f"{program} {doing} ended with code {done.returncode}, so the keys cannot be used. "
                "See whether the key management service answers, and try again."
            )
        answer = _decoded(done.stdout.decode("ascii", "replace"))
        if not answer:
            raise Terminal(
                f"{program} {doing} answered with something else than base64 in a line. Correct it."
            )
        return answer


def _version(found: os.stat_result) -> tuple[int, int, int]:
    """What differs as soon as somebody has written the file."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
