"""Breaks of payments that a file does not speak of, looked at again beside all that was ever paid.

Our book changes after a month was paid, and an 834 comes after the money: what was wrong then may
be right now, though no file ever pays that month again.
"""

from collections.abc import Sequence
from datetime import date
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger.premium import payments_about
from reconciliation.breaks import LOOKED_AT, Scope
from reconciliation.premium import PremiumTerms, differences_of, match_premium
from schemas import tables
from schemas.breaks import break_
from schemas.premium_tables import REMITTANCES

_KEY = ("period", "exchange_policy_id", "field")
_IDS = ("exchange_policy_id", "issuer_policy_id", "exchange_subscriber_id")


def look_again(
    conn: sa.Connection, partner_id: str, segments: pa.Table, terms: PremiumTerms, but: Scope
) -> tuple[Scope, pa.Table]:
    """The open breaks that `but` has not looked at, and what of them is a difference still.

    Found are tables.FOUND_DIFFERENCES, each with the file by which its break was found.
    """
    looked_at = set(zip(*(but.fields[name].to_pylist() for name in _KEY), strict=True))
    files = {
        key: file_id
        for key, file_id in _open(conn, partner_id)
        if key not in looked_at and key[0] not in but.periods
    }
    if not files:
        return Scope(has_all_without_period=False), tables.FOUND_DIFFERENCES.empty_table()
    policies = {policy for _, policy, _ in files}
    named = [policy for policy in policies if policy]
    own = segments.filter(pc.is_in(segments["exchange_policy_id"], pa.array(named, tables.TEXT)))
    payments = payments_about(
        conn, partner_id, named, _values(own, _IDS[1]), _values(own, _IDS[2]),
        with_nameless=None in policies,
    )  # fmt: skip
    periods = {period for period, _, _ in files}
    months = [date.fromisoformat(f"{one}-01") if one else None for one in periods]
    match = match_premium(
        payments.slice(0, 0),
        REMITTANCES.empty_table(),
        payments,
        _related(segments, payments, named),
        terms,
        again=months,
    )
    found = [
        row | {"file_id": files[key]}
        for row in differences_of(match.months).to_pylist()
        if (key := tuple(row[name] for name in _KEY)) in files
    ]
    fields = pa.table(list(zip(*files, strict=True)), schema=LOOKED_AT)
    return (
        Scope(fields=fields, has_all_without_period=False),
        pa.Table.from_pylist(found, schema=tables.FOUND_DIFFERENCES),
    )


def _open(
    conn: sa.Connection, partner_id: str
) -> list[tuple[tuple[str | None, str | None, str | None], int | None]]:
    query = sa.select(*(break_.c[name] for name in _KEY), break_.c.file_id).where(
        break_.c.partner_id == partner_id,
        break_.c.source == "premium",
        break_.c.state != "resolved",
    )
    rows = conn.execute(query.order_by(break_.c.break_id))
    return [((row.period, row.exchange_policy_id, row.field), row.file_id) for row in rows]


def _related(segments: pa.Table, payments: pa.Table, policies: Sequence[str]) -> pa.Table:
    """The segments of the policies, and of all others that an id of the payments may mean."""
    of_payments = [
        pc.is_in(segments[name], pa.array(_values(payments, name), tables.TEXT)) for name in _IDS
    ]
    own = pc.is_in(segments["exchange_policy_id"], pa.array(policies, tables.TEXT))
    return segments.filter(reduce(pc.or_, of_payments, own))


def _values(table: pa.Table, name: str) -> list[str]:
    """What is in the column, each once."""
    return [value for value in pc.unique(table[name]).to_pylist() if value]
