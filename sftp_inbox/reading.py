"""The content of a remote file, with requests running ahead of the answers.

paramiko's own prefetch asks for 32 KiB at a time, and moves what has come and was not taken yet in
memory at each step. Here each request asks for as much as the server gives at once, and only so
many are on their way as fit into the window: docs/decisions/0053 has what that saves.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import paramiko
from paramiko.sftp import CMD_DATA, CMD_EXTENDED, CMD_EXTENDED_REPLY, CMD_READ, int64

from sftp_inbox.failures import WIRE_FAILURES
from sftp_inbox.session import Session

_PLAIN_BYTES = 32 * 1024  # what every server gives at once
_MOST_BYTES = 255 * 1024  # what OpenSSH gives at once; more would not pass paramiko's sanity check
_AHEAD_BYTES = 8 * 1024**2  # asked for and not taken yet
_LIMITS = "limits@openssh.com"


def read_ahead(
    client: Session, remote: paramiko.SFTPFile, size_bytes: int, begin: int = 0
) -> Iterator[bytes]:
    """The bytes of the file from `begin` to `size_bytes`, in order; fewer when it has fewer.

    When the line is cut, what has come by then is given out before the failure is raised.
    """
    at_once = _PLAIN_BYTES if size_bytes - begin <= _AHEAD_BYTES else _read_length(client)
    answers = _Answers(client, remote)
    asked: deque[tuple[int, int, int]] = deque()  # number, offset, bytes
    ahead, offset = begin, begin
    cut: Exception | None = None
    try:
        while offset < size_bytes:
            while cut is None and ahead < size_bytes and ahead - offset < _AHEAD_BYTES:
                wanted = min(at_once, size_bytes - ahead)
                try:
                    asked.append((answers.ask(ahead, wanted), ahead, wanted))
                except WIRE_FAILURES as error:
                    cut = error
                else:
                    ahead += wanted
            if cut is not None and not asked:
                raise cut
            number, at, wanted = asked.popleft()
            chunk = answers.take(number)[:wanted]
            if not chunk:
                return  # the file has ended early
            yield chunk
            offset = at + len(chunk)
            missing = wanted - len(chunk)
            if missing > 0:  # a server may give less than it was asked for
                asked.appendleft((answers.ask(offset, missing), offset, missing))
    finally:
        answers.forget(number for number, _, _ in asked)


class _Answers:
    """Requests to read one file, and the answers that came before their turn."""

    def __init__(self, client: Session, remote: paramiko.SFTPFile) -> None:
        # What these ask paramiko for, in its own words, has no public name.
        self._session: Any = client
        self._handle: Any = remote.handle
        self._early: dict[int, tuple[int, Any]] = {}

    def ask(self, offset: int, wanted: int) -> int:
        """The number of a request for that many bytes from there."""
        number: int = self._session._async_request(  # noqa: SLF001
            self, CMD_READ, self._handle, int64(offset), wanted
        )
        return number

    def take(self, number: int) -> bytes:
        """The answer to a request, waited for; empty at the end of the file."""
        try:
            kind, message = self._early.pop(number, None) or self._session._read_response(  # noqa: SLF001
                waitfor=number
            )
            if kind != CMD_DATA:
                self._session._convert_status(message)  # noqa: SLF001
                return b""
        except EOFError:
            return b""
        data: bytes = message.get_string()
        return data

    def forget(self, numbers: Iterator[int]) -> None:
        """Answers to these are thrown away when they come."""
        for number in numbers:
            self._session._expecting.pop(number, None)  # noqa: SLF001

    def _async_response(self, kind: int, message: Any, number: int) -> None:
        """What paramiko calls with an answer to another request than it waits for."""
        self._early[number] = (kind, message)


def _read_length(client: Session) -> int:
    """How many bytes the server gives in one answer; what all of them give if it does not tell."""
    session: Any = client
    try:
        kind, message = session._request(CMD_EXTENDED, _LIMITS)  # noqa: SLF001
    except OSError:  # it does not know the question
        return _PLAIN_BYTES
    if kind != CMD_EXTENDED_REPLY:
        return _PLAIN_BYTES
    _packet, read_length = message.get_int64(), message.get_int64()
    return max(_PLAIN_BYTES, min(int(read_length), _MOST_BYTES))
