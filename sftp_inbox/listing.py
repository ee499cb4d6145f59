"""What waits in a mailbox's outbox, told apart from what is still being written.

Names come from another machine: here they are data. `path` is what the server calls a file, byte
for byte; `name` is printable, for people, logs and the ledger.
"""

import stat
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR

from schemas.errors import Terminal
from sftp_inbox.failures import wire_failures
from sftp_inbox.mailbox import Mailbox
from sftp_inbox.session import Session

# How senders mark what they have not finished.
_TEMPORARY_ENDINGS = (b".part", b".tmp")


@dataclass(frozen=True)
class Waiting:
    """A finished file in the outbox.

    `modified_at` has whole seconds, as SFTP 3 sends it; None when the server does not tell.
    """

    partner_id: str
    name: str
    path: bytes
    size_bytes: int
    modified_at: datetime | None


@dataclass(frozen=True)
class Refused:
    """A file that is not taken, and why. It stays where it is."""

    partner_id: str
    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The outbox at one moment, each part in the order of names."""

    waiting: tuple[Waiting, ...]
    growing: tuple[str, ...]  # names of files that changed while we looked
    refused: tuple[Refused, ...]


def list_waiting(client: Session, mailbox: Mailbox, settle_seconds: float) -> Listing:
    """The files of the outbox whose size and time stayed the same for `settle_seconds`.

    Folders, links, temporary names (`.part`, `.tmp`, leading dot) are passed over. Give at least
    two seconds: with whole-second times, less can miss a change that keeps the size.

    Raises:
        Retryable: the wire failed.
        Terminal: there is no such folder, or it may not be read.
    """
    first = _sample(client, mailbox)
    if first:
        time.sleep(settle_seconds)
    second = _sample(client, mailbox) if first else {}
    waiting, growing, refused = [], [], []
    for raw, entry in sorted(second.items()):
        name = printable(raw)
        if b"/" in raw or b"\0" in raw:
            reason = "its name would lead out of the outbox"
            refused.append(Refused(mailbox.partner_id, name, reason))
        elif entry.st_size is None:
            reason = "the server does not tell its size"
            refused.append(Refused(mailbox.partner_id, name, reason))
        elif raw not in first or _state(entry) != _state(first[raw]):
            growing.append(name)
        else:
            path = _folder_path(mailbox) + b"/" + raw
            modified_at = modification_time(entry)
            waiting.append(Waiting(mailbox.partner_id, name, path, entry.st_size, modified_at))
    return Listing(tuple(waiting), tuple(growing), tuple(refused))


def printable(raw: bytes) -> str:
    r"""A remote name as text without control, direction or undecodable characters.

    Each of those is written as its escape (`\n`, `\u202e`, `\xe9`), so the text is safe in a log
    line, in a database and on a screen.
    """
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def modification_time(entry: paramiko.SFTPAttributes) -> datetime | None:
    """When the server says the file was last written, in UTC."""
    return None if entry.st_mtime is None else datetime.fromtimestamp(entry.st_mtime, UTC)


def _state(entry: paramiko.SFTPAttributes) -> tuple[int | None, int | None]:
    return entry.st_size, entry.st_mtime


def _folder_path(mailbox: Mailbox) -> bytes:
    return mailbox.outbox.rstrip("/").encode()


def _sample(client: Session, mailbox: Mailbox) -> dict[bytes, paramiko.SFTPAttributes]:
    """The finished-looking files of the outbox by raw name, as they are now."""
    with wire_failures(f"{mailbox}: listing {mailbox.outbox}"):
        try:
            entries = _read_folder(client, _folder_path(mailbox))
        except FileNotFoundError as error:
            raise Terminal(
                f"{mailbox}: there is no folder {mailbox.outbox}. Correct the name of the outbox."
            ) from error
    return {raw: entry for raw, entry in entries.items() if _looks_finished(raw, entry)}


def _looks_finished(raw: bytes, entry: paramiko.SFTPAttributes) -> bool:
    is_file = entry.st_mode is None or stat.S_ISREG(entry.st_mode)
    is_hidden = raw.startswith(b".") and b"/" not in raw
    return is_file and not is_hidden and not raw.lower().endswith(_TEMPORARY_ENDINGS)


def _read_folder(client: Session, folder: bytes) -> dict[bytes, paramiko.SFTPAttributes]:
    """All entries of a remote folder by the bytes of their names.

    `SFTPClient.listdir_attr` decodes names as UTF-8, and a single name that is not would hide the
    whole folder. Its requests are repeated here without the decoding.
    """
    session: Any = client
    attributes: Any = paramiko.SFTPAttributes
    kind, message = session._request(CMD_OPENDIR, folder)  # noqa: SLF001
    if kind != CMD_HANDLE:
        raise paramiko.SFTPError("the server gave no folder handle")
    handle = message.get_binary()
    entries: dict[bytes, paramiko.SFTPAttributes] = {}
    while True:
        try:
            kind, message = session._request(CMD_READDIR, handle)  # noqa: SLF001
        except EOFError:
            break
        if kind != CMD_NAME:
            raise paramiko.SFTPError("the server gave no names")
        for _ in range(message.get_int()):
            raw, _long_name = message.get_string(), message.get_string()
            entries[raw] = attributes._from_msg(message)  # noqa: SLF001
    session._request(CMD_CLOSE, handle)  # noqa: SLF001
    return entries
