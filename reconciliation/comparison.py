"""The comparison of the book with the carrier's member records: a pure function of two snapshots.

DuckDB joins both sides on the key and compares every field; what is compared, and how, are rows of
`schemas/rules/reconciliation.toml`. The same snapshots and rules give the same differences in the
same order, whatever order their rows had.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb
import pyarrow as pa
from pyarrow import dataset

from reconciliation.snapshots import freeze, open_snapshot, snapshot_files, write_durably
from schemas import tables
from schemas.comparison import ComparedField, ComparisonRules, load_comparison
from schemas.errors import Terminal

Snapshot: TypeAlias = pa.Table | dataset.Dataset

# SQL for "the two values agree" by the kind of field; b is the book's row, c the carrier's.
_AGREES = {
    "exact": "{b} IS NOT DISTINCT FROM {c}",
    "date": "{b} IS NOT DISTINCT FROM {c}",
    "name": "CASE WHEN {b} = {c} THEN TRUE "  # the letters are costly and seldom needed
    "ELSE {b_letters} IS NOT DISTINCT FROM {c_letters} END",
    "money": "CASE WHEN {b} IS NULL OR {c} IS NULL THEN {b} IS NOT DISTINCT FROM {c} "
    "ELSE abs({b} - {c}) <= {tolerance} END",
    "end_date": "coalesce({b}, {b_year_end}) IS NOT DISTINCT FROM coalesce({c}, {c_year_end})",
}
_LETTERS = r"nullif(regexp_replace(upper({0}), '[^\p{{L}}\p{{N}}]', '', 'g'), '')"
_YEAR_END = "make_date(year({0}.benefit_begin), 12, 31)"


@dataclass(frozen=True)
class Comparison:
    """The differences, and where every row of both sides went.

    `may_be_absent` counts rows of the book that the carrier lacks and need not have.
    """

    differences: pa.Table  # tables.DIFFERENCES
    matched: int
    differing: int
    missing_at_carrier: int
    missing_in_book: int
    may_be_absent: int

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return {
            "matched": self.matched,
            "differing": self.differing,
            "missing_at_carrier": self.missing_at_carrier,
            "missing_in_book": self.missing_in_book,
            "may_be_absent": self.may_be_absent,
        }


def compare(book: Snapshot, carrier: Snapshot, rules: ComparisonRules | None = None) -> Comparison:
    """What differs between the book (BOOK_MEMBERS) and the carrier's records (CARRIER_MEMBERS).

    Raises Terminal when a side has two rows of one key, for then a row has no single partner.
    """
    rules = rules or load_comparison()
    with duckdb.connect(":memory:") as connection:
        connection.register("book", book)
        connection.register("carrier", carrier)
        for side in ("book", "carrier"):
            _require_unique(connection, side, rules)
        connection.execute(_pairs(rules))
        counted = dict(connection.sql("SELECT kind, count(*) FROM pairs GROUP BY kind").fetchall())
        found = connection.sql(_differences(rules)).to_arrow_table()
        sizes = [_size(connection, side) for side in ("book", "carrier")]
    comparison = Comparison(
        differences=found.cast(tables.DIFFERENCES).combine_chunks(),
        matched=counted.get("matched", 0),
        differing=counted.get("differs", 0),
        missing_at_carrier=counted.get("missing_at_carrier", 0),
        missing_in_book=counted.get("missing_in_book", 0),
        may_be_absent=counted.get("may_be_absent", 0),
    )
    _require_conserved(comparison, *sizes)
    return comparison


def reconcile_folders(book: Path, carrier: Path, out: Path) -> Comparison:
    """Compares two folders of snapshots; writes `differences.parquet` and `summary.json` to `out`.

    The summary holds the counts, the rules' id and version, and the hashes of what was compared.
    """
    rules = load_comparison()
    comparison = compare(
        open_snapshot(book, tables.BOOK_MEMBERS),
        open_snapshot(carrier, tables.CARRIER_MEMBERS),
        rules,
    )
    path, sha256 = freeze(comparison.differences, out, "differences")
    summary = {
        "rules": {"id": rules.id, "version": rules.version},
        "book": _hashes(book),
        "carrier": _hashes(carrier),
        "counts": comparison.counts,
        "differences": {
            "file": path.name,
            "rows": comparison.differences.num_rows,
            "sha256": sha256,
        },
    }
    text = json.dumps(summary, indent=2, sort_keys=True) + "\n"
    write_durably(out / "summary.json", text.encode())
    return comparison


def _require_unique(
    connection: duckdb.DuckDBPyConnection, side: str, rules: ComparisonRules
) -> None:
    key = ", ".join(rules.key)
    doubled = connection.sql(
        f"SELECT count(*) FROM (SELECT 1 FROM {side} GROUP BY {key} HAVING count(*) > 1)"  # noqa: S608
    ).fetchall()[0][0]
    if doubled:
        raise Terminal(
            f"{doubled} keys ({key}) stand more than once in the {side}'s snapshot. "
            "Make the snapshot again from records with one row each."
        )


def _size(connection: duckdb.DuckDBPyConnection, side: str) -> int:
    return int(connection.sql(f"SELECT count(*) FROM {side}").fetchall()[0][0])  # noqa: S608


def _pairs(rules: ComparisonRules) -> str:
    """SQL that makes `pairs`: one row per key of either side, and which fields agree."""
    on = " AND ".join(f"b.{name} IS NOT DISTINCT FROM c.{name}" for name in rules.key)
    key = ", ".join(f"coalesce(b.{name}, c.{name}) AS {name}" for name in rules.key)
    may_be_absent = ", ".join(f"'{status}'" for status in rules.may_be_absent) or "NULL"
    all_agree = " AND ".join(f"same_{field.name}" for field in rules.fields)
    fields = ", ".join(
        f"b.{field.name} AS book_{field.name}, c.{field.name} AS carrier_{field.name}, "
        f"{_agrees(field, rules)} AS same_{field.name}"
        for field in rules.fields
    )
    return f"""
        CREATE TEMP TABLE pairs AS
        SELECT {key}, b.file_id, {fields},
               CASE WHEN b.is_book IS NULL THEN 'missing_in_book'
                    WHEN c.is_carrier IS NULL AND b.policy_status IN ({may_be_absent})
                    THEN 'may_be_absent'
                    WHEN c.is_carrier IS NULL THEN 'missing_at_carrier'
                    WHEN {all_agree} THEN 'matched'
                    ELSE 'differs' END AS kind
        FROM (SELECT *, TRUE AS is_book FROM book) AS b
        FULL JOIN (SELECT *, TRUE AS is_carrier FROM carrier) AS c ON {on}
    """  # noqa: S608


def _agrees(field: ComparedField, rules: ComparisonRules) -> str:
    """SQL that is true where the field's values agree or are not to be compared."""
    book, carrier = (f"{side}.{field.name}" for side in "bc")
    if field.blank == "zero":
        book, carrier = f"coalesce({book}, 0)", f"coalesce({carrier}, 0)"
    agrees = _AGREES[field.kind].format(
        b=book,
        c=carrier,
        b_letters=_LETTERS.format(book),
        c_letters=_LETTERS.format(carrier),
        b_year_end=_YEAR_END.format("b"),
        c_year_end=_YEAR_END.format("c"),
        tolerance=rules.money_tolerance,
    )
    if field.members == "subscriber":
        agrees = f"NOT coalesce(b.is_subscriber, FALSE) OR {agrees}"
    if field.book_blank == "skip":
        agrees = f"b.{field.name} IS NULL OR {agrees}"
    return f"({agrees})"


