"""HIX 820s into the accounts: what was accepted of each, compared with the book, and kept once."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
import structlog

from enrollment.segments import book_segments
from ledger.files import file_row, unposted_files
from ledger.premium import (
    Posting,
    earlier_payments,
    paid_before,
    record_posting,
    take_for_posting,
)
from pipeline.checked_tables import read_table
from pipeline.journal import journal
from pipeline.premium_again import look_again
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation.breaks import LOOKED_AT, Scope, Sighting, meet
from reconciliation.premium import (
    PremiumMatch,
    PremiumTerms,
    differences_of,
    match_premium,
    period_of,
    terms_of,
)
from reconciliation.report_figures import add_up_payments
from reconciliation.snapshots import freeze
from schemas.errors import Terminal

log = structlog.get_logger()


@dataclass(frozen=True)
class Accepted:
    """What was accepted of a checked HIX 820."""

    remittances: pa.Table
    payments: pa.Table


def post_payments(house: House, run: Run, partner_id: str) -> None:
    """Posts the partner's checked files of payments, in the order of arrival."""
    with house.engine.connect() as conn:
        waiting = [row.file_id for row in unposted_files(conn, partner_id)]
    for file_id in waiting:
        post_file(house, run, file_id)


def post_file(house: House, run: Run, file_id: int) -> None:
    """Compares a file of payments with the book as of the run, and keeps both; once."""
    with house.engine.connect() as conn:
        partner_id = str(file_row(conn, file_id).partner_id)
    accepted = accepted_of(house.settings.tables_folder / str(file_id))
    folder = house.settings.reports_folder / str(run.run_id) / partner_id / "premium" / str(file_id)
    on_day = house.day_of(partner_id, run.as_of)
    with writing(house, run, partner_id, "payments posted") as conn:
        if take_for_posting(conn, file_id) is None:
            return
        accepted, note = _paid_once(conn, partner_id, file_id, accepted)
        segments = book_segments(conn, partner_id, run.as_of)
        earlier = earlier_payments(conn, partner_id, file_id, accepted.payments)
        match = _match(house, partner_id, accepted, earlier, segments)
        _, book_sha256 = freeze(segments, folder, "segments")
        freeze(match.months, folder, "months")
        posting = Posting(
            accepted.remittances,
            accepted.payments,
            match.months,
            match.stated,
            match.expected,
            book_sha256,
            note,
        )
        record_posting(conn, file_id, partner_id, run.run_id, posting)
        add_up_payments(conn, file_id)
        sighting = _sighting(conn, run, partner_id, on_day, file_id, match)
        meet(conn, sighting, differences_of(match.months, file_id))
        scope, still = look_again(
            conn, partner_id, segments, _terms(house, partner_id), sighting.scope
        )
        became = meet(conn, replace(sighting, scope=scope, is_news=False), still)
        journal(conn, run, "payments posted", file=file_id, payments=len(accepted.payments))
    log.info("payments posted", partner=partner_id, file_id=file_id, breaks=dict(became))


def _paid_once(
    conn: sa.Connection, partner_id: str, file_id: int, accepted: Accepted
) -> tuple[Accepted, str | None]:
    """What of the file has not been paid before, and a sentence about what has.

    A trace number (TRN02) is of one payment: another file with it, under whatever control
    numbers, tells the same money again.
    """
    before = paid_before(conn, partner_id, file_id, accepted.remittances)
    if not before:
        return accepted, None
    log.warning("payments told again", partner=partner_id, file_id=file_id, sets=len(before))
    files = ", ".join(map(str, sorted(set(before.values()))))
    note = (
        f"{len(before)} payment(s) with the trace number (TRN02) of file {files}: not posted again."
    )
    return _without(accepted, pa.array(list(before), pa.int64())), note


def _without(accepted: Accepted, sets: pa.Array) -> Accepted:
    tables = (accepted.remittances, accepted.payments)
    return Accepted(
        *(
            table.filter(pc.invert(pc.is_in(table["set_ordinal"], sets.cast(_type(table)))))
            for table in tables
        )
    )


def _type(table: pa.Table) -> pa.DataType:
    return table.schema.field("set_ordinal").type


def _sighting(  # noqa: PLR0913 - a night, its day, and what it posts
    conn: sa.Connection,
    run: Run,
    partner_id: str,
    on_day: date,
    file_id: int,
    match: PremiumMatch,
) -> Sighting:
    """A look at the months that the file pays, and at what else it is about."""
    rows = match.months
    fields = pa.table(
        [period_of(rows["month"]), rows["exchange_policy_id"], rows["amount_type"]],
        schema=LOOKED_AT,
    )
    sha256 = str(file_row(conn, file_id).sha256)
    months = tuple(f"{month:%Y-%m}" for month in match.paid_months)
    scope = Scope(months, fields, has_all_without_period=False)
    return Sighting(
        run.run_id, partner_id, "premium", run.as_of, on_day,
        is_news=True, sha256=sha256, scope=scope, file_id=file_id,
    )  # fmt: skip


def accepted_of(folder: Path) -> Accepted:
    """Remittances and payments of a checked file, without those of rejected transaction sets."""
    verdicts = read_table(folder, "set_verdicts")
    refused = verdicts.filter(pc.equal(verdicts["ack"], "R"))["set_ordinal"].combine_chunks()
    return Accepted(
        *(
            table.filter(pc.invert(pc.is_in(table["set_ordinal"], refused)))
            for table in (read_table(folder, name) for name in ("remittances", "premium_payments"))
        )
    )


def _match(
    house: House, partner_id: str, accepted: Accepted, earlier: pa.Table, segments: pa.Table
) -> PremiumMatch:
    terms = _terms(house, partner_id)
    match = match_premium(accepted.payments, accepted.remittances, earlier, segments, terms)
    if not match.is_conserved:
        raise Terminal(
            "The comparison of payments lost or doubled money. Report this; nothing was posted."
        )
    return match


def _terms(house: House, partner_id: str) -> PremiumTerms:
    partner = house.partner(partner_id)
    return terms_of(partner.exchange, [plan.plan_id for plan in partner.plans])
