"""The restore drill: a backup put back into a scratch home, and its history worked again there.

Where contents were removed by their age, nothing can be worked again: hashes and trail it is then.
So too where the history comes out otherwise because rules or program are others than they were.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from ledger import audit
from ledger.server import stop_embedded
from pipeline.backup import Tell, back_up
from pipeline.guarding import leave_home
from pipeline.replay import Replay, replay
from pipeline.restore import put_back
from pipeline.settings import Settings
from pipeline.wiring import House, open_house
from schemas.unfinished import discard_abandoned, hold

_SCRATCH = "drill."

_REMOVED = """
SELECT count(*) FROM ledger.audit_entry WHERE object_kind = 'file' AND action = 'content removed'
"""


@dataclass(frozen=True)
class Drill:
    """What the drill found: the files and entries that hold, and the replay of the history.

    That is None before the first run, and where contents of `removed` files are gone by their age.
    """

    taken_at: str
    files: int
    entries: int
    replayed: Replay | None
    removed: int = 0

    @property
    def other_rules(self) -> list[str]:
        """The rules and programs of the time, where a history that differs may come of them."""
        if self.replayed is None or self.replayed.is_identical:
            return []
        return self.replayed.other_rules

    @property
    def holds(self) -> bool:
        """Whether what was restored is what was backed up, as far as that can be told.

        Hashes and trail hold, or there is no drill. Its history must be the same, too, when it can
        be worked again by the rules and the program of then.
        """
        return self.replayed is None or self.replayed.is_identical or bool(self.other_rules)

    @property
    def is_by_hashes(self) -> bool:
        """Whether it holds by hashes and trail alone."""
        return self.holds and bool(self.removed or self.other_rules)


def drill(
    house: House, folder: Path | None, moment: datetime, tell: Tell = lambda _: None
) -> Drill:
    """Restores a backup, or one that is taken now, into a scratch home, and looks at it.

    Every hash, the audit trail, and the history, worked again from the restored bytes if all of
    them are kept. The scratch home and its database, on an embedded server of its own, are gone
    afterwards; what a killed drill has left is removed now. Raises Terminal when the backup cannot
    be restored.
    """
    discard_drills(house.settings)
    with _scratch(house.settings) as scratch:
        if folder is None:
            folder = scratch.home / "backup"
            back_up(house, folder, moment, tell)
        restored = put_back(folder, scratch, tell)
        with open_house(scratch) as again:
            removed = _removed(again)
            replayed = replay(again, tell=tell) if restored.manifest.runs and not removed else None
    manifest = restored.manifest
    found = Drill(manifest.taken_at, len(manifest.files), restored.entries, replayed, removed)
    with house.engine.begin() as conn:
        outcome = "holds" if found.holds else "differs"
        audit.note(
            *(conn, "restore drilled", "home", 0),
            outcome=outcome,
            files=found.files,
            removed=removed,
            other_rules=len(found.other_rules),
        )
    return found


def _removed(house: House) -> int:
    """How many files there are in the ledger whose bytes have gone by their age."""
    with house.engine.connect() as conn:
        return int(conn.scalar(sa.text(_REMOVED)) or 0)


def discard_drills(settings: Settings) -> int:
    """How many scratch homes were removed that killed drills have left in the home.

    A server that is still at work in one ends by itself without its folder.
    """
    return discard_abandoned(settings.home.glob(f"{_SCRATCH}*"))


@contextmanager
def _scratch(settings: Settings) -> Iterator[Settings]:
    """Settings of an empty home beside the folders of this one, without mailboxes."""
    folder = settings.home.absolute()
    home, held = hold(lambda: Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder)))
    scratch = settings.model_copy(update={"home": home, "database_url": None, "mailboxes": {}})
    home.chmod(0o711)  # the embedded server may run as an account of its own
    try:
        yield scratch
    finally:
        leave_home(scratch)
        if scratch.database_folder.exists():
            stop_embedded(scratch.database_folder)
        shutil.rmtree(home, ignore_errors=True)
        os.close(held)
