"""Stored files into the exchange's inbox: whole or not at all, and once.

A file travels under a temporary name (`upload`) and gets its own only when all of it has arrived
(`put_in_place`). Between the two the caller keeps that it comes to that. Whether an earlier attempt
arrived is decided by looking; where nothing is seen any more, by a person.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import paramiko

from schemas.errors import Retryable, Terminal
from schemas.fault_points import reach
from sftp_inbox.failures import wire_failures
from sftp_inbox.landing import LandingZone
from sftp_inbox.mailbox import Mailbox
from sftp_inbox.reading import read_ahead
from sftp_inbox.session import Session

TEMPORARY_ENDING = ".part"
# Up to here a file that is already there is read back and compared; above, by its size alone.
READ_BACK_BYTES = 8 * 1024**2
_WRITE_BYTES = 32 * 1024


@dataclass(frozen=True)
class Outgoing:
    """A file to deliver: its name at the exchange and its content in the landing zone."""

    name: str
    storage_key: str


class GoneError(Terminal):
    """What an earlier attempt has uploaded is not there any more: the exchange may have it."""


@dataclass(frozen=True)
class Delivered:
    """A file that lies in the inbox under its own name; `already_there` if not sent just now."""

    name: str
    sha256: str
    size_bytes: int
    already_there: bool


def upload(client: Session, mailbox: Mailbox, landing: LandingZone, outgoing: Outgoing) -> None:
    """Has all of the file lie in the inbox under a temporary name, or under its own already.

    Calling it again after any failure is safe, until `put_in_place` is called. Raises as that does.
    """
    with _delivering(mailbox, landing, outgoing) as (final, content, size_bytes):
        if not _is_there(client, final, outgoing, size_bytes):
            _send(client, final + TEMPORARY_ENDING, content, size_bytes)
            reach("outgoing file uploaded")


def put_in_place(
    client: Session, mailbox: Mailbox, landing: LandingZone, outgoing: Outgoing
) -> Delivered:
    """The uploaded file under its own name. Calling it again after any failure sends nothing twice.

    Raises:
        Retryable: the wire failed; whether the file has its name shows at the next call.
        Terminal: a different file has that name, the inbox is missing or closed to us, the stored
            content is damaged, or the file is not there any more.
    """
    with _delivering(mailbox, landing, outgoing) as (final, _, size_bytes):
        is_there = _is_there(client, final, outgoing, size_bytes)
        if not is_there:
            uploaded = _look(client, final + TEMPORARY_ENDING)
            if uploaded is None or uploaded.st_size != size_bytes:
                raise GoneError(
                    f"{mailbox}: {outgoing.name} may have had its name there, and it does not lie "
                    "in the inbox any more. The exchange may have taken it: ask. Nothing was sent "
                    "again."
                )
            # Not posix_rename, which would silently replace a file that came in between.
            client.rename(final + TEMPORARY_ENDING, final)
            reach("outgoing file renamed")
    sha256 = outgoing.storage_key.rpartition("/")[2]
    return Delivered(outgoing.name, sha256, size_bytes, already_there=is_there)


@contextmanager
def _delivering(
    mailbox: Mailbox, landing: LandingZone, outgoing: Outgoing
) -> Iterator[tuple[str, BinaryIO, int]]:
    """The path at the exchange, and the stored content with its size."""
    if "/" in outgoing.name or not outgoing.name.strip("."):
        raise Terminal(f"{outgoing.name!r} is not a file name. Correct the naming pattern.")
    final = f"{mailbox.inbox.rstrip('/')}/{outgoing.name}"
    doing = f"{mailbox}: delivering {outgoing.name}"
    with landing.open(outgoing.storage_key) as content, wire_failures(doing):
        size_bytes = content.seek(0, os.SEEK_END)
        content.seek(0)
        yield final, content, size_bytes


def _is_there(client: Session, final: str, outgoing: Outgoing, size_bytes: int) -> bool:
    """Whether the file lies there under its own name. Raises Terminal when another one does."""
    there = _look(client, final)
    if there is None:
        return False
    sha256 = outgoing.storage_key.rpartition("/")[2]
    if there.st_size != size_bytes or not _has_content(client, final, sha256, size_bytes):
        raise Terminal(
            f"{final}: a different file has that name already. Nothing was sent. Find out who "
            "delivered it before this one goes out under another name and control number."
        )
    return True


def _look(client: Session, path: str) -> paramiko.SFTPAttributes | None:
    """What the server says of a file, or None when there is no such file."""
    try:
        return client.stat(path)
    except FileNotFoundError:
        return None


def _has_content(client: Session, path: str, sha256: str, size_bytes: int) -> bool:
    """Whether a remote file of the right size has that hash; taken for granted if it is large."""
    if size_bytes > READ_BACK_BYTES:
        return True
    digest = hashlib.sha256()
    with client.open(path, "rb") as remote:
        for chunk in read_ahead(client, remote, size_bytes):
            digest.update(chunk)
    return digest.hexdigest() == sha256


def _send(client: Session, path: str, content: BinaryIO, size_bytes: int) -> None:
    """Writes the whole content to `path`, over whatever an earlier attempt left there."""
    try:
        remote = client.open(path, "wb")
    except FileNotFoundError as error:
        raise Terminal(f"There is no folder for {path}. Correct the name of the inbox.") from error
    with remote:
        remote.set_pipelined(True)
        unsent = size_bytes
        while chunk := content.read(_WRITE_BYTES):
            unsent -= len(chunk)
            # paramiko never reads the last answers of a pipeline, and with them a full disk at the
            # other side. A write outside the pipeline waits for all of them.
            remote.set_pipelined(unsent > 0)
            remote.write(chunk)
    arrived = client.stat(path).st_size
    if arrived != size_bytes:
        raise Retryable(f"{path} has {arrived} of {size_bytes} bytes. It can be sent again.")
