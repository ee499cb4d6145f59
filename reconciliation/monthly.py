"""What follows from the exchange's answer of a month: actions, differences, and the balance.

All of it is worked out by DuckDB from the tables of the answer; which flag leads to what is rows of
`schemas/monthly/actions.toml`. The same answer gives the same rows in the same order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from reconciliation.bounded import open_duckdb
from schemas import monthly_tables, tables
from schemas.monthly_answers import ActionRow, load_actions

_FATES = ("matched", "differing", "unmatched")
_MEASURES = ("rows", "premium", "aptc")
_SIDES = ("exchange_premium", "issuer_premium", "exchange_aptc", "issuer_aptc")


@dataclass(frozen=True)
class Balance:
    """How many records of an answer went where, and the dollars of a month on either side.

    `dollars` has a row for each fate: (exchange's premium, ours, exchange's APTC, ours).
    """

    records: int
    rows: dict[str, int]  # by fate
    dollars: dict[str, tuple[Decimal, ...]]

    @property
    def totals(self) -> tuple[Decimal, ...]:
        """The dollars of all records, in the same order."""
        return tuple(
            sum((self.dollars[fate][place] for fate in _FATES), Decimal("0.00"))
            for place in range(len(_SIDES))
        )


def balance_of(records: pa.Table) -> Balance:
    """Where the records (RCNO_RECORDS) went: each into one fate, and its dollars with it."""
    sums = ", ".join(f"coalesce(sum({side}), 0)" for side in _SIDES)
    with open_duckdb() as connection:
        connection.register("records", records)
        found = {
            fate: (count, amounts)
            for fate, count, *amounts in connection.sql(
                f"SELECT fate, count(*), {sums} FROM records GROUP BY fate"  # noqa: S608
            ).fetchall()
        }
        whole = connection.sql(f"SELECT {sums} FROM records").fetchall()[0]  # noqa: S608
    nothing = (0, (Decimal("0.00"),) * len(_SIDES))
    balance = Balance(
        records.num_rows,
        {fate: found.get(fate, nothing)[0] for fate in _FATES},
        {fate: tuple(_cents(a) for a in found.get(fate, nothing)[1]) for fate in _FATES},
    )
    assert sum(balance.rows.values()) == records.num_rows, "a record went nowhere"
    assert balance.totals == tuple(_cents(amount) for amount in whole), "dollars went nowhere"
    return balance


def sides_of(records: pa.Table) -> dict[str, dict[str, list[str]]]:
    """By fate and measure (rows, premium, aptc): the exchange's and ours, as texts.

    What the one side lacks is apart from what the other lacks; `all` is counted without fates.
    """
    of_fate = """CASE WHEN fate <> 'unmatched' THEN fate
      WHEN trace_number IS NULL THEN 'missing_here' ELSE 'missing_there' END"""
    theirs, ours = "fate <> 'unmatched' OR trace_number IS NULL", "trace_number IS NOT NULL"
    query = f"""
        SELECT {{fate}} AS place,
          count(*) FILTER (WHERE {theirs}), count(*) FILTER (WHERE {ours} OR fate <> 'unmatched'),
          {", ".join(f"coalesce(sum({side}), 0)" for side in _SIDES)}
        FROM records GROUP BY place ORDER BY place
    """  # noqa: S608 - our own columns
    with open_duckdb() as connection:
        connection.register("records", records)
        rows = [
            row
            for fate in (of_fate, "'all'")
            for row in connection.sql(query.format(fate=fate)).fetchall()
        ]
    return {
        fate: {
            name: [str(one), str(other)]
            for name, one, other in zip(_MEASURES, counts[::2], counts[1::2], strict=True)
        }
        for fate, *counts in rows
    }


def _cents(amount: Decimal | int) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.01"))


def actions_of(
    records: pa.Table, fields: pa.Table, layout_id: str, dollar_fields: Iterable[str]
) -> pa.Table:
    """What follows from the answer (monthly_tables.MONTHLY_ACTIONS), in the order of the file.

    Of a record that was not found, and of one of which no field leads to anything, the record
    itself is judged; of all others each field that was compared.
    """
    known = load_actions()
    by_record = [row for row in known.records if row.layout in (None, layout_id)]
    by_field = [row for row in known.fields if row.layout in (None, layout_id)]
    actions = {row.id: row.action for row in (*by_record, *by_field)}
    with open_duckdb() as connection:
        connection.register("records", records)
        connection.register("fields", fields)
        connection.register(
            "rules", pa.table({"rule": list(actions), "action": list(actions.values())})
        )
        query = _ACTIONS.format(
            field_rule=_case(by_field),
            record_rule=_case(by_record),
            dollar_fields=_listed(dollar_fields),
        )
        found = connection.sql(query).to_arrow_table()
    return found.cast(monthly_tables.MONTHLY_ACTIONS).combine_chunks()


def differences_of(
    actions: pa.Table, coverage_year: int, file_ids: pa.Array | None = None
) -> pa.Table:
    """What somebody must mend, as differences (tables.FOUND_DIFFERENCES) of book and exchange.

    `book_value` is ours, `carrier_value` the other side's: the exchange's. `file_ids`, in the order
    of the actions, are the files behind our values. What is to be ignored nobody has to mend, and
    what names no policy is a line and no difference. A field that differs in several segments of
    a member is one difference, with the values of the last.
    """
    with open_duckdb() as connection:
        ids = file_ids if file_ids is not None else pa.nulls(actions.num_rows, pa.int64())
        connection.register("actions", actions.append_column("file_id", ids))
        found = connection.sql(
            """
            SELECT DISTINCT ON (kind, exchange_policy_id, exchange_member_id, field)
              CASE WHEN field IS NOT NULL THEN 'differs'
                        WHEN rule = 'not-in-our-file' THEN 'missing_in_book'
                        ELSE 'missing_at_carrier' END AS kind,
              exchange_policy_id, exchange_member_id, field,
              issuer_value AS book_value, exchange_value AS carrier_value,
              CASE WHEN rule = 'not-in-our-file' THEN dollars
                   WHEN field IS NULL THEN -dollars
                   WHEN field = 'premium_total' THEN theirs - ours END AS premium_difference,
              CASE field WHEN 'aptc' THEN theirs - ours END AS aptc_difference,
              CASE field WHEN 'csr' THEN theirs - ours END AS csr_difference, file_id, rule,
              $period AS period
            FROM (
              SELECT *, coalesce(TRY_CAST(exchange_value AS DECIMAL(12, 2)), 0) AS theirs,
                coalesce(TRY_CAST(issuer_value AS DECIMAL(12, 2)), 0) AS ours
              FROM actions
              WHERE action <> 'ignore' AND exchange_policy_id IS NOT NULL
            ) told
            ORDER BY exchange_policy_id, exchange_member_id, field, kind, action_ordinal DESC
        """,
            params={"period": str(coverage_year)},
        ).to_arrow_table()
    return found.cast(tables.FOUND_DIFFERENCES).combine_chunks()


_ACTIONS = """
WITH judged AS (
  SELECT f.*, {field_rule} AS rule
  FROM fields f JOIN (SELECT record_ordinal, fate FROM records) r USING (record_ordinal)
  WHERE f.flag IS NOT NULL AND r.fate <> 'unmatched'
), acting AS (
  SELECT judged.*, action FROM judged JOIN rules USING (rule) WHERE action <> 'none'
), whole AS (
  SELECT r.*, {record_rule} AS rule
  FROM (
    SELECT *, record_ordinal IN (SELECT record_ordinal FROM acting) AS has_fields, NULL AS field
    FROM records
  ) r
), found AS (
  SELECT record_ordinal, position, field, exchange_value, issuer_value, flag, rule, action,
    CASE WHEN field IN ({dollar_fields})
      THEN abs(coalesce(TRY_CAST(exchange_value AS DECIMAL(12, 2)), 0)
        - coalesce(TRY_CAST(issuer_value AS DECIMAL(12, 2)), 0))
      ELSE 0 END AS dollars
  FROM acting
  UNION ALL
  SELECT record_ordinal, 0, NULL, NULL, NULL, flag, rule, action,
    coalesce(issuer_premium, exchange_premium, 0)
  FROM whole JOIN rules USING (rule) WHERE action <> 'none'
)
SELECT row_number() OVER (ORDER BY record_ordinal, position) AS action_ordinal,
  record_ordinal, line, byte_start, byte_end, exchange_policy_id, exchange_member_id,
  found.field, found.exchange_value, found.issuer_value, found.flag, rule, action, dollars
FROM found JOIN records USING (record_ordinal)
ORDER BY action_ordinal
"""


def _case(rows: list[ActionRow]) -> str:
    """SQL for the id of the first row that fits."""
    conditions = {
        row.id: " AND ".join(
            [
                *([f"flag IN ({_listed(row.flags)})"] if row.flags is not None else []),
                *([f"field IN ({_listed(row.fields)})"] if row.fields is not None else []),
                *(["has_fields"] if row.has_fields else []),
            ]
        )
        for row in rows
    }
    cases = [f"WHEN {says or 'TRUE'} THEN '{rule}'" for rule, says in conditions.items()]
    return f"CASE {' '.join(cases)} END"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "NULL"
