"""The content of a remote file, with requests running ahead of the answers."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import paramiko

from sftp_inbox.failures import WIRE_FAILURES

_CHUNK_BYTES = 32 * 1024  # one SFTP request


def read_ahead(remote: paramiko.SFTPFile, size_bytes: int) -> Iterator[bytes]:
    """The first `size_bytes` of the file in order; fewer when the file has fewer."""
    # Without prefetch, and with any limit on it, paramiko is ten to twenty times slower.
    _silence_prefetch(remote)
    remote.prefetch(size_bytes)
    missing = size_bytes
    while missing:
        wanted = min(_CHUNK_BYTES, missing)
        chunk = remote.read(wanted)
        yield chunk
        if len(chunk) < wanted:
            # The file ended early. Reading on would wait for answers that never come.
            return
        missing -= wanted


def _silence_prefetch(remote: paramiko.SFTPFile) -> None:
    """Keeps the thread that sends the requests from printing a traceback when the line is cut.

    The reader meets the same failure, and reports it.
    """
    file: Any = remote
    send_requests = file._prefetch_thread  # noqa: SLF001

    def send_requests_quietly(*arguments: object) -> None:
        with suppress(*WIRE_FAILURES):
            send_requests(*arguments)

    file._prefetch_thread = send_requests_quietly  # noqa: SLF001
