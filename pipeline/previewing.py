"""What a night would decide and send, without doing it."""

from datetime import UTC, datetime

import pyarrow as pa

from enrollment.decisions import decide
from enrollment.previews import preview
from ledger.runs import open_run
from pipeline.carrier import read_carrier_records
from pipeline.wiring import House


def preview_of_night(house: House, partner_id: str, as_of: datetime | None) -> pa.Table:
    """What is decided of the partner's book as it stands (enrollment.previews.PREVIEW).

    Decides in a transaction that is given up. What the exchange has sent and no night has taken
    in is not known here. Raises Terminal when the carrier's records are missing or wrong.
    """
    partner, exchange = house.partner(partner_id), house.exchange(partner_id)
    records = read_carrier_records(house, partner_id)
    moment = as_of.replace(tzinfo=UTC) if as_of else datetime.now(UTC)
    on_day = exchange.day_of(moment)
    with house.engine.connect() as conn, conn.begin() as transaction:
        run_id = open_run(conn, moment, house.rules)
        decide(conn, run_id, partner, exchange, on_day, records)
        rows = preview(conn, partner_id)
        transaction.rollback()
    return rows
