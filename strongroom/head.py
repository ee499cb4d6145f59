"""The head of a sealed file: what it is, and its own key, wrapped.

A wrapped key stands in one of two places. Whoever wraps it anew writes into the other one, and only
then wipes the first: whenever that is interrupted, one of both holds. The content is not touched.

    0     16  "edi834 sealed 1", line feed
    16     7  what the nonces of all chunks begin with
    23     4  bytes of a chunk, big endian
    64   992  first place: generation (4), length and id of the key (1 + n), length and wrapped
                   key (2 + n), zeros, SHA-256 of all that (32)
    1056 992  second place, the same
    2048      the chunks
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Terminal
from strongroom.keyring import KEY_BYTES, Keyring

MAGIC = b"edi834 sealed 1\n"
HEAD_BYTES = 2048
CHUNK_BYTES = 1 << 18
PREFIX_BYTES = 7
_FIXED_BYTES = 27
_PLACES = (64, 1056)
_PLACE_BYTES = 992
_HASH_BYTES = 32


@dataclass(frozen=True)
class WrappedKey:
    """A file's key as a key-encryption key has wrapped it; the higher generation is the newer."""

    generation: int
    key_id: str
    wrapped: bytes

    @property
    def as_bytes(self) -> bytes:
        """What stands in its place."""
        name = self.key_id.encode()
        told = self.generation.to_bytes(4, "big") + bytes([len(name)]) + name
        told += len(self.wrapped).to_bytes(2, "big") + self.wrapped
        told = told.ljust(_PLACE_BYTES - _HASH_BYTES, b"\0")
        assert len(told) == _PLACE_BYTES - _HASH_BYTES, "a wrapped key is too long for its place"
        return told + hashlib.sha256(told).digest()

    @classmethod
    def of(cls, place: bytes) -> "WrappedKey | None":
        """What stands in a place; None when nothing whole does."""
        told, digest = place[:-_HASH_BYTES], place[-_HASH_BYTES:]
        if hashlib.sha256(told).digest() != digest:
            return None
        end = 5 + told[4]
        length = int.from_bytes(told[end : end + 2], "big")
        return cls(
            int.from_bytes(told[:4], "big"),
            told[5:end].decode("utf-8", "replace"),
            told[end + 2 : end + 2 + length],
        )


@dataclass(frozen=True)
class Head:
    """What a sealed file says of itself. `fixed` is bound to every chunk and to the wrapped key."""

    fixed: bytes
    places: tuple[WrappedKey | None, WrappedKey | None]

    @property
    def prefix(self) -> bytes:
        """What the nonces begin with."""
        return self.fixed[16:23]

    @property
    def chunk_bytes(self) -> int:
        """The clear bytes of every chunk but the last."""
        return int.from_bytes(self.fixed[23:27], "big")

    @property
    def wrapped(self) -> list[WrappedKey]:
        """The wrapped keys that stand there, the newest first."""
        known = [place for place in self.places if place is not None]
        return sorted(known, key=lambda one: one.generation, reverse=True)


def new_head(keys: Keyring) -> tuple[bytes, bytes]:
    """The head of a new file, and its key."""
    key = secrets.token_bytes(KEY_BYTES)
    fixed = MAGIC + secrets.token_bytes(PREFIX_BYTES) + CHUNK_BYTES.to_bytes(4, "big")
    place = WrappedKey(1, *keys.wrap(key, fixed)).as_bytes
    return (fixed.ljust(_PLACES[0], b"\0") + place).ljust(HEAD_BYTES, b"\0"), key


def read_head(path: Path, descriptor: int) -> Head | None:
    """The head of a file; None when it is not sealed. Raises Terminal when it is damaged."""
    content = os.pread(descriptor, HEAD_BYTES, 0)
    if not content.startswith(MAGIC):
        return None
    first, second = (WrappedKey.of(content[at : at + _PLACE_BYTES]) for at in _PLACES)
    head = Head(content[:_FIXED_BYTES], (first, second))
    if len(content) < HEAD_BYTES or not head.wrapped or not head.chunk_bytes:
        raise Terminal(f"{path} is damaged: its head is not whole. Restore it from the backup.")
    return head


def file_key(path: Path, head: Head, keys: Keyring) -> bytes:
    """The key of a file. Raises Terminal when none of these keys has wrapped it."""
    for one in head.wrapped:
        key = keys.unwrap(one.key_id, one.wrapped, head.fixed)
        if key is not None:
            return key
    raise Terminal(
        f"{path} is sealed by key {head.wrapped[0].key_id}, which {keys.path} does not hold. Add "
        "that key to the key file, or set encryption.key_file to the one that has it."
    )


def rewrap(path: Path, keys: Keyring) -> bool:
    """Whether the file's key was wrapped anew, by the active key; not where it is so already.

    Raises Terminal as `file_key` does.
    """
    with path.open("r+b") as file:
        head = read_head(path, file.fileno())
        if head is None:
            return False
        newest = head.wrapped[0]
        if newest.key_id == keys.active and len(head.wrapped) == 1:
            return False
        key = file_key(path, head, keys)
        used = head.places.index(newest)
        if newest.key_id != keys.active:
            again = WrappedKey(newest.generation + 1, *keys.wrap(key, head.fixed))
            used = 1 - used
            _put(file.fileno(), used, again.as_bytes)
        _put(file.fileno(), 1 - used, bytes(_PLACE_BYTES))
    return True


def _put(descriptor: int, place: int, content: bytes) -> None:
    os.pwrite(descriptor, content, _PLACES[place])
    os.fsync(descriptor)
