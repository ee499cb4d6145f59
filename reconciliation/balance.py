"""Where every row and every dollar of a comparison went, on both sides.

The comparison itself counts rows. Dollars are counted here, once it is done, from the snapshots as
they were frozen and from its differences: matched, differing and what one side lacks must be all.
"""

from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa

from reconciliation.bounded import open_duckdb
from reconciliation.comparison import Comparison
from schemas.records import BALANCE

_SIDES = ("book", "carrier")
_COLUMNS = {"premium": "premium_total", "aptc": "aptc", "csr": "csr"}

# Rows of a pair that other ids, likeness or a person has made are one member's.
# The book has a policy's dollars on the subscriber's row. The carrier may have them on any row of
# the policy, or on each: they count once, on the row that has the book's subscriber as partner, or
# else on the first, and are what that row says, or else the first that says something. An amount
# that a side does not have counts as nothing.
_BALANCE = """
CREATE TABLE met AS
SELECT b.is_there IS NOT NULL AS is_book, c.is_there IS NOT NULL AS is_carrier,
  coalesce(b.exchange_policy_id, c.policy) AS policy, c.exchange_policy_id AS carrier_policy,
  coalesce(b.exchange_member_id, c.member) AS member,
  b.policy_status, coalesce(b.is_subscriber, FALSE) AS is_subscriber,
  coalesce({lines}, 'not told') AS insurance_line,
  coalesce(CAST(year(coalesce(b.benefit_begin, c.benefit_begin)) AS VARCHAR), 'not told')
    AS plan_year,
  {values}
FROM (SELECT *, TRUE AS is_there FROM book) b
FULL JOIN (
  SELECT r.*, TRUE AS is_there, coalesce(m.book_policy_id, r.exchange_policy_id) AS policy,
    coalesce(m.book_member_id, r.exchange_member_id) AS member
  FROM carrier r LEFT JOIN matches m ON m.state IN ('matched', 'accepted')
    AND m.carrier_policy_id IS NOT DISTINCT FROM r.exchange_policy_id
    AND m.carrier_member_id IS NOT DISTINCT FROM r.exchange_member_id
) c ON c.policy IS NOT DISTINCT FROM b.exchange_policy_id
  AND c.member IS NOT DISTINCT FROM b.exchange_member_id;

CREATE TABLE judged AS
SELECT m.* REPLACE ({once}), row_number() OVER of_carrier = 1 AND is_carrier AS is_first,
  CASE WHEN NOT is_book THEN 'missing_in_book'
    WHEN NOT is_carrier AND d.kind IS NULL THEN 'may_be_absent'
    WHEN NOT is_carrier THEN 'missing_at_carrier'
    WHEN d.kind IS NULL THEN 'matched' ELSE 'differing' END AS fate
FROM met m LEFT JOIN (
  SELECT exchange_policy_id AS policy, exchange_member_id AS member, min(kind) AS kind
  FROM differences GROUP BY ALL
) d USING (policy, member)
WINDOW of_carrier AS (PARTITION BY is_carrier, carrier_policy
  ORDER BY is_book AND is_subscriber DESC, is_book, member
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING);
"""


def balance_of(book: pa.Table, carrier: pa.Table, compared: Comparison) -> pa.Table:
    """BALANCE: a row for each fate, insurance line and plan year that there is, in this order.

    Args:
        book: BOOK_MEMBERS as it was compared.
        carrier: CARRIER_MEMBERS as it was compared; columns that it lacks count as nothing.
        compared: What was found.

    """
    values = ", ".join(
        f"{_value(side, column, table)} AS {short}_{name}"
        for name, column in _COLUMNS.items()
        for side, short, table in (("b", "book", book), ("c", "carrier", carrier))
    )
    sums = ", ".join(
        f"coalesce(sum({side}_{name}) FILTER (WHERE {counts}), 0) AS {side}_{name}"
        for name in _COLUMNS
        for side, counts in (
            ("book", "is_book"),
            ("carrier", "is_first"),
        )
    )
    once = ", ".join(
        f"first_value(carrier_{name} IGNORE NULLS) OVER of_carrier AS carrier_{name}"
        for name in _COLUMNS
    )
    with open_duckdb() as connection:
        tables = {"differences": compared.differences, "matches": compared.matches}
        for name, table in ({"book": book, "carrier": carrier} | tables).items():
            connection.register(name, table)
        connection.execute(_BALANCE.format(values=values, lines=_lines(book, carrier), once=once))
        found = connection.sql(f"""
            SELECT fate, insurance_line, plan_year,
              count(*) FILTER (WHERE is_book) AS book_rows,
              count(*) FILTER (WHERE is_carrier) AS carrier_rows, {sums}
            FROM judged GROUP BY ALL ORDER BY fate, insurance_line, plan_year
        """).to_arrow_table()  # noqa: S608 - our own names
        _require_all(connection, found, book, carrier)
    return found.select(BALANCE.names).cast(BALANCE).combine_chunks()


def _lines(book: pa.Table, carrier: pa.Table) -> str:
    """The book's word for the line goes before the carrier's, who may not keep it."""
    sides = (("b", book), ("c", carrier))
    told = [f"{side}.insurance_line" for side, one in sides if "insurance_line" in one.column_names]
    return f"coalesce({', '.join(told)})" if told else "CAST(NULL AS VARCHAR)"


def _value(side: str, column: str, table: pa.Table) -> str:
    return f"{side}.{column}" if column in table.column_names else "CAST(NULL AS DECIMAL(12, 2))"


def _require_all(
    connection: duckdb.DuckDBPyConnection, found: pa.Table, book: pa.Table, carrier: pa.Table
) -> None:
    """Rows and dollars of either side, counted once more without the join.

    Where a carrier's policy has different amounts on its rows, one of them must be counted.
    """
    connection.register("found", found)
    of_book, of_carrier = ([f"{side}_{name}" for name in _COLUMNS] for side in _SIDES)
    parts = _sums(connection, ["book_rows", "carrier_rows", *of_book], "found")
    wanted = (book.num_rows, carrier.num_rows, *_sums(connection, _COLUMNS.values(), "book"))
    assert parts == wanted, f"rows or dollars went nowhere: {parts} of {wanted}"
    values = [_value("r", column, carrier) for column in _COLUMNS.values()]
    ends = (f"min({one}) AS least_{n}, max({one}) AS most_{n}" for n, one in enumerate(values))
    policies = f"(SELECT {', '.join(ends)} FROM carrier r GROUP BY exchange_policy_id)"  # noqa: S608
    least, most = (
        _sums(connection, [f"{end}_{n}" for n in range(len(values))], policies)
        for end in ("least", "most")
    )
    parts = _sums(connection, of_carrier, "found")
    assert all(low <= part <= high for low, part, high in zip(least, parts, most, strict=True)), (
        f"the carrier's dollars went nowhere: {parts} of {least} to {most}"
    )


def _sums(
    connection: duckdb.DuckDBPyConnection, columns: Iterable[str], relation: str
) -> tuple[Any, ...]:
    """The sum of each column; of nothing it is zero."""
    sums = ", ".join(f"coalesce(sum({column}), 0)" for column in columns)
    rows: list[tuple[Any, ...]] = connection.sql(f"SELECT {sums} FROM {relation}").fetchall()  # noqa: S608
    return rows[0]
