"""What runs have read of the carrier's own records: where it is kept in the landing zone."""

from dataclasses import dataclass

import sqlalchemy as sa

from schemas.database import carrier_reading


@dataclass(frozen=True)
class CarrierReading:
    """Members and payments of one partner as a run has read them, by their storage keys."""

    run_id: int
    partner_id: str
    members_key: str
    members_rows: int
    payments_key: str
    payments_rows: int


def record_reading(conn: sa.Connection, reading: CarrierReading) -> None:
    """Records the reading: one more, when a run that was interrupted reads again."""
    conn.execute(sa.insert(carrier_reading).values(**vars(reading)))


def readings(conn: sa.Connection, run_id: int, partner_id: str) -> list[CarrierReading]:
    """What the run has read of that partner's carrier, in the order in which it did."""
    columns = [carrier_reading.c[name] for name in CarrierReading.__dataclass_fields__]
    rows = sa.select(*columns).where(
        carrier_reading.c.run_id == run_id, carrier_reading.c.partner_id == partner_id
    )
    found = conn.execute(rows.order_by(carrier_reading.c.reading_id))
    return [CarrierReading(*row) for row in found]
