"""The exchange's pre-audit file: taken in once, and held against the book each night.

What it says otherwise meets breaks of its coverage year, until the next file of that year agrees.
It changes nothing and ends nobody. Of a policy of which something newer was said than the file was
gathered it says nothing any more.
"""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import structlog

from enrollment.of_year import policies_changed_since, policies_of_year
from ledger.files import file_row, set_of_month
from parsers.monthly_issues import issues
from parsers.pre_audit import PreAudit, nothing_of, read_pre_audit
from pipeline.journal import journal
from pipeline.month_answers import unpacked
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation import months
from reconciliation.breaks import Scope, Sighting, meet
from reconciliation.pre_audit import Told, compare_pre_audit, differences_of_year
from schemas.monthly_exchanges import load_month
from schemas.partners import Partner
from schemas.pre_audit import PreAuditLayout, load_pre_audit

log = structlog.get_logger()


def take_pre_audit(house: House, run: Run, file_id: int) -> str:
    """Takes in a pre-audit file of the mailbox, once. The word `pre_audit`.

    One that is refused is set apart with the reason, and the one before it goes on to hold.
    """
    with house.engine.connect() as conn:
        row = file_row(conn, file_id)
    partner = house.partner(row.partner_id)
    year = load_month(partner.exchange).year_of(row.name, run.as_of) or run.as_of.year
    read, digest = _read(house, partner, row.storage_key)
    with writing(house, run, partner.id, "answers read") as conn:
        read = _unless_half(conn, read, partner, year)
        _keep(conn, run, row, digest, year, read, _layout(partner))
        journal(conn, run, "file checked", file=file_id)
    log.info(
        "pre-audit file read",
        partner=partner.id,
        file_id=file_id,
        rows=read.rows.num_rows,
        issues=dict(Counter(read.issues["rule"].to_pylist())),
    )
    return "pre_audit"


def _read(house: House, partner: Partner, storage_key: str) -> tuple[PreAudit, str]:
    """The file, and the SHA-256 of what it says, however it was packed."""
    came = Path(house.landing.verified_path(storage_key)).read_bytes()
    content = unpacked(came, house.settings.max_file_bytes)
    if content is None:
        return nothing_of(issues("month-packed", [None])), hashlib.sha256(came).hexdigest()
    read = read_pre_audit(content, _layout(partner), partner)
    return read, hashlib.sha256(content).hexdigest()


def _layout(partner: Partner) -> PreAuditLayout:
    known = load_month(partner.exchange).pre_audit
    assert known is not None  # its name told what the file is
    return load_pre_audit(known.layout)


def _unless_half(conn: sa.Connection, read: PreAudit, partner: Partner, year: int) -> PreAudit:
    """The file, or nothing of it when the book has far more policies of the year."""
    if read.is_refused:
        return read
    share = load_month(partner.exchange).pre_audit
    told = len(pc.unique(read.rows["exchange_policy_id"])) + len(read.not_compared)
    in_book = policies_of_year(conn, partner.id, year)
    if share is None or told >= share.smallest_share * in_book:
        return read
    words = f"{told:,} policies of {year}, and the book {in_book:,}"
    return read.refused_for(issues("pre-audit-half", [None], None, words))


def _keep(  # noqa: PLR0913 - a file, and what is known of it
    conn: sa.Connection,
    run: Run,
    row: sa.Row[Any],
    digest: str,
    year: int,
    read: PreAudit,
    layout: PreAuditLayout,
) -> None:
    """Remembers the file; a copy of one that is known changes nothing."""
    known = months.known_file(conn, row.partner_id, "pre_audit", digest)
    if known is not None:
        set_of_month(conn, row.file_id, copy_of=known["file_id"])
        return
    refusals = read.issues.filter(pc.equal(read.issues["severity"], "reject"))
    file = months.MonthFile(
        row.partner_id, "pre_audit", f"{layout.id} {layout.version}", row.name,
        year, digest, row.size_bytes, row.storage_key, run.as_of, None, read.rows.num_rows,
        {"issues": dict(Counter(read.issues["rule"].to_pylist()))},
        "refused" if refusals.num_rows else "loaded", row.file_id,
    )  # fmt: skip
    months.remember(conn, file)
    note = refusals["message"][0].as_py() if refusals.num_rows else None
    set_of_month(conn, row.file_id, refused_as=note)


def meet_pre_audits(
    conn: sa.Connection, house: House, run: Run, partner: Partner, book: pa.Table
) -> None:
    """Meets the breaks of each coverage year with what its newest pre-audit file says.

    `book` is the partner's (BOOK_MEMBERS), as it is now.
    """
    for row in months.newest_pre_audits(conn, partner.id):
        read, _ = _read(house, partner, row["storage_key"])
        told = _as_compared(conn, partner, row["coverage_year"], read)
        comparison = compare_pre_audit(book, told, run.as_of.date())
        is_news = file_row(conn, row["file_id"]).run_id == run.run_id
        sighting = Sighting(
            run.run_id, partner.id, "pre_audit", run.as_of, is_news=is_news, sha256=row["sha256"],
            scope=Scope((str(row["coverage_year"]),)), file_id=row["file_id"] if is_news else None,
        )  # fmt: skip
        found = differences_of_year(comparison, row["coverage_year"])
        became = meet(conn, sighting, found, book)
        log.info(
            "pre-audit compared",
            partner=partner.id,
            year=row["coverage_year"],
            **comparison.counts,
            breaks=dict(became),
        )


def _as_compared(conn: sa.Connection, partner: Partner, year: int, read: PreAudit) -> Told:
    """The file, and the policies of which it says nothing (any more)."""
    newer = policies_changed_since(conn, partner.id, _gathered(read.rows))
    left_out = pa.chunked_array([*newer.chunks, read.not_compared])
    return Told(read.rows, left_out, year, _layout(partner).alike)


def _gathered(rows: pa.Table) -> str:
    """When the exchange began to gather the file (CCYYMMDDHHMMSSss), on its own clock."""
    day = pc.strftime(rows["created_on"], "%Y%m%d")
    clock = pc.utf8_slice_codeunits(pc.coalesce(rows["created_at"], "00000000"), 0, 8)
    moment = pc.binary_join_element_wise(day, clock.cast(day.type), "")
    return str(pc.min(moment).as_py() or "")
