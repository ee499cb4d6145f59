"""The carrier's own records, wherever the settings say they are: read whole, judged and kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from ledger.carrier_readings import (
    CarrierReading,
    Usual,
    last_reading,
    record_reading,
    use_acceptances,
    usual_size,
)
from ledger.server import open_engine
from pipeline.runs import Run, writing
from pipeline.settings import CarrierSettings
from pipeline.wiring import House, postgresql_url
from reconciliation.carrier_records import read_members, read_payments, read_requests
from reconciliation.carrier_sources import CarrierTable, Source, one_snapshot, unchanged
from reconciliation.snapshots import frozen
from schemas import tables
from schemas.errors import Terminal
from schemas.fault_points import reach


@dataclass(frozen=True)
class CarrierRecords:
    """The carrier's side: CARRIER_MEMBERS (schemas.records), CARRIER_PAYMENTS and CARRIER_REQUESTS.

    `is_stale`: just this was read for longer than the settings allow, so nobody's coverage may be
    ended by it. `payments_are_stale`: just these payments were, so nobody's coverage may be ended
    for want of one.
    """

    members: pa.Table
    payments: pa.Table
    requests: pa.Table = field(default_factory=tables.CARRIER_REQUESTS.empty_table)
    is_stale: bool = False
    payments_are_stale: bool = False


def read_carrier_records(house: House, partner_id: str) -> CarrierRecords:
    """The partner's records at the carrier, all of one moment.

    Raises Terminal when they are missing or damaged, Retryable when they change while they are
    read.
    """
    settings = _settings(house, partner_id)
    partner = house.partner(partner_id)
    with _sources(house, settings) as sources:
        members, payments, *requests = sources
        return CarrierRecords(
            read_members(members, partner),
            read_payments(payments, partner),
            *(read_requests(source, partner) for source in requests),
        )


def keep_carrier_records(
    house: House, run: Run, partner_id: str, records: CarrierRecords
) -> CarrierRecords:
    """The records, and whether they are stale, once the landing zone has them for a replay.

    Raises Terminal, and keeps nothing, when there are far fewer rows than were read last.
    """
    with house.engine.connect() as conn:
        usual = usual_size(conn, partner_id)
        last = last_reading(conn, partner_id)
    if usual is not None:
        _require_usual_size(house, partner_id, records, usual)
    reading = _reading(house, run, partner_id, records)
    accepted = usual.acceptance_id if usual else None
    if last is not None and accepted is None:
        reading = _aged(reading, last, run.as_of, _settings(house, partner_id))
    reach("carrier records stored")
    with writing(house, run, partner_id, "carrier records read") as conn:
        record_reading(conn, reading)
        if accepted is not None:
            use_acceptances(conn, partner_id, accepted, run.run_id)
    return replace(
        records, is_stale=reading.is_stale, payments_are_stale=reading.payments_are_stale
    )


def _aged(
    reading: CarrierReading, last: CarrierReading, now: datetime, settings: CarrierSettings
) -> CarrierReading:
    """The reading, with how long all of it, and its payments, have been the same.

    Members change every day. Payments that stand still beside them are a job of the carrier's that
    has failed, until somebody says that nobody has paid.
    """
    if last.payments_key == reading.payments_key:
        since, days = last.payments_since, timedelta(days=settings.payments_may_stand_still)
        reading = replace(
            reading, payments_unchanged_since=since, payments_are_stale=now - since > days
        )
    if last.keys == reading.keys:
        since, days = last.unchanged_since, timedelta(days=settings.stale_after_days)
        is_stale = now - since > days
        reading = replace(
            reading,
            unchanged_since=since,
            is_stale=is_stale,
            payments_are_stale=is_stale or reading.payments_are_stale,
        )
    return reading


def _settings(house: House, partner_id: str) -> CarrierSettings:
    settings = house.settings.carriers.get(partner_id)
    if settings is None:
        raise Terminal(
            f"No carrier records for partner {partner_id}. Add [carriers.{partner_id}] to "
            "edi834.toml."
        )
    return settings


def _require_usual_size(
    house: House, partner_id: str, records: CarrierRecords, usual: Usual
) -> None:
    settings = _settings(house, partner_id)
    for name, source, now, then in (
        ("member records", settings.members, len(records.members), usual.members_rows),
        ("payments", settings.payments, len(records.payments), usual.payments_rows),
    ):
        if now < settings.smallest_share * then:
            raise Terminal(
                f"{source} holds {now:,} {name}, and {usual.told_by} {then:,}. Nothing of it is "
                "used: deliver it again. If it is true, say so: edi834 carrier accept "
                f"{partner_id} --by NAME --reason TEXT."
            )


def _reading(house: House, run: Run, partner_id: str, records: CarrierRecords) -> CarrierReading:
    """The reading of records that have changed just now; the landing zone has them."""
    read = (records.members, records.payments, records.requests)
    members, payments, requests = (
        house.landing.store([frozen(table)]).storage_key for table in read
    )
    return CarrierReading(
        run_id=run.run_id,
        partner_id=partner_id,
        members_key=members,
        members_rows=len(records.members),
        payments_key=payments,
        payments_rows=len(records.payments),
        requests_key=requests,
        requests_rows=len(records.requests),
        unchanged_since=run.as_of,
        is_stale=False,
        payments_unchanged_since=run.as_of,
        payments_are_stale=False,
    )


def _carriers_engine(url: str) -> sa.Engine:
    return open_engine(postgresql_url(url, "database_url of the carrier"))


@contextmanager
def _sources(house: House, settings: CarrierSettings) -> Iterator[list[Source]]:
    """Members, payments, and requests if there are any, as they are at one moment."""
    names = [name for name in (settings.members, settings.payments, settings.requests) if name]
    if settings.kind == "file":
        paths = [Path(name) for name in names]
        with unchanged(paths):
            yield [*paths]
        return
    own = settings.database_url is None
    engine = house.engine if own else _carriers_engine(str(settings.database_url))
    try:
        with one_snapshot(engine, names) as conn:
            yield [CarrierTable(conn, name) for name in names]
    finally:
        if not own:
            engine.dispose()
