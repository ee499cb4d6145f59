"""A backup of a home: its database and its files, each hashed, in a folder of its own.

The database is copied first, as it is at one moment; everything it speaks of lies in the files
already, which are only ever added. Sealed files are copied as they are, and all else is sealed by
the same keys. No key is in a backup, and no configuration: the manifest names where that was.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from ledger import audit
from ledger.control_numbers import last_numbers
from ledger.dumping import dump
from ledger.locks import CONTENTS, shared
from pipeline.guarding import keyring_of
from pipeline.one_home import require_stored
from pipeline.settings import Settings, configuration_file, environment_for
from pipeline.wiring import House
from schemas.errors import Retryable, Terminal
from strongroom.files import create, read_clear, settle
from strongroom.guards import guard
from strongroom.walking import files_below, refuse

MANIFEST, DATABASE, FILES = "manifest.json", "database.dump", "files"
_LAYOUT = 1
_PIECE_BYTES = 1 << 20

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `files` has the SHA-256 of each file as it lies there, by its path.

    `numbers` are the control numbers that were given last, by partner and kind.
    """

    layout: int
    taken_at: str
    head: str  # of the audit trail
    runs: int
    revision: str  # of the database
    key: str | None  # that was active
    configuration: str | None  # the file that was in force; it is not copied
    numbers: dict[str, dict[str, int]]
    files: dict[str, str]


def back_up(house: House, folder: Path, moment: datetime, tell: Tell = lambda _: None) -> Manifest:
    """The manifest of the new backup in `folder`, which must be empty or not there.

    The manifest is written last: without one there is no backup. Nothing old is removed from the
    home meanwhile. Raises Terminal when the folder cannot be written or something of the home
    cannot be read or is that of another database, Retryable when the database does not answer.
    """
    settings = house.settings
    _make_own(folder)
    keys = keyring_of(settings)
    guard(folder, keys)
    try:
        with house.engine.connect() as conn, shared(conn, CONTENTS):
            head, revision, runs = _standing(conn)
            numbers = _numbers(conn)
            require_stored(conn, settings.landing_folder)
            conn.commit()
            hashes = _copy_all(house, folder, tell)
        used = configuration_file(settings.home)
        manifest = Manifest(
            _LAYOUT, moment.isoformat(), head, runs, revision, keys.active if keys else None,
            str(used.absolute()) if used else None, numbers, hashes,
        )  # fmt: skip
        with create(folder / MANIFEST) as file:
            file.write(json.dumps(asdict(manifest), indent=1).encode())
            settle(file)
    finally:
        guard(folder, None)
    with house.engine.begin() as conn:
        sha256 = hash_of(folder / MANIFEST)
        audit.note(conn, "backed up", "home", 0, files=len(hashes), head=head, manifest=sha256)
    return manifest


def _make_own(folder: Path) -> None:
    """Makes the folder, or takes an empty one: nobody else may look into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise Terminal(
            f"{folder} cannot be made a folder for this account alone: {error.strerror}. Give "
            "another one."
        ) from error
    if not is_empty:
        raise Terminal(f"{folder} is not empty. Give each backup a folder of its own.")


def _copy_all(house: House, folder: Path, tell: Tell) -> dict[str, str]:
    """The hash of each file of the backup but the manifest: the database's first."""
    settings = house.settings
    tell("the database")
    with create(folder / DATABASE) as file:
        dump(house.engine.url, environment_for(settings.home), file.write)
        settle(file)
    hashes = {DATABASE: hash_of(folder / DATABASE)}
    for number, (name, path) in enumerate(_files(settings), 1):
        tell(f"{number:,} files")
        hashes[f"{FILES}/{name}"] = _copied(path, folder / FILES / name)
    return hashes


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises Terminal when there is none, or one of another layout."""
    try:
        content = json.loads(read_clear(folder / MANIFEST))
        manifest = Manifest(**content)
    except FileNotFoundError:
        raise Terminal(
            f"{folder} has no {MANIFEST}: it is no backup, or one that was interrupted. Take "
            "another one."
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise Terminal(
            f"{folder / MANIFEST} cannot be read ({type(error).__name__}). Take another backup."
        ) from error
    if manifest.layout != _LAYOUT:
        raise Terminal(f"{folder} is a backup of layout {manifest.layout}, and we read {_LAYOUT}.")
    return manifest


def hash_of(path: Path) -> str:
    """The SHA-256 of a file as it lies there, sealed or not."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _standing(conn: sa.Connection) -> tuple[str, str, int]:
    """The head of the trail, the revision, and how many runs there are."""
    revision = conn.execute(sa.text("SELECT version_num FROM edi834_version")).scalar_one()
    runs = conn.execute(sa.text("SELECT count(*) FROM ledger.run")).scalar_one()
    return str(audit.head(conn)), str(revision), int(runs)


def _numbers(conn: sa.Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in last_numbers(conn):
        found.setdefault(row.partner_id, {})[row.kind] = row.last_value
    return found


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Every finished file of the home, by its path there."""
    for folder in settings.sealed_folders:
        for path in files_below(folder, _is_finished):
            if _is_finished(path.name):
                yield str(path.relative_to(settings.home)), path


def _is_finished(name: str) -> bool:
    return not name.startswith(".")


def _copied(path: Path, target: Path) -> str:
    """The hash of the copy; what is plain in a home with a key is refused by its reader later."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with _opened(path) as source, target.open("wb") as copy:
        while piece := source.read(_PIECE_BYTES):
            digest.update(piece)
            copy.write(piece)
        settle(copy)
    shutil.copystat(path, target)
    return digest.hexdigest()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise Retryable(
            f"{path} was taken away while the home was copied. Take another backup, into another "
            "folder."
        ) from None
    except PermissionError as error:
        refuse(error)
