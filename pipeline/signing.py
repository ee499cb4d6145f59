"""Signing a period: its report is frozen as bytes, and later figures are compared with them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ledger.sign_offs import (
    Export,
    Frozen,
    SignedPeriod,
    Signer,
    prepare,
    record_export,
    review,
    signed_periods,
)
from pipeline.period_report import clocks_of, read_report, report_of
from pipeline.wiring import House
from reconciliation.reports import Asked
from schemas.errors import Terminal


@dataclass(frozen=True)
class Changed:
    """How many rows of a table were signed and are no more, and how many are new since."""

    table: str
    gone: int
    new: int
    rows: tuple[Mapping[str, Any], ...]  # the first of both; `then` tells which


def prepare_period(house: House, asked: Asked, signer: Signer, note: str) -> int:
    """The id of the one partner's period, with its report frozen and its preparer's signature.

    Raises Terminal when there is nothing to sign, and as `ledger.sign_offs.prepare` does.
    """
    (partner_id,) = asked.partner_ids
    stored = house.landing.store([read_report(house, asked).as_bytes])
    kept = (stored.sha256, stored.size_bytes, stored.storage_key)
    frozen = Frozen(partner_id, asked.since, asked.until, *kept)
    with house.engine.begin() as conn:
        return prepare(conn, frozen, signer, note)


def review_period(house: House, signed_period_id: int, signer: Signer, note: str) -> None:
    """Signs the period as its reviewer.

    Raises Terminal when its figures are other ones by now: they must be prepared again; and as
    `ledger.sign_offs.review` does.
    """
    with house.engine.begin() as conn:
        one = require_period(conn, signed_period_id)
        if changed_since(house, conn, one):
            raise Terminal(
                f"The figures of period {signed_period_id} have changed since it was prepared: "
                f"`edi834 audit signed {signed_period_id}` shows how. Prepare them again."
            )
        review(conn, signed_period_id, signer, note)


def require_period(conn: sa.Connection, signed_period_id: int) -> SignedPeriod:
    """The period of that id; raises Terminal when there is none."""
    for found in signed_periods(conn, signed_period_id=signed_period_id):
        return found
    raise Terminal(f"There is no period {signed_period_id}. `edi834 audit signed` names them.")


def signed_bytes(house: House, one: SignedPeriod) -> bytes:
    """The report as it was signed. Raises Terminal when the landing zone has other bytes."""
    with house.landing.open(one.storage_key) as kept:
        content = kept.read()
    if hashlib.sha256(content).hexdigest() != one.sha256:
        raise Terminal(
            f"The report of period {one.signed_period_id} is not what was signed: its hash is "
            "another one. Restore the landing zone from a backup."
        )
    return content


def take_signed(house: House, one: SignedPeriod, taken_by: Signer) -> bytes:
    """The same for somebody who takes it away: the audit trail has who."""
    content = signed_bytes(house, one)
    filters = {"period": one.signed_period_id, "partner": one.partner_id}
    export = Export("signed period", "json", filters, [], {}, one.sha256)
    with house.engine.begin() as conn:
        record_export(conn, export, taken_by)
    return content


def changed_since(house: House, conn: sa.Connection, one: SignedPeriod) -> list[Changed]:
    """What the figures of a period are now and were not when it was prepared, by table.

    Words about figures are none: a definition that a later version says better changes nothing.
    """
    then = json.loads(signed_bytes(house, one))
    asked = Asked(one.first_day, one.last_day, (one.partner_id,))
    now = json.loads(report_of(conn, asked, clocks_of(house)).as_bytes)
    names = [name for name in {**then, **now} if name != _WORDS]
    found = [_changed(name, then.get(name), now.get(name)) for name in names]
    return [changed for changed in found if changed]


_SHOWN = 20  # rows of each side
_WORDS, _WORD = "about", "definition"  # a table and a column


def _changed(name: str, then: Any, now: Any) -> Changed | None:
    """Rows are compared as a whole, as often as they are there."""
    before, after = _counted(then), _counted(now)
    gone, new = before - after, after - before
    if not gone and not new:
        return None
    rows = [
        {"then": was_then} | json.loads(row)
        for was_then, side in ((True, gone), (False, new))
        for row in list(side)[:_SHOWN]
    ]
    return Changed(name, gone.total(), new.total(), tuple(rows))


def _counted(table: Any) -> Counter[str]:
    if table is None:
        return Counter()
    rows = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    return Counter(
        json.dumps({name: value for name, value in row.items() if name != _WORD}) for row in rows
    )
