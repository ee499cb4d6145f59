"""The carrier's own records, wherever the settings say they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from ledger.carrier_readings import CarrierReading, record_reading
from ledger.server import open_engine
from pipeline.runs import Run, writing
from pipeline.settings import CarrierSettings
from pipeline.wiring import House, postgresql_url
from reconciliation.carrier_records import CarrierTable, Source, read_members, read_payments
from reconciliation.snapshots import frozen
from schemas.errors import Terminal
from schemas.fault_points import reach


@dataclass(frozen=True)
class CarrierRecords:
    """The carrier's side: `tables.CARRIER_MEMBERS` and `tables.CARRIER_PAYMENTS`."""

    members: pa.Table
    payments: pa.Table


def read_carrier_records(house: House, partner_id: str) -> CarrierRecords:
    """The partner's records at the carrier. Raises Terminal when they are missing or damaged."""
    settings = house.settings.carriers.get(partner_id)
    if settings is None:
        raise Terminal(
            f"No carrier records for partner {partner_id}. Add [carriers.{partner_id}] to "
            "edi834.toml."
        )
    partner = house.partner(partner_id)
    with _sources(house, settings) as (members, payments):
        return CarrierRecords(read_members(members, partner), read_payments(payments, partner))


def keep_carrier_records(house: House, run: Run, partner_id: str, records: CarrierRecords) -> None:
    """Keeps what the run has read in the landing zone, so that a replay reads the same."""
    members, payments = (_store(house, table) for table in (records.members, records.payments))
    reach("carrier records stored")
    reading = CarrierReading(
        run_id=run.run_id,
        partner_id=partner_id,
        members_key=members,
        members_rows=len(records.members),
        payments_key=payments,
        payments_rows=len(records.payments),
    )
    with writing(house, run, partner_id, "carrier records read") as conn:
        record_reading(conn, reading)


def _store(house: House, table: pa.Table) -> str:
    return house.landing.store([frozen(table)]).storage_key


def _carriers_engine(url: str) -> sa.Engine:
    return open_engine(postgresql_url(url, "database_url of the carrier"))


@contextmanager
def _sources(house: House, settings: CarrierSettings) -> Iterator[tuple[Source, Source]]:
    if settings.kind == "file":
        yield Path(settings.members), Path(settings.payments)
        return
    own = settings.database_url is None
    engine = house.engine if own else _carriers_engine(str(settings.database_url))
    try:
        with engine.connect() as conn:
            yield CarrierTable(conn, settings.members), CarrierTable(conn, settings.payments)
    finally:
        if not own:
            engine.dispose()
