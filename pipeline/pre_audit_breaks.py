"""The pre-audit file is held against the book each night, and meets breaks of its coverage year.

They stay until the next file of that year agrees. Of a policy of which something newer was said
than the file was gathered it says nothing any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import structlog

from enrollment.of_year import policies_changed_since
from ledger.files import file_row
from pipeline.pre_audit import layout_of
from pipeline.runs import Run
from pipeline.wiring import House
from reconciliation import months
from reconciliation.breaks import NOT_READ, Scope, Sighting, meet
from reconciliation.pre_audit import (
    Told,
    compare_pre_audit,
    differences_of_year,
    not_compared_of,
)
from reconciliation.snapshots import Snapshot
from schemas import monthly_tables, tables

log = structlog.get_logger()


@dataclass(frozen=True)
class ComparedYear:
    """What the newest pre-audit file of a year says otherwise than the book."""

    coverage_year: int
    sighting: Sighting
    found: pa.Table  # tables.FOUND_DIFFERENCES
    counts: dict[str, int]


def compare_pre_audits(
    conn: sa.Connection, house: House, run: Run, partner_id: str, book: pa.Table
) -> list[ComparedYear]:
    """The newest pre-audit file of each coverage year, as it was frozen, against the book.

    `book` is the partner's (BOOK_MEMBERS), as it is now. Reads only.
    """
    compared = []
    for row in months.newest_pre_audits(conn, partner_id):
        year, path = row["coverage_year"], house.landing.verified_path(row["frozen_key"])
        newer = policies_changed_since(conn, partner_id, row["balance"]["gathered"])
        unread = not_compared_of(path)
        left_out = pa.chunked_array([*newer.chunks, *unread.chunks], tables.TEXT)
        rows = Snapshot(frozenset(monthly_tables.PRE_AUDIT_ROWS.names), (path,))
        told = Told(rows, left_out, year, layout_of(house.partner(partner_id)).alike)
        on_day = house.day_of(partner_id, run.as_of)
        comparison = compare_pre_audit(book, told, on_day)
        is_news = file_row(conn, row["file_id"]).run_id == run.run_id
        sighting = Sighting(
            run.run_id, partner_id, "pre_audit", run.as_of, on_day, is_news=is_news,
            sha256=row["sha256"], scope=_scope(year, unread, newer),
            file_id=row["file_id"] if is_news else None,
        )  # fmt: skip
        found = differences_of_year(comparison, year)
        compared.append(ComparedYear(year, sighting, found, comparison.counts))
    return compared


def _scope(year: int, unread: pa.ChunkedArray, newer: pa.ChunkedArray) -> Scope:
    """The year, but for policies that could not be read; what is newer than the file closes."""
    open_still = unread.filter(pc.invert(pc.is_in(unread, newer)))
    return Scope((str(year),), unread=pa.table([open_still], schema=NOT_READ))


def meet_pre_audits(conn: sa.Connection, compared: Sequence[ComparedYear], book: pa.Table) -> None:
    """Meets the breaks of each coverage year with what was found."""
    for one in compared:
        became = meet(conn, one.sighting, one.found, book)
        log.info(
            "pre-audit compared",
            partner=one.sighting.partner_id,
            year=one.coverage_year,
            **one.counts,
            breaks=dict(became),
        )
