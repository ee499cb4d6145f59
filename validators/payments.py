"""The HIX 820 (005010X306): its tables of a stretch, and what is odd in single payments."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.owners import openers_of
from parsers.packed import Packed, pack
from parsers.payments import PaymentTables, read_payment_tables
from parsers.segments import Flags, Ints
from parsers.stretch import Stretch
from parsers.values import money_column
from schemas.places import ADJUSTMENT_AMOUNT
from schemas.premium import PaymentType, load_premium_rules
from schemas.premium_tables import PREMIUM_TOTALS
from schemas.rule_sets import RuleSet
from schemas.tables import MONEY, TEXT
from validators.contents import Contents
from validators.issues import Findings

_TYPE, _AMOUNT, _TOTAL = 2, 4, 2  # RMR02, RMR04, BPR02


def read_payments(stretch: Stretch, rules: RuleSet, *, wants_tables: bool) -> Contents:  # noqa: ARG001, as of an 834
    """The contents of a stretch of a HIX 820."""
    read = read_payment_tables(stretch)
    findings = Findings(stretch, rules.limits)
    find_odd_payments(findings, read.payments)
    find_odd_totals(findings)
    return Contents(
        tables={"remittances": read.remittances, "premium_payments": read.payments},
        counts={
            "entities": len(stretch.member_rows),
            "premium_payments": len(read.payments),
        },
        set_headers=read.set_headers,
        issues=findings.to_table(),
        paid=_totals(stretch, read),
    )


def find_odd_payments(findings: Findings, payments: pa.Table) -> None:
    """Payments of a type, sign, amount or period that the code list does not know.

    Source: X12 external code list Payment Type Codes.
    """
    types = load_premium_rules().payment_types
    rows = openers_of(findings.stretch, "2300", "RMR")
    codes, amounts = payments["payment_type"], payments["amount"]
    is_known = _is_one_of(codes, types)
    findings.add("payment-type-unknown", rows[~is_known & _is_there(codes)], _TYPE)
    for sign, wrong in (("positive", pc.less(amounts, 0)), ("negative", pc.greater(amounts, 0))):
        of_sign = _is_one_of(codes, tuple(kind for kind in types if kind.sign == sign))
        odd = of_sign & pc.fill_null(wrong, False).to_numpy()
        findings.add("payment-sign-unusual", rows[odd], _AMOUNT)
    tokens = findings.stretch.segments.tokens_at(rows, _AMOUNT)
    filled = (tokens >= 0) & (findings.stretch.segments.lengths(np.maximum(tokens, 0)) > 0)
    findings.add("payment-amount-unreadable", rows[filled & ~_is_there(amounts)], _AMOUNT)
    of_policies = _is_one_of(codes, tuple(kind for kind in types if kind.amount is not None))
    findings.add("payment-without-period", rows[of_policies & ~_is_there(payments["period_begin"])])


def find_odd_totals(findings: Findings) -> None:
    """BPR02 below zero: a payment cannot be."""
    rows, totals = _stated(findings.stretch)
    below = pc.fill_null(pc.less(totals, 0), False).to_numpy(zero_copy_only=False)
    findings.add("payment-total-negative", rows[below], _TOTAL)


def _is_one_of(codes: pa.ChunkedArray, types: tuple[PaymentType, ...]) -> Flags:
    known = pa.array([kind.code for kind in types], TEXT)
    found: Flags = pc.is_in(codes, known).to_numpy()
    return found


def _is_there(column: pa.ChunkedArray) -> Flags:
    found: Flags = pc.is_valid(column).to_numpy()
    return found


def _stated(stretch: Stretch) -> tuple[Ints, pa.Array]:
    """Rows of BPR, and BPR02 of each."""
    rows = openers_of(stretch, "HEADER", "BPR")
    return rows, money_column(stretch.segments, stretch.segments.tokens_at(rows, _TOTAL))


def _totals(stretch: Stretch, read: PaymentTables) -> Packed:
    """`premium_tables.PREMIUM_TOTALS`: a row for each BPR, and one for the payments of each set."""
    rows, stated = _stated(stretch)
    segments = stretch.segments
    tokens = np.maximum(segments.tokens_at(rows, _TOTAL), 0)
    of_headers = {
        **_ordinals(stretch, rows),
        "stated": stated,
        "byte_start": pa.array(segments.in_file(segments.starts[tokens])),
        "byte_end": pa.array(segments.in_file(segments.ends[tokens])),
    }
    adjusted = openers_of(stretch, "2320", "ADX")
    adjustments = money_column(segments, segments.tokens_at(adjusted, ADJUSTMENT_AMOUNT.element))
    of_payments = {
        **_ordinals(stretch, np.concatenate([openers_of(stretch, "2300", "RMR"), adjusted])),
        "paid": pa.chunked_array([*read.payments["amount"].chunks, adjustments], MONEY),
    }
    keys = ["interchange_ordinal", "group_ordinal", "set_ordinal"]
    summed = pa.table(of_payments).group_by(keys).aggregate([("paid", "sum")])
    summed = summed.rename_columns([*keys, "paid"])
    return pack(pa.concat_tables([_as_totals(pa.table(of_headers)), _as_totals(summed)]))


def _ordinals(stretch: Stretch, rows: Ints) -> dict[str, Ints]:
    return {
        "interchange_ordinal": stretch.interchange_ordinals[rows],
        "group_ordinal": stretch.group_ordinals[rows],
        "set_ordinal": stretch.set_ordinals[rows],
    }


def _as_totals(table: pa.Table) -> pa.Table:
    """Columns that it does not have are null."""
    columns = {
        field.name: table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in PREMIUM_TOTALS
    }
    return pa.table(columns, schema=PREMIUM_TOTALS)
