"""What a failure on the wire means for the night: try again, or call a person."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from schemas.errors import Retryable, Terminal

WIRE_FAILURES = (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError)


@contextmanager
def wire_failures(doing: str) -> Iterator[None]:
    """Turns what paramiko raises into `Retryable`, or `Terminal` where the server forbids it.

    Args:
        doing: what was under way and where, as the start of a sentence ("Listing outbox of …").
    """
    try:
        yield
    except WIRE_FAILURES as error:
        if isinstance(error, PermissionError):
            raise Terminal(
                f"{doing}: the server denies permission. Ask the exchange to grant it."
            ) from error
        raise Retryable(f"{doing}: {reason_of(error)}. It can be tried again.") from error


def reason_of(error: BaseException) -> str:
    """One line that says why the wire failed."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror.lower()
    text = " ".join(str(error).split()).rstrip(".: ")
    return text or "the connection was cut"
