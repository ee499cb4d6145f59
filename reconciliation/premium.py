"""A HIX 820 against the book: a pure function of its payments, earlier ones and the segments.

Every cent of BPR02 is in exactly one row of the result, and so is every cent that is due in the
months that the file pays. DuckDB joins all policies at once; which ids, rates and tolerances hold
are rows of `schemas/premium.toml`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.bounded import open_duckdb
from reconciliation.premium_sql import EXPECTED, MATCHED, MONTHS, PAID, PARTS, RESULT
from schemas import tables
from schemas.premium import PremiumRules, load_premium_rules
from schemas.premium_tables import PREMIUM_MONTHS

_NOTHING = pa.scalar(Decimal("0.00"), tables.MONEY)
_MONEY = ("expected", "paid_before", "payments", "charges", "adjusted", "difference")


@dataclass(frozen=True)
class PremiumTerms:
    """Whose payments they are: the exchange, and the issuer ids (HIOS) of the partnership."""

    exchange: str
    issuers: Sequence[str]
    rules: PremiumRules


@dataclass(frozen=True)
class PremiumMatch:
    """Where every cent went (`PREMIUM_MONTHS`), and the totals that its sums must be."""

    months: pa.Table
    stated: Decimal  # sum of BPR02
    expected: Decimal  # all that is due in the rows of `months`
    paid_months: tuple[date, ...]  # of which all policies were looked at, by their first days

    @property
    def is_conserved(self) -> bool:
        """Whether each cent is in exactly one row."""
        paid = _sum(self.months["payments"]) + _sum(self.months["charges"])
        return paid == self.stated and _sum(self.months["expected"]) == self.expected


def terms_of(exchange: str, plan_ids: Sequence[str]) -> PremiumTerms:
    """The terms of an exchange and the plans that are agreed on with it."""
    issuers = sorted({plan_id[:5] for plan_id in plan_ids})
    return PremiumTerms(exchange, issuers, load_premium_rules())


def match_premium(  # noqa: PLR0913 - both sides, by what, and how far
    payments: pa.Table,
    remittances: pa.Table,
    earlier: pa.Table,
    segments: pa.Table,
    terms: PremiumTerms,
    again: Sequence[date | None] = (),
) -> PremiumMatch:
    """The payments of a file (PREMIUM_PAYMENTS, REMITTANCES) against the book (BOOK_SEGMENTS).

    Args:
        payments: What the file pays and charges.
        remittances: What its transaction sets say that they pay.
        earlier: The payments of all files before, of which adjustments are netted.
        segments: The book; amounts of a policy stand on its subscriber's rows.
        terms: Whose payments they are, and the rules.
        again: Months (None: what has none) that are looked at, too, whoever pays them.
    """
    with open_duckdb() as connection:
        connection.execute("SET preserve_insertion_order = false")
        _load(connection, payments, remittances, earlier, segments)
        _load_rules(connection, terms)
        ids = " ".join(f"WHEN '{name}' THEN {name}" for name in terms.rules.matching.identifiers)
        connection.execute(MATCHED.replace("{ids}", ids))
        connection.execute(PARTS)
        connection.execute(
            "CREATE TABLE in_scope AS SELECT DISTINCT month FROM part "
            "WHERE role = 'monthly' AND month IS NOT NULL AND NOT is_earlier "
            "UNION SELECT unnest(CAST(? AS DATE[]))",
            [list(again)],
        )
        connection.execute(EXPECTED)
        connection.execute(MONTHS)
        found = connection.sql(RESULT).to_arrow_table()
        stated = connection.sql("SELECT coalesce(sum(cents), 0) FROM total").fetchall()[0][0]
        due = connection.sql(_DUE).fetchall()[0][0]
        paid = connection.sql("SELECT month FROM in_scope ORDER BY month").fetchall()
    return PremiumMatch(
        _as_months(found), Decimal(stated) / 100, Decimal(due) / 100, tuple(row[0] for row in paid)
    )


# What is due in rows of the result, counted without them: in the months of the file all of it, in
# others what a payment of this file is about.
_DUE = """
SELECT coalesce(sum(d.cents), 0) FROM due d
WHERE d.month IN (SELECT month FROM in_scope) OR EXISTS (
  SELECT 1 FROM part p WHERE p.outside IS NULL AND NOT p.is_earlier
    AND (p.policy, p.month, p.amount_type) = (d.policy, d.month, d.amount_type))
