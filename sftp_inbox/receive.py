"""Files of the outbox into the landing zone, and away from the outbox once they are safe.

Nothing here looks into a file. A file that cannot be taken is a row (`Refused`, or a `Removal` that
did not happen); only a failing wire, a failing disk or a file that changes under our hands raises.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import paramiko

from sftp_inbox.begun import Begun, Changed
from sftp_inbox.failures import WIRE_FAILURES, reason_of, wire_failures
from sftp_inbox.landing import LandingZone
from sftp_inbox.listing import Refused, Waiting, modification_time
from sftp_inbox.reading import read_ahead
from sftp_inbox.session import Session

DEFAULT_MAX_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Fetched:
    """A received file whose bytes are safe in the landing zone."""

    partner_id: str
    name: str
    sha256: str
    size_bytes: int
    storage_key: str
    modified_at: datetime | None


@dataclass(frozen=True)
class Removal:
    """Whether a fetched file is gone from the outbox; if not, why."""

    name: str
    removed: bool
    reason: str = ""


def fetch(
    client: Session,
    waiting: Waiting,
    landing: LandingZone,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Fetched | Refused:
    """The file as it lies in the landing zone, byte for byte, or why it was not taken.

    What had come of a large file when the line was cut is not fetched again, while size and time at
    the server are the same.

    Raises:
        Retryable: the wire failed, or the file changed since it was listed.
        Terminal: the landing zone cannot be written.
    """
    if waiting.size_bytes > max_bytes:
        reason = f"{waiting.size_bytes} bytes are more than the allowed {max_bytes}"
        return Refused(waiting.partner_id, waiting.name, reason)
    begun = Begun.of(landing, waiting.partner_id)
    size_bytes, first_part = begun.first_part(waiting)
    try:
        stored = begun.store(waiting, chain(first_part, _download(client, waiting, size_bytes)))
    except _NotReadableError as error:
        return Refused(waiting.partner_id, waiting.name, str(error))
    landing.adopt(begun.zone, stored.storage_key)
    return Fetched(
        partner_id=waiting.partner_id,
        name=waiting.name,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        storage_key=stored.storage_key,
        modified_at=waiting.modified_at,
    )


def remove(client: Session, waiting: Waiting) -> Removal:
    """Whether the file is gone from the outbox. Call it only after the fetch is recorded.

    Never raises for the wire: what stays there is recognised by its hash when it is fetched again.
    A file that is no longer the one we fetched is left alone.
    """
    try:
        if not _is_unchanged(client.lstat(waiting.path), waiting):
            return Removal(waiting.name, removed=False, reason="it changed after it was fetched")
        client.remove(waiting.path)
    except FileNotFoundError:
        return Removal(waiting.name, removed=True)
    except WIRE_FAILURES as error:
        return Removal(waiting.name, removed=False, reason=reason_of(error))
    return Removal(waiting.name, removed=True)


class _NotReadableError(Exception):
    """The server has the file but does not give it to us."""


def _download(client: Session, waiting: Waiting, begin: int) -> Iterator[bytes]:
    """The file's bytes from `begin` in order, never more than were listed.

    The last step checks that the file is still the listed one, so that whoever stores the chunks
    stores them only if it is.
    """
    with wire_failures(f"{waiting.partner_id}: fetching {waiting.name}"):
        try:
            remote = client.open(waiting.path, "rb")
        except FileNotFoundError as error:
            raise _changed(waiting) from error
        except PermissionError as error:
            raise _NotReadableError("the server denies permission to read it") from error
        with remote:
            if not _is_unchanged(remote.stat(), waiting):
                raise _changed(waiting)
            received_bytes = begin
            for chunk in read_ahead(client, remote, waiting.size_bytes, begin):
                received_bytes += len(chunk)
                yield chunk
        # By name this time: a file that was replaced leaves the open one as it was.
        try:
            by_name = client.stat(waiting.path)
        except FileNotFoundError as error:
            raise _changed(waiting) from error
        if received_bytes != waiting.size_bytes or not _is_unchanged(by_name, waiting):
            raise _changed(waiting)


def _is_unchanged(entry: paramiko.SFTPAttributes, waiting: Waiting) -> bool:
    return entry.st_size == waiting.size_bytes and modification_time(entry) == waiting.modified_at


def _changed(waiting: Waiting) -> Changed:
    return Changed(
        f"{waiting.partner_id}: {waiting.name} changed while it was fetched. Nothing was stored; "
        "the next listing takes it as it is then."
    )
