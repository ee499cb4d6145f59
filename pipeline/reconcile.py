"""The book against the carrier's records: two frozen snapshots, compared, the result kept."""

from dataclasses import asdict, dataclass

import pyarrow as pa
import sqlalchemy as sa
import structlog

from enrollment.snapshot import book_snapshot
from ledger.gates import last_settled
from pipeline.carrier import CarrierRecords
from pipeline.pre_audit_breaks import compare_pre_audits, meet_pre_audits
from pipeline.runs import Run, writing
from pipeline.wiring import House
from reconciliation.balance import balance_of
from reconciliation.breaks import Scope, Sighting, end_waivers, meet
from reconciliation.comparison import reconcile_folders
from reconciliation.matches import decisions_of, meet_matches
from reconciliation.snapshots import freeze, frozen
from schemas.database import balance, difference, result
from schemas.errors import Terminal
from schemas.fault_points import reach
from schemas.postgres_copy import copy_into
from schemas.runs import run as ledger_run

log = structlog.get_logger()


def reconcile_partner(
    house: House,
    run: Run,
    partner_id: str,
    records: CarrierRecords,
    decisions: pa.Table | None = None,
) -> bool:
    """Whether the partner's book was compared with the carrier's records now, and the result kept.

    Not when the run has compared both already, as they are now: what it has effectuated itself
    since then is no reason to compare again. `decisions` is what persons have said of pairs until
    then, if not what they have said until now. Where a later night has compared already, the result
    is kept and neither breaks nor pairs are met: what that night saw is newer. Raises Terminal when
    the book has members and the carrier's records have none.
    """
    folder = house.settings.reports_folder / str(run.run_id) / partner_id / "reconciliation"
    on_day = house.day_of(partner_id, run.as_of)
    _, carrier_sha256 = freeze(records.members, folder / "carrier", "members")
    with house.engine.connect() as conn:
        last_batch_id = last_settled(conn, partner_id)
        if decisions is None:
            decisions = decisions_of(conn, partner_id)
        read = _Read(carrier_sha256, _kept(house, decisions), last_batch_id)
        if _is_done(conn, run, partner_id, read):
            return False
        book = book_snapshot(conn, partner_id, run.as_of, on_day)
    if book.num_rows and not records.members.num_rows:
        raise Terminal(
            f"{house.settings.carriers[partner_id].members} holds no member record. Deliver it "
            f"again, or all {book.num_rows:,} members of the book would count as missing there."
        )
    _, book_sha256 = freeze(book, folder / "book", "members")
    reach("snapshots frozen")
    comparison = reconcile_folders(
        folder / "book", folder / "carrier", folder, decisions=decisions, may_lack_book=True
    )
    keys = {"run_id": run.run_id, "partner_id": partner_id}
    counts = {k: v for k, v in comparison.counts.items() if k in result.c}
    dollars = balance_of(book, records.members, comparison)
    with house.engine.connect() as conn:
        audited = compare_pre_audits(conn, house, run, partner_id, book)
    with writing(house, run, partner_id, "reconciled") as conn:
        is_news = not _was_compared(conn, partner_id, book_sha256, read)
        for table in (difference, balance, result):
            conn.execute(sa.delete(table).where(*(table.c[k] == v for k, v in keys.items())))
        conn.execute(
            sa.insert(result).values(**keys, **counts, book_sha256=book_sha256, **asdict(read))
        )
        copy_into(conn, difference, comparison.differences, **keys)
        copy_into(conn, balance, dollars, **keys)
        if _has_later(conn, run, partner_id):
            log.info("a later night has met the breaks", partner=partner_id)
        else:
            sighting = Sighting(
                run.run_id, partner_id, "carrier", run.as_of, on_day, is_news=is_news,
                sha256=carrier_sha256, scope=Scope(unread_fields=comparison.not_compared),
            )  # fmt: skip
            became = meet(conn, sighting, comparison.differences, book)
            meet_pre_audits(conn, audited, book)
            end_waivers(conn, partner_id, run.run_id, run.as_of, on_day)
            meet_matches(conn, run.run_id, partner_id, run.as_of, comparison.matches)
            log.info("breaks met", partner=partner_id, **became)
    if comparison.is_too_much_alone:
        log.warning("too many rows without partner for likeness", partner=partner_id)
    log.info("reconciled", partner=partner_id, **comparison.counts)
    return True


def _was_compared(conn: sa.Connection, partner_id: str, book_sha256: str, read: "_Read") -> bool:
    """Whether these very snapshots, by the same words of persons, were the partner's last."""
    last = (
        sa.select(result.c.book_sha256, result.c.carrier_sha256, result.c.decisions_key)
        .where(result.c.partner_id == partner_id)
        .order_by(result.c.run_id.desc())
        .limit(1)
    )
    now = (book_sha256, read.carrier_sha256, read.decisions_key)
    return tuple(conn.execute(last).one_or_none() or ()) == now


def _has_later(conn: sa.Connection, run: Run, partner_id: str) -> bool:
    """Whether a night of a later moment has compared the partner's book."""
    later = sa.exists().where(
        result.c.partner_id == partner_id,
        result.c.run_id == ledger_run.c.run_id,
        ledger_run.c.as_of > run.as_of,
    )
    return bool(conn.execute(sa.select(later)).scalar_one())


@dataclass(frozen=True)
class _Read:
    """What beside the book a reconciliation has read, as its result keeps it."""

    carrier_sha256: str
    decisions_key: str | None
    last_batch_id: int | None


def _kept(house: House, decisions: pa.Table) -> str | None:
    """Where a replay finds what persons had said; None: nothing."""
    return house.landing.store([frozen(decisions)]).storage_key if decisions.num_rows else None


def _is_done(conn: sa.Connection, run: Run, partner_id: str, read: _Read) -> bool:
    same = (result.c[name].is_not_distinct_from(value) for name, value in asdict(read).items())
    known = sa.select(
        sa.exists().where(result.c.run_id == run.run_id, result.c.partner_id == partner_id, *same)
    )
    return bool(conn.execute(known).scalar_one())