"""


def _load(
    connection: duckdb.DuckDBPyConnection,
    payments: pa.Table,
    remittances: pa.Table,
    earlier: pa.Table,
    segments: pa.Table,
) -> None:
    for name, table in (
        ("payments", payments),
        ("remittances", remittances),
        ("earlier", earlier),
        ("segments", segments),
    ):
        connection.register(name, table)
    connection.execute("CREATE TABLE segment AS SELECT * FROM segments WHERE is_subscriber")
    connection.execute(PAID)
    connection.execute(
        "CREATE TABLE total AS SELECT set_ordinal, byte_start, byte_end,"
        " (coalesce(total_amount, 0) * 100)::BIGINT AS cents FROM remittances"
    )


def _load_rules(connection: duckdb.DuckDBPyConnection, terms: PremiumTerms) -> None:
    rules, matching = terms.rules, terms.rules.matching
    facts: dict[str, tuple[str, list[tuple[object, ...]]]] = {
        "identifier": (
            "place INTEGER, identifier TEXT",
            list(enumerate(matching.identifiers)),
        ),
        "payment_type": (
            "code TEXT, amount TEXT, role TEXT",
            [(kind.code, kind.amount, kind.role) for kind in rules.payment_types],
        ),
        "amount_rule": (
            "amount_type TEXT, tolerance BIGINT, is_prorated BOOLEAN",
            [
                (name, cents, name in matching.prorated)
                for name, cents in matching.tolerance_cents.items()
            ],
        ),
        "user_fee": (
            "plan_year INTEGER, rate DECIMAL(9, 6)",
            [
                (fee.plan_year, str(fee.rate))
                for fee in rules.user_fees
                if fee.exchange == terms.exchange
            ],
        ),
        "paid_status": ("status TEXT", [(status,) for status in matching.paid_statuses]),
        "issuer": ("id TEXT", [(issuer,) for issuer in terms.issuers]),
    }
    for name, (columns, rows) in facts.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")
        if rows:
            marks = ", ".join("?" for _ in rows[0])
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608, ours


def _as_months(found: pa.Table) -> pa.Table:
    """Cents as dollars, in the columns of PREMIUM_MONTHS."""
    columns = {}
    for field in PREMIUM_MONTHS:
        column = found[field.name]
        if field.name in _MONEY:
            cents = column.cast(pa.int64()).cast(pa.decimal128(19, 0))
            column = pc.multiply(cents, pa.scalar(Decimal("0.01"))).cast(tables.MONEY)
        columns[field.name] = column.cast(field.type)
    return pa.table(columns, schema=PREMIUM_MONTHS)


def _sum(column: pa.ChunkedArray) -> Decimal:
    return Decimal(pc.sum(column).as_py() or 0)


def differences_of(months: pa.Table, file_id: int | None = None) -> pa.Table:
    """What somebody must mend, as `tables.FOUND_DIFFERENCES`: what is due beside what was paid.

    Which categories of `months` (PREMIUM_MONTHS) are differences, and of which kind, is rows of
    `schemas/premium.toml`. Money of a policy that has come to nothing is none.
    """
    rows = load_premium_rules().differences
    categories = pa.array([row.category for row in rows], tables.TEXT)
    is_one = pc.is_in(months["category"], categories)
    chosen = months.filter(pc.and_(is_one, pc.not_equal(months["difference"], _NOTHING)))
    kinds = pa.array([row.kind for row in rows], tables.TEXT)
    paid = pc.add(pc.add(chosen["payments"], chosen["charges"]), chosen["paid_before"])
    columns = {
        "kind": kinds.take(pc.index_in(chosen["category"], categories).combine_chunks()),
        "exchange_policy_id": chosen["exchange_policy_id"],
        "exchange_member_id": pa.nulls(len(chosen), tables.TEXT),
        "field": chosen["amount_type"],
        "book_value": chosen["expected"].cast(tables.TEXT),
        "carrier_value": paid.cast(tables.TEXT),
        "premium_difference": pa.nulls(len(chosen), tables.MONEY),
        "aptc_difference": _of_amount(chosen, "aptc"),
        "csr_difference": _of_amount(chosen, "csr"),
        "file_id": pa.repeat(pa.scalar(file_id, pa.int64()), len(chosen)),
        "rule": chosen["category"],
        "period": period_of(chosen["month"]),
    }
    wanted = tables.FOUND_DIFFERENCES
    return pa.table({name: columns[name] for name in wanted.names}, wanted)


def period_of(months: pa.ChunkedArray) -> pa.ChunkedArray:
    """Months, by their first days, as a period of a difference: 2027-01."""
    return pc.strftime(months.cast(pa.timestamp("s")), "%Y-%m").cast(tables.TEXT)


def _of_amount(months: pa.Table, amount: str) -> pa.ChunkedArray:
    """What was paid less what is due, in the rows of that amount; null in others."""
    is_of_amount = pc.equal(months["amount_type"], amount)
    return pc.if_else(is_of_amount, months["difference"], None)
