"""A backup as a home again: files, database, and what must not be taken for known.

What was sent after the backup is not in it. So control numbers go on behind a gap, which the audit
trail explains, every partner is held until a person has looked at the exchange and resumes it, and
what waited for its delivery in the backup is not sent before it is known that it was not.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from ledger import audit
from ledger.control_numbers import KINDS, Kind, jump_ahead, last_numbers
from ledger.corrections import Word
from ledger.dumping import is_empty, load
from ledger.operator_words import hold_partner, is_held
from ledger.sent import doubt_deliveries
from ledger.server import upgrade
from pipeline.backup import DATABASE, FILES, Manifest, Tell, hash_of, read_manifest
from pipeline.guarding import guard_home, keyring_of
from pipeline.operators import account
from pipeline.settings import CONFIGURATION, Settings, configuration_file, environment_for
from pipeline.wiring import engine_of
from schemas.errors import Terminal
from schemas.unfinished import settle_folder
from strongroom.files import open_clear, settle
from strongroom.guards import guard

# Control numbers that are left out, more than are given between two backups: files and their groups
# are few, and of transaction sets there is one for each policy that something is said about.
GAPS: dict[Kind, int] = {"interchange": 100_000, "group": 100_000, "transaction_set": 10_000_000}
HOLD = (
    "Restored from the backup of {taken_at}. Compare what the exchange has received since with "
    "what is known here, then resume."
)
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class HeldBack:
    """The partners that were held, and the files of ours that may have left since the backup."""

    partner_ids: list[str] = field(default_factory=list)
    in_doubt: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Restored:
    """What a restore left: the manifest, what it holds back, and the trail's verification."""

    manifest: Manifest
    held: list[str]
    entries: int
    in_doubt: list[int]


Then = Callable[[sa.Connection, Manifest], HeldBack]


def restore(folder: Path, settings: Settings, tell: Tell = lambda _: None) -> Restored:
    """Puts the backup in `folder` into the empty home and the empty database of the settings.

    Nobody opens the home before all of it has been done. Raises Terminal, before anything is
    written, when the home or the database is in use, another configuration than the home's own is
    in force, or a file of the backup is not as it was written; and when the audit trail is not
    whole.
    """
    _require_own_configuration(settings.home)

    def then(conn: sa.Connection, manifest: Manifest) -> HeldBack:
        return _hold_back(conn, manifest, settings)

    return put_back(folder, settings, tell, then)


def put_back(
    folder: Path,
    settings: Settings,
    tell: Tell = lambda _: None,
    then: Then = lambda _conn, _manifest: HeldBack(),
) -> Restored:
    """The same without gap and holds: the home exactly as it was when it was backed up.

    `then` is what is done in the database as soon as it is there; it names what it holds back.
    """
    keys = keyring_of(settings)
    guard_home(settings)
    guard(folder, keys)
    try:
        manifest = read_manifest(folder)
        _require_empty(settings)
        _require_whole(folder, manifest, tell)
        with _engine(settings) as engine:
            _require_empty_database(engine)
            with _noted(settings.restoring_note):
                _copy(folder, settings, manifest, tell)
                tell("the database")
                load(engine.url, environment_for(settings.home), _pieces(folder / DATABASE))
                upgrade(engine)
                with engine.begin() as conn:
                    held = then(conn, manifest)
                entries = _require_whole_trail(engine, manifest)
    finally:
        guard(folder, None)
    return Restored(manifest, held.partner_ids, entries, held.in_doubt)


@contextmanager
def _noted(note: Path) -> Iterator[None]:
    """The note is there from now on, and gone when all has been done; whatever fails leaves it."""
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    settle_folder(note.parent)
    yield
    note.unlink()


def _require_whole_trail(engine: sa.Engine, manifest: Manifest) -> int:
    """How many entries the audit trail has; it may go on behind the end that the manifest names."""
    with engine.connect() as conn:
        anchor = audit.Anchor.of(manifest.head) if manifest.runs else None
        found = audit.verify(audit.entries(conn), anchor)
    if found.fault is not None:
        raise Terminal(
            f"The audit trail of the backup is not whole: {found.fault.sentence}. Use another one."
        )
    return found.entries


@contextmanager
def _engine(settings: Settings) -> Iterator[sa.Engine]:
    engine = engine_of(settings)
    try:
        yield engine
    finally:
        engine.dispose()


def _hold_back(conn: sa.Connection, manifest: Manifest, settings: Settings) -> HeldBack:
    """Holds every partner, and leaves a gap in all of its numbers.

    So too those of which the backup knows nothing: their first night may have been after it. What
    was written and not delivered may have been delivered since.
    """
    last = {(row.partner_id, row.kind): row.last_value for row in last_numbers(conn)}
    partner_ids = sorted({*settings.mailboxes, *(partner_id for partner_id, _ in last)})
    held = [partner_id for partner_id in partner_ids if not is_held(conn, partner_id)]
    by = account()
    for partner_id in held:
        hold_partner(conn, partner_id, Word(by, by, HOLD.format(taken_at=manifest.taken_at)))
    for partner_id in partner_ids:
        for kind in KINDS:
            jump_ahead(conn, partner_id, kind, last.get((partner_id, kind), 0) + GAPS[kind])
    in_doubt = doubt_deliveries(conn)
    audit.note(conn, "restored", "home", 0, head=manifest.head)
    return HeldBack(held, in_doubt)


def _require_own_configuration(home: Path) -> None:
    """What lies in the current folder comes first here, and may not where the next command is."""
    own, used = home / CONFIGURATION, configuration_file(home)
    if own.is_file() and used == Path(CONFIGURATION) and not used.samefile(own):
        raise Terminal(
            f"{own} does not hold here: {used.absolute()} in the current folder does. Restore from "
            "another folder, or name the one that is to hold from now on in EDI834_CONFIG."
        )


def _require_empty(settings: Settings) -> None:
    used = [one for one in (*settings.sealed_folders, settings.database_folder) if _is_used(one)]
    if used:
        raise Terminal(f"{used[0]} is in use. Restore into a home that is empty.")


def _require_empty_database(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        if not is_empty(conn):
            raise Terminal(
                "The database of the settings is in use. Name an empty one in database_url."
            )


def _is_used(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _require_whole(folder: Path, manifest: Manifest, tell: Tell) -> None:
    for number, (name, sha256) in enumerate(manifest.files.items(), 1):
        tell(f"{number:,} of {len(manifest.files):,} files looked at")
        path = folder / name
        if not path.is_file() or hash_of(path) != sha256:
            what = "is damaged" if path.is_file() else "is gone"
            raise Terminal(f"{path} {what}, and nothing was restored. Use another backup.")


def _copy(folder: Path, settings: Settings, manifest: Manifest, tell: Tell) -> None:
    names = [name for name in manifest.files if name.startswith(f"{FILES}/")]
    for number, name in enumerate(names, 1):
        tell(f"{number:,} of {len(names):,} files copied")
        target = settings.home / Path(name).relative_to(FILES)
        if not target.resolve().is_relative_to(settings.home.resolve()):
            raise Terminal(f"The manifest names {name}, outside of a home. Use another backup.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with (folder / name).open("rb") as source, target.open("wb") as copy:
            while piece := source.read(_PIECE_BYTES):
                digest.update(piece)
                copy.write(piece)
            settle(copy)
        if digest.hexdigest() != manifest.files[name]:
            raise Terminal(f"{folder / name} changed while it was copied. Begin again.")


def _pieces(path: Path) -> Iterator[bytes]:
    with open_clear(path) as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
