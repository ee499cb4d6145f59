"""The business tables of a HIX 820 (005010X306): what is paid or charged, by columns.

Read as members are: which element fills which column is data (`schemas.places`), and each shape of
a loop 2000 is looked at once.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.columns import ColumnReader, PlacedRows
from parsers.owners import (
    Columns,
    counted_in_unit,
    lane_reader,
    loop_ends,
    loop_reader,
    openers_of,
    spans_of,
    table_of,
)
from parsers.segments import Ints
from parsers.stretch import Stretch
from parsers.values import date_range_columns, money_column
from schemas import premium_tables, tables
from schemas.places import (
    ADJUSTMENT_AMOUNT,
    COVERAGE_PERIOD,
    PAID_FOR,
    PAYMENT,
    PREMIUM_SET_HEADER,
    REMITTANCE,
    SET_HEADER,
)

_LARGEST = Decimal("9999999999.99")  # that MONEY holds


@dataclass(frozen=True)
class PaymentTables:
    """The tables of one stretch, as `schemas.tables` declares them."""

    remittances: pa.Table  # premium_tables.REMITTANCES
    payments: pa.Table  # premium_tables.PREMIUM_PAYMENTS
    set_headers: pa.Table  # set_ordinal and the columns of schemas.places.SET_HEADER


def read_payment_tables(stretch: Stretch) -> PaymentTables:
    """Remittances and payments of a stretch, in file order."""
    rows = PlacedRows(stretch, stretch.placement.exemplar_rows)
    starts = np.flatnonzero(stretch.has_id("ST")).astype(np.int64, copy=False)
    headers = lane_reader(rows, starts)
    return PaymentTables(
        remittances=_remittances(stretch, headers, starts),
        payments=_payments(rows),
        set_headers=_set_headers(stretch, headers, len(starts)),
    )


def _remittances(stretch: Stretch, headers: ColumnReader, starts: Ints) -> pa.Table:
    behind = np.minimum(starts + 1, max(len(stretch.segments) - 1, 0))  # BPR, where there is one
    return table_of(
        {
            **headers.read(REMITTANCE),
            **spans_of(stretch, behind, behind + 1),
            "interchange_ordinal": stretch.interchange_ordinals[starts],
            "group_ordinal": stretch.group_ordinals[starts],
            "set_ordinal": stretch.set_ordinals[starts],
            "set_control_number": stretch.set_control_numbers(starts),
        },
        premium_tables.REMITTANCES,
    )


def _set_headers(stretch: Stretch, headers: ColumnReader, count: int) -> pa.Table:
    base = stretch.before.sets
    known = headers.read(PREMIUM_SET_HEADER)
    columns = {
        field.name: known.get(field.name, pa.nulls(count, field.type))
        for field in tables.TRANSACTION_SETS
        if field.name in {place.name for place in SET_HEADER}
    }
    ordinals = np.arange(base + 1, base + 1 + count, dtype=np.int64)
    return pa.table({"set_ordinal": ordinals, **columns})


def _payments(rows: PlacedRows) -> pa.Table:
    stretch = rows.stretch
    openers = openers_of(stretch, "2300", "RMR")
    reader = loop_reader(rows, openers)
    begins, ends = date_range_columns(stretch.segments, reader.tokens([COVERAGE_PERIOD]))
    return table_of(
        {
            **_paid_for(rows, openers),
            **reader.read(PAYMENT),
            **spans_of(stretch, openers, loop_ends(reader, "2300")),
            "interchange_control_number": stretch.interchange_control_numbers(openers),
            "group_control_number": stretch.group_control_numbers(openers),
            "transaction_set_control_number": stretch.set_control_numbers(openers),
            "set_ordinal": stretch.set_ordinals[openers],
            "entity_ordinal": stretch.member_ordinals[openers],
            "payment_ordinal": counted_in_unit(stretch, openers),
            "period_begin": begins,
            "period_end": ends,
            "adjustment_amount": _adjusted(stretch, openers),
        },
        premium_tables.PREMIUM_PAYMENTS,
    )


def _paid_for(rows: PlacedRows, openers: Ints) -> Columns:
    """The columns of its loop 2000 for each payment."""
    stretch = rows.stretch
    own = lane_reader(rows, stretch.member_rows).read(PAID_FOR)
    places = pa.array(stretch.member_ordinals[openers] - stretch.before.members - 1)
    return {name: column.take(places) for name, column in own.items()}


def _adjusted(stretch: Stretch, openers: Ints) -> pa.Array:
    """Sum of the adjustments of each payment; null where it has none, or the sum is no MONEY.

    (What the set pays in all is added up from its segments, and differs from BPR02 then.)
    """
    found = openers_of(stretch, "2320", "ADX")
    amounts = money_column(
        stretch.segments, stretch.segments.tokens_at(found, ADJUSTMENT_AMOUNT.element)
    )
    whose = np.searchsorted(openers, found, side="right") - 1
    summed = (
        pa.table({"whose": whose, "amount": amounts})
        .group_by("whose")
        .aggregate([("amount", "sum")])
    )
    places = np.full(len(openers), -1, dtype=np.int64)
    places[summed["whose"].to_numpy()] = np.arange(len(summed))
    sums = summed["amount_sum"].combine_chunks()
    fits = pc.less_equal(pc.abs(sums), _LARGEST)
    totals = pc.if_else(fits, sums, None).cast(tables.MONEY)
    return totals.take(pa.array(places, mask=places < 0))
