"""The home at rest: how much of it is sealed, by which keys, and how keys are changed."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from ledger import audit, owners
from ledger.locks import KEYS, alone
from pipeline.checked_tables import discard_unfinished
from pipeline.guarding import PLAIN, guard_home, keyring_of
from pipeline.settings import Settings
from schemas.errors import AtWork, Terminal
from schemas.fault_points import reach
from sftp_inbox.landing import LandingZone
from strongroom.files import create, settle
from strongroom.head import read_head, rewrap
from strongroom.keyring import Keyring
from strongroom.walking import files_below, refuse

_IN_PROGRESS = ".unfinished", ".writing"  # how names end of what somebody is writing
_UNFINISHED = ".sealing"
_NOTE = ".note"
_COPIED_BYTES = 1 << 20
_OBJECT = "home", 0  # of entries in the audit trail

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Standing:
    """How many files are sealed by which key, and how many by none."""

    active: str | None
    by_key: dict[str, int]
    plain: int
    unused: list[str]  # keys of the key file that no file names

    @property
    def is_settled(self) -> bool:
        """Whether every file is sealed by the active key."""
        return self.active is not None and not self.plain and set(self.by_key) <= {self.active}

    @property
    def sentence(self) -> str:
        """The same in one sentence."""
        if self.active is None:
            return "No key is configured, and files are not encrypted."
        sealed = sum(self.by_key.values())
        told = f"{sealed:,} file{'s' * (sealed != 1)} encrypted, new ones by key {self.active}"
        older = sealed - self.by_key.get(self.active, 0)
        if older:
            told += f"; {older:,} by an older key: `edi834 keys rotate --no-new-key` ends that"
        if self.plain:
            told += f"; {self.plain:,} not encrypted: `edi834 keys encrypt-existing` does it"
        return f"{told}."


def standing(settings: Settings) -> Standing:
    """What lies in the home, looked at file by file; nothing but heads is read.

    Raises Terminal when something of it cannot be read.
    """
    keys = keyring_of(settings)
    by_key: Counter[str] = Counter()
    plain = 0
    for path in _files(settings):
        with suppress(FileNotFoundError):  # a night at work moves what is finished
            key_id = _sealed_by(path)
            if key_id is None:
                plain += 1
            else:
                by_key[key_id] += 1
    unused = [name for name in keys.ids if name not in by_key] if keys else []
    return Standing(keys.active if keys else None, dict(by_key), plain, unused)


def rotate(settings: Settings, conn: sa.Connection, day: date | None, tell: Tell) -> int:
    """How many files' keys were wrapped anew by the active key, first a new one made on `day`.

    Without `day` by the one that is active already. No content is read or written. Whenever it is
    interrupted all files can be read, and the next call goes on. Raises Terminal when a file's key
    is not there or something cannot be read, Retryable when the command of the keys fails or
    another process changes keys.
    """
    keys = _required(settings)
    with _alone(conn):
        if day is not None:
            _files(settings)  # what cannot be read stops it before there is a new key
            keys = keys.with_new_key(day)
            audit.note(conn, "key made", *_OBJECT, key=keys.active)
            conn.commit()
            reach("key made")
        guard_home(settings)
        done = 0
        for path in _files(settings):
            if _is_rewrapped(path, keys):
                done += 1
                reach("key of a file wrapped anew")
                tell(f"{done:,} files")
        audit.note(conn, "keys rotated", *_OBJECT, key=keys.active, files=done)
        conn.commit()
    return done


def forget(settings: Settings, conn: sa.Connection, key_id: str) -> None:
    """Removes a key from the key file. Raises Terminal while a file of the home needs it.

    What lies elsewhere, a backup for example, cannot be read without it. Raises AtWork while a
    partner is worked on, for a file that is moved meanwhile may be missed, and while another
    process changes keys.
    """
    keys = _required(settings)
    with _alone(conn):
        _require_rest(conn)
        needing = standing(settings).by_key.get(key_id, 0)
        if needing:
            raise Terminal(
                f"{needing:,} files are encrypted by key {key_id}. `edi834 keys rotate` first."
            )
        keys.without(key_id)
        audit.note(conn, "key forgotten", *_OBJECT, key=key_id)
        conn.commit()
    guard_home(settings)


def encrypt_existing(settings: Settings, conn: sa.Connection, tell: Tell) -> int:
    """How many files were sealed that had been stored before the home had a key.

    Each is whole at every moment, plain or sealed. What the disk keeps of deleted files is not
    overwritten. What is still being written is left to its writer. Raises AtWork while a partner is
    worked on, or another process changes keys.
    """
    keys = _required(settings)
    with _alone(conn):
        _require_rest(conn)
        guard_home(settings)
        LandingZone(settings.landing_folder).discard_unfinished()
        discard_unfinished(settings.tables_folder)
        done = 0
        for path in _files(settings):
            with suppress(FileNotFoundError):
                if path.name.startswith(".") and path.name.endswith(_UNFINISHED):
                    path.unlink()  # of a call that was killed
                elif not _is_in_progress(path, settings) and _sealed_by(path) is None:
                    _seal(path)
                    done += 1
                    tell(f"{done:,} files")
        audit.note(conn, "files encrypted", *_OBJECT, key=keys.active, files=done)
        conn.commit()
    return done


def _alone(conn: sa.Connection) -> AbstractContextManager[None]:
    """Nobody else changes keys in the block: the head of a file has two places, and no third."""
    return alone(
        conn,
        KEYS,
        "Another process is changing the keys of this home. Wait until it has ended, then see "
        "`edi834 keys status`.",
    )


def _require_rest(conn: sa.Connection) -> None:
    """Raises AtWork when a night works for a partner."""
    at_work = owners.all_at_work(conn)
    conn.commit()
    if at_work:
        raise AtWork(at_work[0].sentence)


def _is_in_progress(path: Path, settings: Settings) -> bool:
    """Whether it has no place of its own yet: it, or its folder, is renamed when it is whole."""
    return any(
        part.startswith(".") and part.endswith(_IN_PROGRESS)
        for part in path.relative_to(settings.home).parts
    )


def _seal(path: Path) -> None:
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    with path.open("rb") as plain, create(unfinished) as file:
        while chunk := plain.read(_COPIED_BYTES):
            file.write(chunk)
        settle(file)
    unfinished.replace(path)


def _required(settings: Settings) -> Keyring:
    keys = keyring_of(settings)
    if keys is None:
        raise Terminal(PLAIN.format(home=settings.home))
    return keys


def _files(settings: Settings) -> list[Path]:
    """Every file of the sealed folders, in the order of their names.

    Not the notes of downloads that were cut: those hold a storage key and a size.
    """
    return [
        path
        for folder in settings.sealed_folders
        for path in files_below(folder)
        if path.suffix != _NOTE
    ]


def _is_rewrapped(path: Path, keys: Keyring) -> bool:
    """Whether the file's key was wrapped anew; not where the file is moved away."""
    try:
        return rewrap(path, keys)
    except FileNotFoundError:
        return False
    except PermissionError as error:
        refuse(error)


def _sealed_by(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = read_head(path, file.fileno())
    except PermissionError as error:
        refuse(error)
    return None if head is None else head.wrapped[0].key_id
