"""Bytes, tables and reports that are older than they have to be kept, and on which no hold lies.

What the ledger and the audit trail say of them stays: name, hash, verdict, answers. Without the
setting `retention.years` everything is kept.
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ledger import audit
from ledger.locks import CONTENTS, alone
from pipeline.wiring import House
from schemas.errors import Terminal
from schemas.housekeeping import load_housekeeping

# Bytes belong to every file that has them, and go with the youngest of them; so do those that a
# file of ours had on the wire, when it was wrapped.
_OLD_CONTENT = """
SELECT f.storage_key, array_agg(f.file_id ORDER BY f.file_id) AS file_ids
FROM (
  SELECT storage_key, file_id, partner_id, state, recorded_at FROM ledger.file
  UNION
  SELECT w.storage_key, f.file_id, f.partner_id, f.state, f.recorded_at
  FROM ledger.wrapping w JOIN ledger.file f USING (file_id) WHERE w.origin_file_id IS NULL
) f
GROUP BY f.storage_key
HAVING max(f.recorded_at) < :before AND NOT bool_or(f.partner_id = ANY(:held))
  AND NOT bool_or(f.state IN ('received', 'checked', 'staged', 'written'))
  AND NOT EXISTS (SELECT FROM reconciliation.month_file m
    WHERE m.storage_key = f.storage_key AND m.as_of >= :before)
ORDER BY f.storage_key
"""
# Bytes that came again are written before the ledger knows of it.
_SETTLED = timedelta(days=1)
_OLD_RUNS = "SELECT run_id FROM ledger.run WHERE as_of < :before ORDER BY run_id"

_BACKUP = "A backup is being taken, and nothing is removed meanwhile. Try again when it has ended."


@dataclass(frozen=True)
class Removed:
    """How many files' bytes and tables, and how many partners' reports of a run, were removed."""

    files: int
    reports: int


def remove_old(house: House, now: datetime) -> Removed | None:
    """What was removed; None when the settings keep everything.

    Each removal is an entry in the audit trail before it is done. `now` counts only up to the hour
    of this machine, so that nothing is old because somebody says a later one. Raises Terminal when
    the settings keep less than the law wants, and AtWork while a backup is taken, which has to find
    everything that it speaks of.
    """
    years = house.settings.retention.years
    if years is None:
        return None
    least = load_housekeeping().retention
    if years < least.years:
        raise Terminal(
            f"Setting retention.years is {years}, and nothing younger than {least.years} years may "
            f"be removed ({least.source}). Correct it."
        )
    before = _years_before(min(now, datetime.now(UTC)), years)
    held = sorted(house.settings.retention.legal_holds)
    with house.engine.connect() as conn, alone(conn, CONTENTS, _BACKUP):
        return Removed(_remove_content(house, before, held), _remove_reports(house, before, held))


def _years_before(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year - years, day=28)


def _remove_content(house: House, before: datetime, held: list[str]) -> int:
    asked = sa.text(_OLD_CONTENT).bindparams(before=before, held=held)
    with house.engine.connect() as conn:
        old = conn.execute(asked).all()
    count = 0
    for row in old:
        tables = [house.settings.tables_folder / str(file_id) for file_id in row.file_ids]
        content = house.landing.folder / row.storage_key
        if not any(one.exists() for one in (content, *tables)) or _is_fresh(content):
            continue
        with house.engine.begin() as conn:
            for file_id in row.file_ids:
                audit.note(conn, "content removed", "file", file_id, sha256=row.storage_key[3:])
        house.landing.discard(row.storage_key)
        for folder in tables:
            shutil.rmtree(folder, ignore_errors=True)
        count += len(row.file_ids)
    return count


def _is_fresh(content: Path) -> bool:
    """Whether the bytes were written lately: they may have come again, and nobody knows it yet."""
    try:
        written = datetime.fromtimestamp(content.stat().st_mtime, UTC)
    except FileNotFoundError:
        return False
    return datetime.now(UTC) - written < _SETTLED


def _remove_reports(house: House, before: datetime, held: list[str]) -> int:
    with house.engine.connect() as conn:
        old = conn.execute(sa.text(_OLD_RUNS), {"before": before}).scalars().all()
    count = 0
    for run_id in old:
        for folder in sorted((house.settings.reports_folder / str(run_id)).glob("*/")):
            if folder.name in held:
                continue
            with house.engine.begin() as conn:
                audit.note(conn, "reports removed", "run", run_id, partner=folder.name)
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count
