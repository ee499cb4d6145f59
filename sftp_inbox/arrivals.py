"""What has come over the wire and was not taken yet: docs/decisions/0053."""

import socket
import threading
from collections import deque

from paramiko.buffered_pipe import PipeTimeout

_SOCKET_BYTES = 1024**2


class EagerSocket(socket.socket):
    """A connected socket that takes as much as has come, and gives it out in the pieces asked for.

    It takes the place of the one it is made from. For one reading thread, as paramiko's is.
    """

    def __init__(self, connection: socket.socket) -> None:
        timeout = connection.gettimeout()
        super().__init__(fileno=connection.detach())
        self.settimeout(timeout)
        self._taken = bytearray(_SOCKET_BYTES)
        self._begin = self._end = 0

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Up to that many bytes; none at the end. Raises as a socket does."""
        if self._begin == self._end:
            self._begin, self._end = 0, 0
            self._end = self.recv_into(self._taken, _SOCKET_BYTES, flags)
        stop = min(self._begin + bufsize, self._end)
        given = bytes(memoryview(self._taken)[self._begin : stop])
        self._begin = stop
        return given


class Arrivals:
    """What has come on a channel and was not taken yet, kept in the pieces in which it came.

    It does what paramiko's BufferedPipe does, which moves all that is left at each reading, and
    wakes its reader with each packet: on a fast line most of the time passes with that.
    The window of the channel must be larger than whatever is read at once.
    """

    def __init__(self) -> None:
        self.taken = b""  # by the last reading
        self._has_come = threading.Condition(threading.Lock())
        self._told: threading.Event | None = None  # set while anything waits
        self._ended = False
        self._pieces: deque[bytes] = deque()
        self._size = 0  # bytes
        self._wanted = 1  # bytes that the reader sleeps for

    def __len__(self) -> int:
        """How many bytes wait."""
        return self._size

    def set_event(self, event: threading.Event) -> None:
        """That event is set from now on while anything waits, and once nothing comes any more."""
        with self._has_come:
            self._told = event
            if self._ended or self._size:
                event.set()
            else:
                event.clear()

    def feed(self, data: bytes) -> None:
        """Adds what has come; wakes the reader when it has all that it waits for."""
        with self._has_come:
            if self._told is not None:
                self._told.set()
            self._pieces.append(data)
            self._size += len(data)
            if self._size >= self._wanted:
                self._has_come.notify_all()

    def read_ready(self) -> bool:
        """Whether anything waits."""
        return self._size > 0

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """That many bytes; fewer only when the pipe is closed or falls silent, none at its end.

        Raises PipeTimeout when nothing is there and nothing comes for `timeout` seconds.
        """
        with self._has_come:
            self._wait_for(nbytes, timeout)
            self.taken = self._take(nbytes)
            return self.taken

    def empty(self) -> bytes:
        """All that waits, at once."""
        with self._has_come:
            return self._take(self._size)

    def close(self) -> None:
        """Nothing comes any more."""
        with self._has_come:
            self._ended = True
            self._has_come.notify_all()
            if self._told is not None:
                self._told.set()

    def _wait_for(self, nbytes: int, timeout: float | None) -> None:
        """Holds the lock. A slow line is not a silent one: each piece begins the time anew."""
        self._wanted = nbytes
        while self._size < nbytes and not self._ended:
            before = self._size
            if self._has_come.wait(timeout) or self._size != before:
                continue
            if not self._size:
                raise PipeTimeout
            return

    def _take(self, nbytes: int) -> bytes:
        """Holds the lock."""
        taken: list[bytes] = []
        left = nbytes
        while left > 0 and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > left:
                self._pieces.appendleft(piece[left:])
                piece = piece[:left]
            taken.append(piece)
            left -= len(piece)
        self._size -= nbytes - left
        if not self._size and self._told is not None and not self._ended:
            self._told.clear()
        return taken[0] if len(taken) == 1 else b"".join(taken)
