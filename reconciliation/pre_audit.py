"""What the exchange's pre-audit file says otherwise than the book, member by member of a year."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reconciliation.bounded import open_duckdb
from reconciliation.comparison import Comparison, compare
from reconciliation.snapshots import Snapshot, frozen
from schemas import monthly_tables, records, tables
from schemas.pre_audit import load_pre_audit_comparison
from strongroom.files import parquet

_NOT_TOLD = ("name_suffix", "rating_area")  # no source says how the file has them
_SIDE = [name for name in records.CARRIER_MEMBERS.names if name not in _NOT_TOLD]
_AMOUNTS = ("premium_total", "aptc", "csr", "responsible_amount", "individual_premium")
_SPANS = ("benefit_begin", "benefit_end", "coverage_spans")
_OF_LAST = [name for name in _SIDE if name not in (*_AMOUNTS, *_SPANS)]

# Of a member's segments those that follow each other are one span; of several spans the last
# counts, as in the snapshot of the book. Amounts are those of the segment that holds the day, or
# of the one next to it.
_MEMBERS = f"""
WITH piece AS (
  SELECT *, benefit_begin > coalesce(
      lag(coalesce(benefit_end, DATE '9999-12-31')) OVER (
        PARTITION BY exchange_policy_id, exchange_member_id ORDER BY benefit_begin
      ) + 1, DATE '0001-01-01') AS begins,
    CASE WHEN benefit_begin <= $day THEN $day - benefit_begin
         ELSE 1000000 + (benefit_begin - $day) END AS days_off
  FROM told WHERE line IS NOT NULL
), member AS (
  SELECT {", ".join(f"arg_max_null({name}, benefit_begin) AS {name}" for name in _OF_LAST)},
    max(benefit_begin) FILTER (WHERE begins) AS span_begin,
    nullif(max(coalesce(benefit_end, DATE '9999-12-31')), DATE '9999-12-31') AS span_end,
    string_agg(benefit_begin || '/' || coalesce(CAST(benefit_end AS VARCHAR), '..'), ' '
      ORDER BY benefit_begin) FILTER (WHERE coalesce(benefit_end > benefit_begin, TRUE))
      AS coverage_spans,
    {", ".join(f"arg_min_null({name}, days_off) AS {name}" for name in _AMOUNTS)}
  FROM (SELECT p.*, exchange_policy_id AS policy, exchange_member_id AS member FROM piece p)
  GROUP BY policy, member
)
SELECT * RENAME (span_begin AS benefit_begin, span_end AS benefit_end) FROM member
ORDER BY exchange_policy_id, exchange_member_id
"""  # noqa: S608 - our own columns

# Whoever ended on the day of the begin was never covered: that both say so is all there is to it,
# and what only one side knows of such a member nobody need tell.
_BOOK = """
CREATE TEMP TABLE ours AS
SELECT b.* REPLACE ({alike},
  CASE WHEN benefit_begin = benefit_end THEN 'cancelled' ELSE policy_status END AS policy_status)
FROM book b ANTI JOIN left_out l USING (exchange_policy_id)
WHERE year(benefit_begin) = $year
"""
_THEIRS = """
CREATE TEMP TABLE theirs AS
SELECT m.* FROM members m ANTI JOIN left_out l USING (exchange_policy_id)
"""
_NEITHER_COVERED = """
SELECT * FROM {side} s ANTI JOIN (
  SELECT exchange_policy_id, exchange_member_id
  FROM ours o JOIN theirs t USING (exchange_policy_id, exchange_member_id)
  WHERE o.benefit_begin = o.benefit_end AND t.benefit_begin = t.benefit_end
) n USING (exchange_policy_id, exchange_member_id)
ORDER BY exchange_policy_id, exchange_member_id
"""


@dataclass(frozen=True)
class Told:
    """A pre-audit file as it is compared. `left_out` are ids of policies that are not compared."""

    rows: Snapshot  # monthly_tables.PRE_AUDIT_ROWS; without a line: a policy not compared
    left_out: pa.ChunkedArray
    coverage_year: int
    alike: Mapping[str, Mapping[str, str]]  # by column: a code of the book, and how it is told


def frozen_pre_audit(rows: pa.Table, not_compared: pa.Array) -> pa.Buffer:
    """What a pre-audit file says as Parquet: its rows, and those policies that are not compared.

    Of these the row has the policy's id only, and no line.
    """
    alone = pa.table({"exchange_policy_id": not_compared})
    whole = pa.concat_tables([rows, alone], promote_options="default")
    return frozen(whole.cast(monthly_tables.PRE_AUDIT_ROWS))


def not_compared_of(path: Path) -> pa.ChunkedArray:
    """Ids of the policies of a frozen file that are not compared."""
    alone = pc.field("line").is_null()
    return pq.read_table(parquet(path), columns=["exchange_policy_id"], filters=alone).column(0)


def members_told(rows: Snapshot, on_day: date) -> pa.Table:
    """The members of a pre-audit file as a carrier's records have them (CARRIER_MEMBERS).

    One row a member of a policy, with the last span of coverage and the amounts of the day; without
    a name's suffix, which no source says the file has.
    """
    schema = pa.schema([records.CARRIER_MEMBERS.field(name) for name in _SIDE])
    with open_duckdb() as connection, ExitStack() as until:
        rows.attach(connection, "told", until)
        found = connection.sql(_MEMBERS, params={"day": on_day}).to_arrow_table()
    return found.select(_SIDE).cast(schema)


def compare_pre_audit(book: pa.Table, told: Told, on_day: date) -> Comparison:
    """What the file says otherwise than the book (BOOK_MEMBERS) of its coverage year.

    `missing_at_carrier` is who is missing in the file. Only ids make pairs: both sides have the
    exchange's own. Raises Terminal when the book has a member twice.
    """
    members = members_told(told.rows, on_day)
    with open_duckdb() as connection:
        for name, table in (("book", book), ("members", members)):
            connection.register(name, table)
        connection.register("left_out", pa.table({"exchange_policy_id": told.left_out}))
        ours = _BOOK.format(alike=_told_as(told.alike))
        connection.execute(ours, {"year": told.coverage_year})
        connection.execute(_THEIRS)
        book, members = (
            connection.sql(_NEITHER_COVERED.format(side=side)).to_arrow_table().cast(schema)
            for side, schema in (("ours", records.BOOK_MEMBERS), ("theirs", members.schema))
        )
    return compare(
        Snapshot.of(book),
        Snapshot.of(members),
        load_pre_audit_comparison(),
        by_ids_only=True,
    )


def _told_as(alike: Mapping[str, Mapping[str, str]]) -> str:
    """SQL for our codes as the file tells them, column by column."""
    cases = {
        column: " ".join(f"WHEN '{ours}' THEN '{theirs}'" for ours, theirs in codes.items())
        for column, codes in alike.items()
    }
    return ", ".join(
        f"CASE {column} {case} ELSE {column} END AS {column}" for column, case in cases.items()
    )


def differences_of_year(comparison: Comparison, coverage_year: int) -> pa.Table:
    """The differences as breaks of that coverage year have them (tables.FOUND_DIFFERENCES)."""
    found = comparison.differences
    period = pa.repeat(pa.scalar(str(coverage_year), tables.TEXT), found.num_rows)
    rule = pa.nulls(found.num_rows, tables.TEXT)
    whole = found.append_column("period", period).append_column("rule", rule)
    return whole.select(tables.FOUND_DIFFERENCES.names).cast(tables.FOUND_DIFFERENCES)
