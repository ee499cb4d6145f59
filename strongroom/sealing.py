"""The content of a sealed file: chunks of AES-256-GCM, written in order and read anywhere.

Each file has a key of its own. The nonce of a chunk is the file's prefix, the chunk's number and
whether it is the last (the STREAM construction), so chunks can neither be changed nor left out,
moved, or cut off at the end.
"""

import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import Terminal
from strongroom.head import CHUNK_BYTES, HEAD_BYTES, Head, new_head
from strongroom.keyring import Keyring

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_TAG_BYTES = 16
_KEPT_CHUNKS = 4


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([is_last])


class SealedWriter(io.RawIOBase):
    """Seals what is written to it, chunk by chunk, into a file; `close` seals the last one."""

    def __init__(self, file: BinaryIO, keys: Keyring) -> None:
        head, key = new_head(keys)
        self._file = file
        self._cipher = AESGCM(key)
        self._head = head
        self._number = 0
        self._written = 0
        self._rest = bytearray()
        self._is_finished = False
        file.write(head)
        file.flush()  # from now on whoever changes keys sees by which one this file is sealed

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor of the sealed file."""
        return self._file.fileno()

    def tell(self) -> int:
        """How many clear bytes were written."""
        return self._written

    def write(self, data: "ReadableBuffer", /) -> int:
        """Takes all of the bytes."""
        assert not self._is_finished, "nothing can be written behind the last chunk"
        with memoryview(data).cast("B") as content:
            self._rest += content
            self._written += len(content)
            size = len(content)
        whole = max(len(self._rest) - 1, 0) // CHUNK_BYTES * CHUNK_BYTES  # the last one waits
        for start in range(0, whole, CHUNK_BYTES):
            self._seal(bytes(self._rest[start : start + CHUNK_BYTES]), is_last=False)
        del self._rest[:whole]
        return size

    def finish(self) -> None:
        """Seals the last chunk: all of the file is there, and nothing more can be written."""
        if not self._is_finished:
            self._seal(bytes(self._rest), is_last=True)
            self._is_finished = True
            self._rest.clear()
            self._file.flush()

    def close(self) -> None:
        """Seals the last chunk, if that was not done, and closes the file."""
        if self.closed:
            return
        try:
            self.finish()
        finally:
            self._file.close()
            super().close()

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._head[16:23], self._number, is_last=is_last)
        self._file.write(self._cipher.encrypt(nonce, chunk, self._head[:27]))
        self._number += 1


class Sealed:
    """The clear content of a sealed file, decrypted where it is looked at; some threads may do so.

    A slice is bytes. Raises Terminal, and returns nothing, where the file is damaged.
    """

    def __init__(self, path: Path, descriptor: int, head: Head, key: bytes) -> None:
        self.path = path
        self._descriptor = descriptor
        self._head = head
        self._cipher = AESGCM(key)
        self._kept: dict[int, bytes] = {}
        self._lock = threading.Lock()
        sealed_bytes = os.fstat(descriptor).st_size - HEAD_BYTES
        self._step = head.chunk_bytes + _TAG_BYTES
        self._chunks = max(-(-sealed_bytes // self._step), 1)
        self._size = sealed_bytes - self._chunks * _TAG_BYTES
        if self._size < 0:
            raise self._damaged()
        self._chunk(self._chunks - 1)  # what was cut off at its end is refused at once

    def __len__(self) -> int:
        """How many clear bytes there are."""
        return self._size

    def __getitem__(self, place: slice) -> bytes:
        """The clear bytes of a slice without steps."""
        start, stop, step = place.indices(self._size)
        assert step == 1, "only bytes that stand beside each other"
        if stop <= start:
            return b""
        of_chunk = self._head.chunk_bytes
        first, last = start // of_chunk, (stop - 1) // of_chunk
        parts = [self._chunk(number) for number in range(first, last + 1)]
        found = parts[0] if len(parts) == 1 else b"".join(parts)
        return found[start - first * of_chunk : stop - first * of_chunk]

    def rfind(self, wanted: bytes, start: int, stop: int) -> int:
        """Where one byte stands last between two places; -1 when it does not."""
        assert len(wanted) == 1, "longer ones could lie in two chunks"
        while stop > start:
            piece = max(start, stop - self._head.chunk_bytes)
            found = self[piece:stop].rfind(wanted)
            if found >= 0:
                return piece + found
            stop = piece
        return -1

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _chunk(self, number: int) -> bytes:
        with self._lock:
            kept = self._kept.get(number)
        if kept is not None:
            return kept
        sealed = os.pread(self._descriptor, self._step, HEAD_BYTES + number * self._step)
        nonce = _nonce(self._head.prefix, number, is_last=number == self._chunks - 1)
        try:
            clear = self._cipher.decrypt(nonce, sealed, self._head.fixed)
        except (InvalidTag, ValueError):
            raise self._damaged() from None
        with self._lock:
            self._kept[number] = clear
            while len(self._kept) > _KEPT_CHUNKS:
                del self._kept[next(iter(self._kept))]
        return clear

    def _damaged(self) -> Terminal:
        return Terminal(
            f"{self.path} is damaged: it was changed or cut after it was sealed. Restore it from "
            "the backup; a received file can also be fetched again."
        )


class SealedStream(io.RawIOBase):
    """The clear content of a sealed file as a file that can be read and sought."""

    def __init__(self, content: Sealed) -> None:
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """The new place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._content)}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def size(self) -> int:
        """How many clear bytes there are."""
        return len(self._content)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """How many bytes were read into the buffer; 0 at the end."""
        with memoryview(buffer).cast("B") as target:
            found = self._content[self._at : self._at + len(target)]
            target[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        """Closes the file."""
        self._content.close()
        super().close()
