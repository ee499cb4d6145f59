"""paramiko's SFTP session for large files: docs/decisions/0053."""

from typing import Any

import paramiko

from sftp_inbox.arrivals import Arrivals

_WINDOW_BYTES = 32 * 1024**2  # more than is asked for ahead: the server never waits for us


class Session(paramiko.SFTPClient):
    """An SFTP session whose long answers are put together once, and taken in few steps."""

    @classmethod
    def over(cls, transport: paramiko.Transport, answer_seconds: float) -> "Session":
        """A new session over an authenticated connection, which waits so long for each answer."""
        channel: Any = transport.open_session(window_size=_WINDOW_BYTES)
        channel.in_buffer = Arrivals()
        channel.settimeout(answer_seconds)
        channel.invoke_subsystem("sftp")
        return cls(channel)

    def _read_all(self, n: int) -> bytes:
        channel: Any = self.sock
        parts: list[bytes] = []
        while n > 0:
            try:
                part = channel.recv(n)
            except EOFError:  # the line is cut: the server cannot be told that these were taken
                part = channel.in_buffer.taken
            if not part:
                raise EOFError
            parts.append(part)
            n -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
