"""The book against the carrier's records: two frozen snapshots, compared, the result kept."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import structlog

from enrollment.snapshot import book_snapshot
from pipeline.carrier import CarrierRecords
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation.comparison import Comparison, reconcile_folders
from reconciliation.snapshots import freeze
from schemas.database import difference, result
from schemas.errors import Terminal
from schemas.postgres_copy import copy_into

log = structlog.get_logger()


@dataclass(frozen=True)
class Reconciled:
    """The comparison and the folder that holds its evidence."""

    comparison: Comparison
    folder: Path


def reconcile_partner(
    house: House, run: Run, partner_id: str, records: CarrierRecords
) -> Reconciled:
    """Compares the partner's book with the carrier's records and keeps the differences.

    Raises Terminal when the book has members and the carrier's records have none.
    """
    folder = house.settings.reports_folder / str(run.run_id) / partner_id / "reconciliation"
    with house.engine.connect() as conn:
        book = book_snapshot(conn, partner_id, run.as_of)
    if book.num_rows and not records.members.num_rows:
        raise Terminal(
            f"{house.settings.carriers[partner_id].members} holds no member record. Deliver it "
            f"again, or all {book.num_rows:,} members of the book would count as missing there."
        )
    _, book_sha256 = freeze(book, folder / "book", "members")
    _, carrier_sha256 = freeze(records.members, folder / "carrier", "members")
    comparison = reconcile_folders(folder / "book", folder / "carrier", folder)
    keys = {"run_id": run.run_id, "partner_id": partner_id}
    counts = {k: v for k, v in comparison.counts.items() if k in result.c}
    with writing(house, run, partner_id) as conn:
        for table in (difference, result):
            conn.execute(sa.delete(table).where(*(table.c[k] == v for k, v in keys.items())))
        conn.execute(
            sa.insert(result).values(
                **keys, **counts, book_sha256=book_sha256, carrier_sha256=carrier_sha256
            )
        )
        copy_into(conn, difference, comparison.differences, **keys)
    log.info("reconciled", partner=partner_id, **comparison.counts)
    return Reconciled(comparison, folder)
