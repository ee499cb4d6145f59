"""Files of the house, sealed or plain as their folder is: written, read, moved in.

Whoever writes or reads a file in landing zone, tables or reports does it by these functions, and by
nothing else.
"""

import mmap
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from schemas.errors import Terminal
from schemas.unfinished import settle_folder
from strongroom.guards import all_keys, keys_of
from strongroom.head import Head, file_key, read_head
from strongroom.sealing import Sealed, SealedStream, SealedWriter

if TYPE_CHECKING:
    import pyarrow as pa

Content = bytes | mmap.mmap | Sealed

_WINDOW_BYTES = 1 << 22
_OVERLAP_BYTES = 512  # longer than anything that is searched for
_COPIED_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file of the house for whoever reads it, in another process, too.

    `key` is its own and opens nothing else; None when it is plain.
    """

    path: Path
    head: Head | None = None
    key: bytes | None = field(default=None, repr=False)  # no log and no error tells it

    @contextmanager
    def opened(self) -> Iterator[Content]:
        """Its clear content: mapped where it is plain, decrypted where it is looked at else."""
        with self.path.open("rb") as file:
            if self.head is not None and self.key is not None:
                content = Sealed(self.path, os.dup(file.fileno()), self.head, self.key)
                try:
                    yield content
                finally:
                    content.close()
            elif file.seek(0, os.SEEK_END) == 0:
                yield b""
            else:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    yield mapped

    def read(self, start: int, stop: int) -> bytes:
        """Its clear bytes between two places."""
        if self.key is not None:
            with self.opened() as content:
                return bytes(content[start:stop])
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def stream(self) -> BufferedReader:
        """Its clear content, to be read and sought."""
        file = self.path.open("rb")
        if self.head is None or self.key is None:
            return file
        with file:
            content = Sealed(self.path, os.dup(file.fileno()), self.head, self.key)
        return BufferedReader(SealedStream(content), _COPIED_BYTES)


def source_of(path: Path) -> Source:
    """The file at a path, sealed or plain, as it says itself.

    Raises OSError as `open` does, and Terminal when its key is not there, or when it lies plain
    where everything is sealed.
    """
    keys = keys_of(path)
    with path.open("rb") as file:
        head = read_head(path, file.fileno())
    if head is None:
        if keys is not None:
            raise Terminal(
                f"{path} is not encrypted, and its folder is. Was it stored before the home had a "
                "key, `edi834 keys encrypt-existing` encrypts it; else somebody has put it there: "
                "restore it from the backup."
            )
        return Source(path)
    if keys is None:
        known = all_keys()
        keys = known[0] if known else None
    if keys is None:
        raise Terminal(
            f"{path} is encrypted, and no key is configured. Set encryption.key_file "
            "(EDI834_ENCRYPTION__KEY_FILE) to the key file of its home."
        )
    return Source(path, head, file_key(path, head, keys))


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """The clear content of a file, for random access. Raises as `source_of` does."""
    with source_of(path).opened() as content:
        yield content


def open_clear(path: Path) -> BufferedReader:
    """The clear content of a file, to be read and sought. Raises as `source_of` does."""
    return source_of(path).stream()


def read_clear(path: Path) -> bytes:
    """All of the clear content of a file. Raises as `source_of` does."""
    with open_clear(path) as file:
        return file.read()


def parquet(path: Path) -> "Path | pa.PythonFile":
    """What pyarrow reads a Parquet file by. Raises as `source_of` does."""
    source = source_of(path)
    if source.key is None:
        return path
    import pyarrow as pa

    return pa.PythonFile(source.stream(), mode="r")


def create(path: Path) -> BinaryIO:
    """A new file at the path, over an earlier one; sealed where its folder is."""
    keys = keys_of(path)
    file = path.open("wb")
    if keys is None:
        return file
    try:
        return cast("BinaryIO", SealedWriter(file, keys))
    except BaseException:
        file.close()
        raise


def settle(file: BinaryIO) -> None:
    """Puts all that was written on the disk; nothing more can be written to a sealed file."""
    if isinstance(file, SealedWriter):
        file.finish()
    file.flush()
    os.fsync(file.fileno())


def move_in(draft: Path, target: Path) -> None:
    """Moves a clear draft to its place, sealed where that is; it appears whole and on the disk."""
    if keys_of(target) is None:
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        draft.replace(target)
        settle_folder(target.parent)
        return
    unfinished = target.with_name(f".{target.name}.writing")
    with draft.open("rb") as stream, create(unfinished) as file:
        shutil.copyfileobj(stream, file, _COPIED_BYTES)
        settle(file)
    unfinished.replace(target)
    settle_folder(target.parent)
    draft.unlink()


def in_memory(path: Path, until: ExitStack) -> Path:
    """A path by which other libraries read the file in this process; its own where it is plain.

    The clear copy of a sealed one is in memory only, and gone when `until` is closed.
    """
    source = source_of(path)
    if source.key is None:
        return path
    descriptor = os.memfd_create(path.name)
    until.callback(os.close, descriptor)
    with source.stream() as stream, os.fdopen(os.dup(descriptor), "wb") as copy:
        shutil.copyfileobj(stream, copy, _COPIED_BYTES)
    return Path(f"/proc/self/fd/{descriptor}")


def first_match(
    pattern: re.Pattern[bytes], content: Content, start: int = 0, stop: int | None = None
) -> int | None:
    """Where the pattern is found first between two places; None when it is not there.

    What it finds must be shorter than 512 bytes.
    """
    stop = len(content) if stop is None else min(stop, len(content))
    if not isinstance(content, Sealed):
        found = pattern.search(content, start, stop)
        return found.start() if found else None
    for piece in range(start, stop, _WINDOW_BYTES):
        window = content[piece : min(piece + _WINDOW_BYTES + _OVERLAP_BYTES, stop)]
        found = pattern.search(window)
        if found:
            return piece + found.start()
    return None


def matches(
    pattern: re.Pattern[bytes], content: Content, start: int, stop: int
) -> Iterator[tuple[int, bytes]]:
    """Where the pattern is found between two places, and what stands there."""
    if isinstance(content, Sealed):
        for found in pattern.finditer(content[start:stop]):
            yield start + found.start(), found.group()
        return
    for found in pattern.finditer(content, start, stop):
        yield found.start(), found.group()
