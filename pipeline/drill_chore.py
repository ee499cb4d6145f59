"""The restore drill as a chore: the newest backup, or one taken now, as seldom as is enough."""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from pipeline.backup import MANIFEST, read_manifest
from pipeline.drill import Drill, drill
from pipeline.guarding import keyring_of
from pipeline.wiring import House
from schemas.housekeeping import load_housekeeping
from strongroom.guards import guard

_LAST = """
SELECT at, details->>'removed' <> '0' OR coalesce(details->>'other_rules', '0') <> '0' AS by_hashes
FROM ledger.audit_entry
WHERE object_kind = 'home' AND object_id = 0 AND action = 'restore drilled'
  AND details->>'outcome' = 'holds' ORDER BY ordinal DESC LIMIT 1
"""


def restore_drill(house: House, now: datetime) -> tuple[bool, str]:
    """Whether a backup could be restored lately, and the sentence that tells it.

    Nothing is restored within `drill_days` of a drill that held; that the newest backup is too old
    is told each day. Raises Terminal when the backup cannot be restored.
    """
    kept = load_housekeeping()
    with house.engine.connect() as conn:
        last = conn.execute(sa.text(_LAST)).one_or_none()
    backups = house.settings.backups
    newest = _newest(backups) if backups else None
    if backups and newest is None:
        return False, f"There is no backup in {backups}. Take one: `edi834 backup take`."
    if last is not None and (now - last.at).days < kept.drill_days:
        how = " by hashes and trail" if last.by_hashes else ""
        told = f"A backup was restored on {last.at:%Y-%m-%d}, and held{how}"
        age = _age(_taken_at(house, newest), now) if newest else 0
        if age > kept.backup_days:
            return False, f"{told}; the newest is {age} days old. Take one: `edi834 backup take`."
        return True, f"{told}."
    return _told(drill(house, newest, now), now, kept.backup_days)


def _told(found: Drill, now: datetime, backup_days: int) -> tuple[bool, str]:
    told = f"The backup of {found.taken_at} with {found.files:,} files"
    if not found.holds:
        return False, f"{told} differs when it is worked again. See `edi834 backup drill`."
    age = _age(found.taken_at, now)
    if age > backup_days:
        return False, f"{told} holds, but it is {age} days old. Take one: `edi834 backup take`."
    if found.removed:
        return True, f"{told} holds by hashes and trail. Old contents are gone: no run was worked."
    if found.other_rules:
        rules = "; ".join(found.other_rules)
        return True, (
            f"{told} holds by hashes and trail. By today's rules and program its history comes out "
            f"otherwise than by those of then ({rules}): `edi834 backup drill` tells what differs."
        )
    return True, f"{told} was restored, and holds."


def _newest(backups: Path) -> Path | None:
    """The folder whose manifest was written last."""
    manifests = backups.glob(f"*/{MANIFEST}")
    newest = max(manifests, key=lambda path: path.stat().st_mtime, default=None)
    return newest.parent if newest else None


def _taken_at(house: House, backup: Path) -> str:
    guard(backup, keyring_of(house.settings))
    try:
        return read_manifest(backup).taken_at
    finally:
        guard(backup, None)


def _age(taken_at: str, now: datetime) -> int:
    return (now - datetime.fromisoformat(taken_at)).days
