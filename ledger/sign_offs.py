"""Periods that two persons sign, the preparer and the reviewer; and what left the house as a file.

What is signed are the bytes of a report, by their hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.errors import Terminal
from schemas.persons import is_same_person
from schemas.sign_offs import report_export, signed_period


@dataclass(frozen=True)
class Signer:
    """Who signs or takes something away. `account` is the operating system's or the console's."""

    person: str
    account: str


@dataclass(frozen=True)
class Frozen:
    """The report of a partner's period as bytes of the landing zone."""

    partner_id: str
    first_day: date
    last_day: date
    sha256: str
    size_bytes: int
    storage_key: str


@dataclass(frozen=True)
class SignedPeriod:
    """A period with its report's hash and who has signed it."""

    signed_period_id: int
    partner_id: str
    first_day: date
    last_day: date
    sha256: str
    size_bytes: int
    storage_key: str
    prepared_by: str
    prepared_account: str
    prepared_at: datetime
    prepared_note: str
    reviewed_by: str | None
    reviewed_account: str | None
    reviewed_at: datetime | None
    reviewed_note: str | None

    @property
    def state(self) -> str:
        """`prepared`, or `signed` once it has been reviewed."""
        return "signed" if self.reviewed_by else "prepared"


def prepare(conn: sa.Connection, frozen: Frozen, signer: Signer, note: str) -> int:
    """The id of the period, prepared by that person.

    Raises Terminal when the person is not named, says nothing, or when these very figures of the
    period were prepared before.
    """
    _require_words(signer, note)
    known = conn.execute(
        sa.select(signed_period.c.signed_period_id).where(
            *(signed_period.c[name] == getattr(frozen, name) for name in _IDENTITY)
        )
    ).scalar()
    if known is not None:
        raise Terminal(
            f"These figures of {frozen.partner_id} were prepared before, as period {known}. "
            f"Review them: `edi834 audit review {known}`."
        )
    values = vars(frozen) | {
        "prepared_by": _plain(signer.person),
        "prepared_account": signer.account,
        "prepared_note": note.strip(),
    }
    made = sa.insert(signed_period).values(**values).returning(signed_period.c.signed_period_id)
    return int(conn.execute(made).scalar_one())


_IDENTITY = ("partner_id", "first_day", "last_day", "sha256")


def review(conn: sa.Connection, signed_period_id: int, signer: Signer, note: str) -> None:
    """Signs a prepared period as its reviewer, once.

    Raises Terminal when there is no such period, when it is signed already, and when the person is
    the preparer.
    """
    _require_words(signer, note)
    row = conn.execute(
        sa.select(signed_period)
        .where(signed_period.c.signed_period_id == signed_period_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise Terminal(f"There is no period {signed_period_id}. `edi834 audit signed` names them.")
    if row.reviewed_by:
        raise Terminal(f"Period {signed_period_id} was reviewed by {row.reviewed_by} already.")
    if is_same_person(signer.person, signer.account, row.prepared_by, row.prepared_account):
        raise Terminal(
            f"{row.prepared_by} has prepared period {signed_period_id}. Somebody else must review."
        )
    conn.execute(
        sa.update(signed_period)
        .where(signed_period.c.signed_period_id == signed_period_id)
        .values(
            reviewed_by=_plain(signer.person),
            reviewed_account=signer.account,
            reviewed_at=sa.func.now(),
            reviewed_note=note.strip(),
        )
    )


def _plain(person: str) -> str:
    return " ".join(person.split())


def _require_words(signer: Signer, note: str) -> None:
    if not signer.person.strip() or not note.strip():
        raise Terminal("A signature needs a person and what was looked at. Give --by and --note.")


def signed_periods(
    conn: sa.Connection, partner_ids: Sequence[str] = (), signed_period_id: int | None = None
) -> list[SignedPeriod]:
    """Periods that were prepared or signed, the newest first; of these partners, or that one."""
    wanted = sa.select(signed_period).order_by(signed_period.c.signed_period_id.desc())
    if partner_ids:
        wanted = wanted.where(signed_period.c.partner_id.in_(partner_ids))
    if signed_period_id is not None:
        wanted = wanted.where(signed_period.c.signed_period_id == signed_period_id)
    return [SignedPeriod(**row) for row in conn.execute(wanted).mappings()]


@dataclass(frozen=True)
class Export:
    """What left: which report, in which form, by which filters, of which runs, how many rows."""

    report: str
    form: str
    filters: Mapping[str, object]
    run_ids: Sequence[int]
    rows: Mapping[str, int]
    sha256: str


def record_export(conn: sa.Connection, export: Export, taken_by: Signer) -> int:
    """The id of the export; the audit trail has it from now on."""
    values = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in vars(export).items()
    }
    told = values | {"run_ids": list(export.run_ids), **vars(taken_by)}
    made = sa.insert(report_export).values(**told).returning(report_export.c.report_export_id)
    return int(conn.execute(made).scalar_one())
