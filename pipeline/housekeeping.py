"""Housekeeping: chores that no night needs, each by itself, each as often as anybody likes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from pipeline.chain import verify_chain
from pipeline.checked_tables import discard_unfinished
from pipeline.drill import discard_drills
from pipeline.drill_chore import restore_drill
from pipeline.expiries import expiries
from pipeline.retention import remove_old
from pipeline.retrying import until_done
from pipeline.wiring import House
from schemas.errors import Retryable, Terminal
from schemas.housekeeping import load_housekeeping
from strongroom.drafts import discard_drafts

# Another sample each day, and the same one for whoever asks again.
_SAMPLE = """
SELECT file_id, storage_key FROM ledger.file f
WHERE NOT EXISTS (SELECT FROM ledger.audit_entry e WHERE e.object_kind = 'file'
  AND e.object_id = f.file_id AND e.action = 'content removed')
ORDER BY md5(file_id || :seed) LIMIT :count
"""


@dataclass(frozen=True)
class Found:
    """What a chore found. `is_well`: no person has to do anything."""

    chore: str
    is_well: bool
    sentence: str


def do_chore(house: House, chore: str, now: datetime) -> Found:
    """Does one chore of `CHORES`. Raises Terminal when there is none of that name."""
    require_chores([chore])
    is_well, sentence = until_done(chore, partial(CHORES[chore], house, now))
    return Found(chore, is_well, sentence)


def do_chore_or_tell(house: House, chore: str, now: datetime) -> Found:
    """The same; what cannot be done is found, too, so that others are not left undone."""
    try:
        return do_chore(house, chore, now)
    except (Retryable, Terminal) as error:
        return Found(chore, is_well=False, sentence=str(error))


def require_chores(chores: Iterable[str]) -> None:
    """Raises Terminal when one is none of `CHORES`."""
    for chore in chores:
        if chore not in CHORES:
            raise Terminal(f"There is no chore {chore!r}. There are: {', '.join(CHORES)}.")


def _audit_trail(house: House, now: datetime) -> tuple[bool, str]:
    del now
    found = verify_chain(house)
    if found.fault is None:
        return (
            True,
            f"The audit trail is whole: {found.entries:,} entries, the last is {found.head}",
        )
    return (
        False,
        f"The audit trail is not whole: {found.fault.sentence}. Keep database and backups.",
    )


def _stored_files(house: House, now: datetime) -> tuple[bool, str]:
    count = load_housekeeping().sampled_files
    asked = sa.text(_SAMPLE).bindparams(seed=f"{now:%Y-%m-%d}", count=count)
    with house.engine.connect() as conn:
        sample = conn.execute(asked).all()
    damaged = sorted(row.file_id for row in sample if not _is_sound(house, row.storage_key))
    if not damaged:
        return True, f"{len(sample):,} stored files have the hash that the ledger says."
    told = ", ".join(map(str, damaged[:10]))
    return False, (
        f"{len(damaged):,} of {len(sample):,} stored files are damaged or not there, files {told}. "
        "Restore them from the backup."
    )


def _is_sound(house: House, storage_key: str) -> bool:
    try:
        house.landing.open(storage_key).close()
    except Terminal:
        return False
    return True


def _abandoned_files(house: House, now: datetime) -> tuple[bool, str]:
    del now
    count = house.landing.discard_unfinished()
    count += discard_unfinished(house.settings.tables_folder)
    count += discard_drills(house.settings) + discard_drafts(house.settings.home)
    return True, f"{count:,} temporary files and folders of killed processes were removed."


def _expiry(house: House, now: datetime) -> tuple[bool, str]:
    days = load_housekeeping().expiry_days
    soon = [
        f"{one.labels['what']} {one.labels['name']} on {one.last_day}"
        for one in expiries(house, now.date())
        if (one.last_day - now.date()).days <= days
    ]
    if not soon:
        return True, f"Nothing has its last day within {days} days."
    return False, f"Last days: {'; '.join(sorted(soon))}. Renew what is still wanted."


def _retention(house: House, now: datetime) -> tuple[bool, str]:
    removed = remove_old(house, now)
    if removed is None:
        return True, "Everything is kept: retention.years is not set."
    held = len(house.settings.retention.legal_holds)
    return True, (
        f"The contents of {removed.files:,} files and {removed.reports:,} folders of reports were "
        f"removed; legal holds lie on {held} partners."
    )


# One more chore is one more line here and one more name in dags/housekeeping.py.
CHORES: dict[str, Callable[[House, datetime], tuple[bool, str]]] = {
    "audit-trail": _audit_trail,
    "stored-files": _stored_files,
    "abandoned-files": _abandoned_files,
    "expiry": _expiry,
    "retention": _retention,
    "restore-drill": restore_drill,
}
