"""Stored bytes by their own hash: what was received, and what is to be sent.

A name given by somebody else never becomes a path here. Content is visible under its storage key
only when all of it is on the disk, and it is hashed again before each use. The key is the hash of
the clear content, sealed or not.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from schemas.errors import Terminal
from schemas.unfinished import discard_abandoned, hold, settle_folder
from sftp_inbox.failures import reason_of
from sftp_inbox.settling import SettlingBehind
from strongroom.files import create, open_clear, settle

_STORAGE_KEY = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}")
_UNFINISHED = ".unfinished"
BEGUN = ".begun"  # zones of what came of downloads that were cut, by partner: begun.py


@dataclass(frozen=True)
class Stored:
    """Content that is safely on the disk."""

    storage_key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class LandingZone:
    """A folder of content-addressed files: `<first two digits of the SHA-256>/<SHA-256>`."""

    folder: Path

    def store(self, chunks: Iterable[bytes]) -> Stored:
        """The stored content of `chunks`, once data and folder entries are on the disk.

        Whatever `chunks` raises passes through, and nothing becomes visible then. Content that is
        there already is written over with itself, which also heals a damaged copy.

        Raises:
            Terminal: no space, or the folder is not writable.
        """
        unfinished: Path | None = None
        held: int | None = None
        try:
            unfinished, held = hold(self._new_unfinished)
            with create(unfinished) as file:
                sha256, size_bytes = _write(chunks, file)
                settle(file)
            storage_key = f"{sha256[:2]}/{sha256}"
            self._put(unfinished, storage_key)
        except OSError as error:
            raise self._not_writable(error) from error
        finally:
            if unfinished is not None and held is not None:
                with suppress(OSError):
                    unfinished.unlink(missing_ok=True)
                os.close(held)
        return Stored(storage_key, sha256, size_bytes)

    def adopt(self, zone: "LandingZone", storage_key: str) -> None:
        """Makes content of another zone of the same file system visible here, and there no more.

        Raises:
            Terminal: the folder is not writable.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._put(zone.folder / storage_key, storage_key)
        except OSError as error:
            raise self._not_writable(error) from error

    def discard(self, storage_key: str) -> None:
        """Removes content for which nobody asks again; nothing, when there is none."""
        if _STORAGE_KEY.fullmatch(storage_key):
            (self.folder / storage_key).unlink(missing_ok=True)

    def open(self, storage_key: str) -> BinaryIO:
        """The stored clear content, at its start, after its hash was found right.

        Raises:
            Terminal: no such content, or it is damaged.
        """
        if not _STORAGE_KEY.fullmatch(storage_key):
            raise Terminal(f"{storage_key!r} is not a storage key: two digits, slash, SHA-256.")
        file: BufferedReader | None = None
        try:
            file = open_clear(self.folder / storage_key)
            actual = _hash_of(file)
        except OSError as error:
            if file is not None:
                file.close()
            raise Terminal(
                f"Stored file {storage_key} in {self.folder} cannot be read: {reason_of(error)}. "
                "Restore it from the backup."
            ) from error
        if actual != storage_key[3:]:
            file.close()
            raise Terminal(
                f"Stored file {storage_key} in {self.folder} is damaged: its content no longer has "
                "that hash. Restore it from the backup, or fetch it again."
            )
        file.seek(0)
        return file

    def verified_path(self, storage_key: str) -> Path:
        """The path of the stored content, after its hash was found right.

        It is read by `strongroom.files`, for it may be sealed.

        Raises:
            Terminal: no such content, or it is damaged.
        """
        self.open(storage_key).close()
        return self.folder / storage_key

    def has(self, storage_key: str) -> bool:
        """Whether something is stored under that key, sound or not."""
        return (self.folder / storage_key).exists()

    def discard_unfinished(self) -> int:
        """The number of temporary files removed that a killed process has left."""
        within = (f"{_UNFINISHED}/*", f"{BEGUN}/*/{_UNFINISHED}/*")
        return sum(discard_abandoned(self.folder.glob(pattern)) for pattern in within)

    def _put(self, source: Path, storage_key: str) -> None:
        target = self.folder / storage_key
        target.parent.mkdir(mode=0o700, exist_ok=True)
        source.replace(target)
        settle_folder(target.parent)
        settle_folder(self.folder)

    def _not_writable(self, error: OSError) -> Terminal:
        return Terminal(
            f"Landing zone {self.folder} cannot be written: {reason_of(error)}. Nothing was "
            "stored; free space or correct the permissions, then run again."
        )

    def _new_unfinished(self) -> Path:
        folder = self.folder / _UNFINISHED
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        os.close(descriptor)
        return Path(name)


def _hash_of(file: BufferedReader) -> str:
    try:
        return hashlib.file_digest(file, "sha256").hexdigest()
    except Terminal:  # a sealed one that was changed
        file.close()
        raise


def _write(chunks: Iterable[bytes], file: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    size_bytes = 0
    with SettlingBehind(file) as behind:
        for chunk in chunks:
            digest.update(chunk)
            size_bytes += len(chunk)
            file.write(chunk)
            behind.wrote(len(chunk))
    return digest.hexdigest(), size_bytes
