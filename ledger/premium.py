"""HIX 820s that were posted: their payments, and where each cent of them went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.database import file
from schemas.postgres_copy import copy_into, copy_out
from schemas.premium_database import (
    premium_file,
    premium_month,
    premium_payment,
    premium_remittance,
)
from schemas.premium_tables import PREMIUM_MONTHS, PREMIUM_PAYMENTS


@dataclass(frozen=True)
class Posting:
    """What is kept of a HIX 820: the tables of what was accepted of it, and the comparison."""

    remittances: pa.Table  # REMITTANCES
    payments: pa.Table  # PREMIUM_PAYMENTS
    months: pa.Table  # PREMIUM_MONTHS
    stated: Decimal
    expected: Decimal
    book_sha256: str
    note: str | None = None  # what of the file was not posted, and why


def take_for_posting(conn: sa.Connection, file_id: int) -> sa.Row[Any] | None:
    """The file's row, held until the transaction ends; None when it was posted already."""
    query = sa.select(file).where(file.c.file_id == file_id).with_for_update()
    row = conn.execute(query).one()
    return row if (row.kind, row.state) == ("payment", "checked") else None


def record_posting(
    conn: sa.Connection, file_id: int, partner_id: str, run_id: int, posting: Posting
) -> None:
    """Keeps a posting; the file is applied from then on."""
    conn.execute(
        sa.insert(premium_file).values(
            file_id=file_id,
            partner_id=partner_id,
            run_id=run_id,
            stated=posting.stated,
            expected=posting.expected,
            payments=len(posting.payments),
            book_sha256=posting.book_sha256,
        )
    )
    copy_into(conn, premium_remittance, posting.remittances, file_id=file_id)
    payments = posting.payments.drop_columns(["last_name", "first_name"])
    copy_into(conn, premium_payment, payments, file_id=file_id)
    ordinals = pa.array(range(1, len(posting.months) + 1), pa.int64())
    months = posting.months.append_column("row_ordinal", ordinals)
    copy_into(conn, premium_month, months, file_id=file_id)
    conn.execute(
        sa.update(file).where(file.c.file_id == file_id).values(state="applied", note=posting.note)
    )


def paid_before(
    conn: sa.Connection, partner_id: str, before_file_id: int, remittances: pa.Table
) -> dict[int, int]:
    """Of each set whose trace number (TRN02) an earlier file paid by already: that file's id."""
    traces = remittances["trace_number"].to_pylist()
    query = (
        sa.select(premium_remittance.c.trace_number, sa.func.min(premium_file.c.file_id))
        .join(premium_file, premium_file.c.file_id == premium_remittance.c.file_id)
        .where(
            premium_file.c.partner_id == partner_id,
            premium_file.c.file_id < before_file_id,
            premium_remittance.c.trace_number.in_([one for one in traces if one]),
        )
        .group_by(premium_remittance.c.trace_number)
    )
    known = {str(trace): int(file_id) for trace, file_id in conn.execute(query)}
    sets = zip(remittances["set_ordinal"].to_pylist(), traces, strict=True)
    return {number: known[trace] for number, trace in sets if trace in known}


def earlier_payments(
    conn: sa.Connection, partner_id: str, before_file_id: int, payments: pa.Table
) -> pa.Table:
    """Payments (PREMIUM_PAYMENTS, without names) of earlier files for the months of these ones."""
    first = pc.min(payments["period_begin"]).as_py()
    last = pc.max(payments["period_end"]).as_py()
    if first is None or last is None:
        return PREMIUM_PAYMENTS.empty_table()
    month_begin: date = first.replace(day=1)
    query = (
        sa.select(*_payment_columns())
        .join(premium_file, premium_file.c.file_id == premium_payment.c.file_id)
        .where(
            premium_file.c.partner_id == partner_id,
            premium_payment.c.file_id < before_file_id,
            premium_payment.c.period_end >= month_begin,
            premium_payment.c.period_begin <= last,
        )
        .order_by(premium_payment.c.file_id, *premium_payment.primary_key.columns)
    )
    return copy_out(conn, query, PREMIUM_PAYMENTS)


def payments_about(  # noqa: PLR0913 - which ids, and whose
    conn: sa.Connection,
    partner_id: str,
    policies: Sequence[str],
    issuer_ids: Sequence[str],
    subscribers: Sequence[str],
    *,
    with_nameless: bool,
) -> pa.Table:
    """All posted payments (PREMIUM_PAYMENTS, without names) that name one of the ids.

    With `with_nameless` also those that name no policy.
    """
    ids = premium_payment.c
    about: list[sa.ColumnElement[bool]] = [
        column == sa.any_(sa.literal(list(known), ARRAY(sa.Text)))
        for column, known in (
            (ids.exchange_policy_id, policies),
            (ids.issuer_policy_id, issuer_ids),
            (ids.exchange_subscriber_id, subscribers),
        )
    ]
    if with_nameless:
        about.append(ids.exchange_policy_id.is_(None))
    query = (
        sa.select(*_payment_columns())
        .join(premium_file, premium_file.c.file_id == ids.file_id)
        .where(premium_file.c.partner_id == partner_id, sa.or_(*about))
        .order_by(ids.file_id, *premium_payment.primary_key.columns)
    )
    return copy_out(conn, query, PREMIUM_PAYMENTS)


def _payment_columns() -> list[sa.ColumnElement[Any]]:
    """PREMIUM_PAYMENTS as far as they are kept; null for names."""
    return [
        premium_payment.c[name] if name in premium_payment.c else sa.null().label(name)
        for name in PREMIUM_PAYMENTS.names
    ]


def posted_files(conn: sa.Connection, partner_id: str | None = None) -> list[sa.Row[Any]]:
    """The posted files of a partner, or of all, in order: ids, name, totals."""
    query = sa.select(premium_file, file.c.name, file.c.recorded_at).join(file)
    if partner_id is not None:
        query = query.where(premium_file.c.partner_id == partner_id)
    return list(conn.execute(query.order_by(premium_file.c.file_id)).all())


def months_of(conn: sa.Connection, file_id: int) -> pa.Table:
    """Where the cents of a posted file went (PREMIUM_MONTHS)."""
    columns = [premium_month.c[name] for name in PREMIUM_MONTHS.names]
    query = sa.select(*columns).where(premium_month.c.file_id == file_id)
    return copy_out(conn, query.order_by(premium_month.c.row_ordinal), PREMIUM_MONTHS)


def months_of_policy(
    conn: sa.Connection, policy: str, partner_id: str | None = None
) -> list[sa.Row[Any]]:
    """All that was ever paid, charged or due of a policy: rows of months with their files."""
    query = (
        sa.select(premium_month, premium_file.c.partner_id)
        .join(premium_file, premium_file.c.file_id == premium_month.c.file_id)
        .where(premium_month.c.exchange_policy_id == policy)
    )
    if partner_id is not None:
        query = query.where(premium_file.c.partner_id == partner_id)
    order = (premium_month.c.month, premium_month.c.amount_type, premium_month.c.file_id)
    return list(conn.execute(query.order_by(*order)).all())
