"""Payments and segments of the book as literal rows; what a row does not say is null."""

from datetime import date
from decimal import Decimal

import pyarrow as pa

from reconciliation.premium import match_premium, terms_of
from schemas.monthly_tables import BOOK_SEGMENTS
from schemas.premium_tables import PREMIUM_PAYMENTS, REMITTANCES

TERMS = terms_of("ffe", ["12345TX0010001"])
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def segment(policy="4567", **known):
    """A segment of an effectuated policy: premium 1000, APTC 400, open."""
    return {
        "exchange_policy_id": policy,
        "exchange_subscriber_id": f"S{policy}",
        "issuer_policy_id": f"I{policy}",
        "is_subscriber": True,
        "policy_status": "effectuated",
        "is_confirmed": True,
        "segment_begin": JANUARY,
        "premium_total": Decimal(1000),
        "aptc": Decimal(400),
        **known,
    }


def payment(kind="APTC", amount=400, month=JANUARY, policy="4567", **known):
    """A payment of one month, with all ids of its policy."""
    last = {1: 31, 2: 28, 3: 31, 12: 31}[month.month]
    return {
        "exchange_policy_id": policy,
        "exchange_subscriber_id": f"S{policy}",
        "issuer_policy_id": f"I{policy}",
        "plan_id": "12345TX0010001",
        "payment_type": kind,
        "amount": Decimal(str(amount)),
        "period_begin": month,
        "period_end": month.replace(day=last),
        "set_ordinal": 1,
        **known,
    }


def paid_in_full(policy="4567", month=JANUARY):
    """What the segment of that policy makes due: APTC, and 2.5 % of the premium."""
    return [payment("APTC", 400, month, policy), payment("UF", -25, month, policy)]


def matched(payments, segments, *, earlier=(), total=None, terms=TERMS):
    """The match; BPR02 is the sum of the payments unless it is said."""
    summed = sum((row["amount"] for row in payments), Decimal(0))
    numbered = [
        {**row, "byte_start": 100 * place, "byte_end": 100 * place + 9}
        for place, row in enumerate(payments)
    ]
    stated = {"set_ordinal": 1, "total_amount": summed if total is None else Decimal(str(total))}
    return match_premium(
        pa.Table.from_pylist(numbered, schema=PREMIUM_PAYMENTS),
        pa.Table.from_pylist([stated], schema=REMITTANCES),
        pa.Table.from_pylist(list(earlier), schema=PREMIUM_PAYMENTS),
        pa.Table.from_pylist(segments, schema=BOOK_SEGMENTS),
        terms,
    )


def told(match):
    """The rows that do not agree: category, policy, month, amount, difference in cents."""
    assert match.is_conserved
    return [
        (
            row["category"],
            row["exchange_policy_id"],
            row["month"],
            row["amount_type"],
            int(row["difference"] * 100),
        )
        for row in match.months.to_pylist()
        if row["category"] != "agreed"
    ]
