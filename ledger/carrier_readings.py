"""What runs have read of the carrier's own records, and what a person has said about the next."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.database import carrier_acceptance, carrier_reading
from schemas.errors import Terminal


@dataclass(frozen=True)
class CarrierReading:
    """Records of one partner as a run has read them, by their storage keys.

    `unchanged_since` is the clock of the first of the runs that have read just this, one after the
    other; `is_stale` says that this is too long ago. The payments alone may stand still while the
    members go on changing: `payments_unchanged_since` and `payments_are_stale` say so of them.
    """

    run_id: int
    partner_id: str
    members_key: str
    members_rows: int
    payments_key: str
    payments_rows: int
    requests_key: str
    requests_rows: int
    unchanged_since: datetime
    is_stale: bool
    payments_unchanged_since: datetime | None  # None: it was not kept yet when this was read
    payments_are_stale: bool

    @property
    def payments_since(self) -> datetime:
        """The clock of the first of the runs that have read just these payments."""
        return self.payments_unchanged_since or self.unchanged_since

    @property
    def keys(self) -> tuple[str, str, str]:
        """Where members, payments and requests are kept; the same rows have the same keys."""
        return self.members_key, self.payments_key, self.requests_key


@dataclass(frozen=True)
class Acceptance:
    """A person's word that records with so few rows, or unchanged for so long, are true."""

    partner_id: str
    members_rows: int
    payments_rows: int
    accepted_by: str
    account: str
    reason: str


@dataclass(frozen=True)
class Usual:
    """How many rows the carrier's records usually have, and by whose word or in which run."""

    members_rows: int
    payments_rows: int
    told_by: str
    acceptance_id: int | None = None  # a person's word that no reading has used up


def record_reading(conn: sa.Connection, reading: CarrierReading) -> None:
    """Records the reading: one more, when a run that was interrupted reads again."""
    conn.execute(sa.insert(carrier_reading).values(**vars(reading)))


def readings(conn: sa.Connection, run_id: int, partner_id: str) -> list[CarrierReading]:
    """What the run has read of that partner's carrier, in the order in which it did."""
    return _readings(
        conn, carrier_reading.c.run_id == run_id, carrier_reading.c.partner_id == partner_id
    )


def last_reading(conn: sa.Connection, partner_id: str) -> CarrierReading | None:
    """What was last read of that partner's carrier; None before the first night."""
    of_partner = carrier_reading.c.partner_id == partner_id
    last = sa.select(sa.func.max(carrier_reading.c.reading_id)).where(of_partner)
    found = _readings(conn, carrier_reading.c.reading_id == last.scalar_subquery())
    return found[0] if found else None


def stale_readings(conn: sa.Connection, run_id: int) -> tuple[CarrierReading, ...]:
    """The last reading of each partner in the run, as far as it or its payments are stale."""
    of_run = carrier_reading.c.run_id == run_id
    last = sa.select(sa.func.max(carrier_reading.c.reading_id)).where(of_run)
    last = last.group_by(carrier_reading.c.partner_id)
    is_stale = carrier_reading.c.is_stale | carrier_reading.c.payments_are_stale
    found = _readings(conn, carrier_reading.c.reading_id.in_(last), is_stale)
    return tuple(sorted(found, key=lambda reading: reading.partner_id))


def _readings(conn: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[CarrierReading]:
    columns = [carrier_reading.c[name] for name in CarrierReading.__dataclass_fields__]
    rows = sa.select(*columns).where(*conditions).order_by(carrier_reading.c.reading_id)
    return [CarrierReading(*row) for row in conn.execute(rows)]


def usual_size(conn: sa.Connection, partner_id: str) -> Usual | None:
    """By what the partner's next reading is judged: a person's word, else the last reading."""
    accepted = conn.execute(
        sa.select(carrier_acceptance)
        .where(
            carrier_acceptance.c.partner_id == partner_id,
            carrier_acceptance.c.used_in_run.is_(None),
        )
        .order_by(carrier_acceptance.c.acceptance_id.desc())
        .limit(1)
    ).one_or_none()
    if accepted is not None:
        by = f"{accepted.accepted_by} has accepted"
        return Usual(accepted.members_rows, accepted.payments_rows, by, accepted.acceptance_id)
    last = last_reading(conn, partner_id)
    if last is None:
        return None
    return Usual(last.members_rows, last.payments_rows, f"run {last.run_id} has read")


def accept(conn: sa.Connection, acceptance: Acceptance) -> None:
    """Records a person's word, by which the partner's next reading is judged.

    Raises Terminal when person or reason is missing.
    """
    if not acceptance.accepted_by or not acceptance.reason:
        raise Terminal("To accept records needs a person and a reason. Give --by and --reason.")
    conn.execute(sa.insert(carrier_acceptance).values(**vars(acceptance)))


def use_acceptances(conn: sa.Connection, partner_id: str, up_to: int, run_id: int) -> None:
    """Marks a partner's acceptances up to that id as used by the run: they count no more."""
    conn.execute(
        sa.update(carrier_acceptance)
        .where(
            carrier_acceptance.c.partner_id == partner_id,
            carrier_acceptance.c.acceptance_id <= up_to,
            carrier_acceptance.c.used_in_run.is_(None),
        )
        .values(used_in_run=run_id)
    )