def _differences(rules: ComparisonRules) -> str:
    """SQL for the differences in order: by key, then by the fields in the order of the rules."""
    key = ", ".join(rules.key)
    disagreeing = [
        f"SELECT {key}, {order} AS field_order, kind, '{field.name}' AS field, "  # noqa: S608
        f"CAST(book_{field.name} AS VARCHAR) AS book_value, "
        f"CAST(carrier_{field.name} AS VARCHAR) AS carrier_value, file_id "
        f"FROM pairs WHERE kind = 'differs' AND NOT same_{field.name}"
        for order, field in enumerate(rules.fields, 1)
    ]
    missing = (
        f"SELECT {key}, 0 AS field_order, kind, NULL AS field, NULL AS book_value, "  # noqa: S608
        "NULL AS carrier_value, file_id FROM pairs "
        "WHERE kind IN ('missing_at_carrier', 'missing_in_book')"
    )
    return (
        f"SELECT {', '.join(tables.DIFFERENCES.names)} "  # noqa: S608
        f"FROM ({' UNION ALL '.join([missing, *disagreeing])}) "
        f"ORDER BY {key}, field_order"
    )


def _require_conserved(comparison: Comparison, book_rows: int, carrier_rows: int) -> None:
    """Each row of either side ended in exactly one count; else the comparison itself is wrong."""
    paired = comparison.matched + comparison.differing
    in_book = paired + comparison.missing_at_carrier + comparison.may_be_absent
    at_carrier = paired + comparison.missing_in_book
    assert in_book == book_rows, f"{book_rows} rows of the book became {in_book}"
    assert at_carrier == carrier_rows, f"{carrier_rows} rows of the carrier became {at_carrier}"


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in snapshot_files(folder)
    }
