"""Archives that an exchange sends: opened within limits, or not at all.

Nothing is written under a name of the archive, and nothing of it is given away before all of it was
unpacked once and found within the limits.
"""

import errno
import gzip
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from sftp_inbox.listing import printable
from sftp_inbox.wrapping import Entry, How, NotOpenedError, archive_kind

_CHUNK_BYTES = 1024**2
_FREE_BYTES = 1024**2  # the ratio is not asked for below: a short text packs well
_DIRECTORY_BYTES = 1024  # of an entry in the directory of an archive; ours have 46 and the name
_FAILURES = (
    zipfile.BadZipFile, zipfile.LargeZipFile, gzip.BadGzipFile, zlib.error, EOFError,
    OverflowError, RuntimeError, UnicodeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold: entries, bytes of all of them, and bytes to each packed one."""

    entries: int
    size_bytes: int
    ratio: int


def entries_of(
    content: BinaryIO, size_bytes: int, name: str, how: How, limits: Limits
) -> list[Entry]:
    """The files in an archive of that size, in its order; each may be read while it is open.

    Raises:
        NotOpenedError: damaged, too large, locked, nested, empty, or a name in it is a path.
    """
    with _opening():
        found = _of_zip(content, limits) if how == "zip" else _of_gzip(content, name)
        if not found:
            raise NotOpenedError("the archive is empty")
        total = 0
        most = max(limits.ratio * size_bytes, _FREE_BYTES)
        for entry in found:
            beginning = b""
            for chunk in entry.chunks():
                beginning = beginning or chunk
                total += len(chunk)
                if total > limits.size_bytes:
                    raise NotOpenedError(f"it holds more than {limits.size_bytes} bytes")
                if total > most:
                    raise NotOpenedError(f"it unpacks to more than {limits.ratio} times its size")
            if archive_kind(beginning) is not None:
                raise NotOpenedError("an archive lies within it")
    return found


@contextmanager
def _opening() -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:  # never with its text, which may hold a name
        raise NotOpenedError(f"the archive is damaged ({type(error).__name__})") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # the disk's
            raise
        raise NotOpenedError("the archive is damaged (it names a place that no file has)") from None


def _of_gzip(content: BinaryIO, name: str) -> list[Entry]:
    def chunks() -> Iterator[bytes]:
        content.seek(0)
        with gzip.GzipFile(fileobj=content) as unpacked:
            while chunk := unpacked.read(_CHUNK_BYTES):
                yield chunk

    ending = ".gz"
    return [Entry(name[: -len(ending)] if name.lower().endswith(ending) else name, chunks)]


def _of_zip(content: BinaryIO, limits: Limits) -> list[Entry]:
    _require_short_directory(content, limits)
    archive = zipfile.ZipFile(content)
    known = archive.infolist()
    if len(known) > limits.entries:
        raise NotOpenedError(f"it has more than {limits.entries} entries")
    for info in known:
        _require_plain_file(info)
    return [
        Entry(printable(info.filename.encode()), partial(_unzipped, archive, info))
        for info in known
    ]


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as unpacked:
        while chunk := unpacked.read(_CHUNK_BYTES):
            yield chunk


def _require_short_directory(content: BinaryIO, limits: Limits) -> None:
    """Before zipfile makes an object of each entry, however many somebody has put there."""
    end = zipfile._EndRecData(content)  # type: ignore[attr-defined]  # noqa: SLF001
    if end is None:
        raise zipfile.BadZipFile
    size_bytes = end[zipfile._ECD_SIZE]  # type: ignore[attr-defined]  # noqa: SLF001
    if size_bytes > limits.entries * _DIRECTORY_BYTES:
        raise NotOpenedError(f"it has more than {limits.entries} entries")


def _require_plain_file(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.is_dir() or kind not in (0, stat.S_IFREG):
        raise NotOpenedError("it holds a folder or a link")
    # As it stands in the archive: zipfile cuts a name at its first NUL.
    if any(mark in info.orig_filename for mark in "/\\\0:") or not info.filename.strip("."):
        raise NotOpenedError("the name of an entry is a path")
    if info.flag_bits & 1:
        raise NotOpenedError("an entry is locked with a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotOpenedError("an entry is packed in an unusual way")
