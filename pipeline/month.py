"""The month, what we tell: an RCNI is written and proved, released by a person, sent by a night."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from enrollment.monthly_rows import rcni_rows
from ledger.sent import SentFile, record_sent, sent_file_id
from pipeline.journal import journal
from pipeline.rcni_proof import prove_rcni
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation import months
from reconciliation.snapshots import write_durably
from replies.rcni import RcniHead, write_rcni
from schemas.errors import Terminal
from schemas.monthly_exchanges import load_month
from schemas.monthly_layouts import load_rcni

log = structlog.get_logger()


@dataclass(frozen=True)
class WrittenRcni:
    """An RCNI that was proved: where it is, and its total."""

    month_file_id: int
    path: Path
    sha256: str
    totals: dict[str, str]
    unconfirmed: tuple[str, ...]  # fields that no source confirms


def build_rcni(
    house: House, partner_id: str, coverage_year: int, as_of: datetime, out: Path
) -> WrittenRcni:
    """Writes the partner's RCNI of the year to the folder, proved, and remembers it.

    The same belief at the same moment gives the same bytes. Raises Terminal when the exchange's
    layout is not known, when the book has nothing to tell, or when the proof fails.
    """
    file, content, unconfirmed = remember_rcni(house, partner_id, coverage_year, as_of)
    path = out / file.name
    write_durably(path, content)
    with house.engine.connect() as conn:
        known = months.known_file(conn, partner_id, "rcni", file.month, file.sha256)
    return WrittenRcni(known["month_file_id"], path, file.sha256, file.balance, unconfirmed)


def remember_rcni(
    house: House, partner_id: str, coverage_year: int, as_of: datetime
) -> tuple[months.MonthFile, bytes, tuple[str, ...]]:
    """The RCNI as it is remembered from now on, its bytes, and its fields that nobody confirms."""
    partner = house.partner(partner_id)
    month = load_month(partner.exchange)
    if month.rcni is None:
        raise Terminal(
            f"How {partner.exchange} wants its monthly file is not known. Write its layout into "
            "schemas/monthly and name it there."
        )
    layout = load_rcni(month.rcni)
    with house.engine.connect() as conn:
        rows = rcni_rows(conn, partner_id, coverage_year, as_of, house.day_of(partner_id, as_of))
    if not rows.num_rows:
        raise Terminal(
            f"The book of {partner_id} has no coverage that begins in {coverage_year}, so there is "
            "nothing to tell. Check --year and --as-of."
        )
    head = RcniHead(partner, coverage_year, as_of.astimezone(month.zone))
    content = write_rcni(rows, head, layout)
    totals = prove_rcni(content, rows, layout)
    stored = house.landing.store([content])
    file = months.MonthFile(
        partner_id, "rcni", f"{layout.id} {layout.version}",
        month.name_for(partner, coverage_year, as_of), coverage_year, f"{as_of:%Y%m}",
        stored.sha256, stored.size_bytes, stored.storage_key, as_of, None, rows.num_rows,
        totals, "written", None,
    )  # fmt: skip
    with house.engine.begin() as conn:
        if months.known_file(conn, partner_id, "rcni", file.month, stored.sha256) is None:
            months.remember(conn, file)
    return file, content, layout.unconfirmed


def send_released(house: House, run: Run, partner_id: str) -> None:
    """Hands the RCNI that a person has released longest ago to this night's delivery.

    A night sends one to a partner; of several years the others wait for the next nights.
    """
    with house.engine.connect() as conn:
        if months.next_released(conn, partner_id) is None:
            return
    with writing(house, run, partner_id, "month told") as conn:
        row = months.next_released(conn, partner_id)
        if row is None or sent_file_id(conn, "rcni", run.run_id, partner_id) is not None:
            return
        sent = SentFile(
            partner_id, row["name"], "rcni", None, row["sha256"], row["size_bytes"],
            row["storage_key"], run.run_id, run.as_of,
        )  # fmt: skip
        file_id = record_sent(conn, sent)
        months.mark_sent(conn, row["month_file_id"], file_id)
        journal(conn, run, "month told", partner=partner_id, month_file=row["month_file_id"])
    log.info("monthly file sent", partner=partner_id, file_id=file_id)
