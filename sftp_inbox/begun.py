"""Downloads that were cut: what had come of each, until the rest has.

What has come lies in a zone of its own within the landing zone, where nobody takes it for received.
It is stored, hashed and read back like all content: docs/decisions/0053.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from schemas.errors import Retryable, Terminal
from sftp_inbox.landing import BEGUN, LandingZone, Stored
from sftp_inbox.listing import Waiting
from strongroom.files import settle

KEPT_FROM_BYTES = 8 * 1024**2  # what is shorter is fetched anew
_CHUNK_BYTES = 1024**2
_NOTE = ".note"
_UNFINISHED = ".new"


class Changed(Retryable):
    """The file at the server is not the one that was listed: nothing of it may be kept."""


@dataclass(frozen=True)
class Begun:
    """What has come of the files of a partner, and not all of it."""

    zone: LandingZone

    @classmethod
    def of(cls, landing: LandingZone, partner_id: str) -> "Begun":
        """What has come of that partner's files."""
        return cls(replace(landing, folder=landing.folder / BEGUN / partner_id))

    def first_part(self, waiting: Waiting) -> tuple[int, Iterator[bytes]]:
        """How many bytes have come of just this file, and them; none when they are not sound."""
        with suppress(FileNotFoundError, Terminal):
            storage_key, size_bytes = self._noted(self._note(waiting))
            return size_bytes, _chunks(self.zone.open(storage_key))
        return 0, iter(())

    def store(self, waiting: Waiting, chunks: Iterable[bytes]) -> Stored:
        """The file as it lies in this zone, once all of it has come.

        Raises what `chunks` raises. After a cut what has come is kept for the next attempt, unless
        it is little; after a change nothing is.
        """
        arriving = _Arriving(chunks)
        note = self._note(waiting)
        try:
            stored = self.zone.store(arriving)
        except Changed:
            self._forget(note)
            raise
        self._forget(note, but=stored.storage_key)
        if arriving.cut is None:
            return stored
        unfinished = note.with_suffix(_UNFINISHED)
        with unfinished.open("wb") as file:
            file.write(f"{stored.storage_key} {stored.size_bytes}".encode())
            settle(file)
        unfinished.replace(note)
        raise arriving.cut

    def forget_all_but(self, waiting: Iterable[Waiting]) -> None:
        """Removes what came of files that do not wait any more, or not as they were."""
        known = {self._note(each) for each in waiting}
        kept = set()
        for note in self.zone.folder.glob(f"*{_NOTE}"):
            if note not in known:
                note.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                kept.add(self._noted(note)[0])
        for unfinished in self.zone.folder.glob(f"*{_UNFINISHED}"):
            unfinished.unlink(missing_ok=True)
        for content in self.zone.folder.glob("[0-9a-f][0-9a-f]/*"):
            storage_key = f"{content.parent.name}/{content.name}"
            if storage_key not in kept:
                self.zone.discard(storage_key)

    def _forget(self, note: Path, but: str | None = None) -> None:
        with suppress(FileNotFoundError):
            storage_key, _ = self._noted(note)
            note.unlink()
            if storage_key != but:
                self.zone.discard(storage_key)

    def _noted(self, note: Path) -> tuple[str, int]:
        """The storage key of what has come, and its size.

        Raises FileNotFoundError without a note, and for one that says something else: it goes.
        """
        try:
            storage_key, size_bytes = note.read_text("ascii").split(" ")
            return storage_key, int(size_bytes)
        except ValueError:  # a power cut has left it empty
            note.unlink(missing_ok=True)
            raise FileNotFoundError(note) from None

    def _note(self, waiting: Waiting) -> Path:
        """Where is written which content has come: by name, size and time at the server."""
        told = (waiting.path, waiting.size_bytes, waiting.modified_at)
        return self.zone.folder / (hashlib.sha256(repr(told).encode()).hexdigest() + _NOTE)


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    with content:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk


class _Arriving:
    """Chunks that end when the line is cut, as if that were all; `cut` says that it is not."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.cut: Retryable | None = None
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        size_bytes = 0
        try:
            for chunk in self._chunks:
                size_bytes += len(chunk)
                yield chunk
        except Retryable as error:
            if isinstance(error, Changed) or size_bytes < KEPT_FROM_BYTES:
                raise
            self.cut = error
