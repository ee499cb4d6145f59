"""`make bench-reconcile`: the comparison of two snapshots, beside the same written by hand in SQL.

Each run is a process of its own, ours and the other in turn; both read and write Parquet. Nothing
here passes or fails on a time, but both must find the same differences.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from benchmarks import report
from benchmarks.measure import Usage, run
from reconciliation.snapshots import freeze
from schemas import records, tables

_SECTION = "# The comparison of book and carrier"
_HOW = (
    "Two snapshots of as many rows, 37 columns, of which one row in fifty differs in one field and "
    "one in two thousand is missing at the carrier. `by hand` is "
    "`benchmarks/reconciliation_by_hand.sql` in DuckDB: keys and hashes of rows are joined first, "
    "and fields compared only where these differ; the ratio is ours to it, by medians on the wall "
    "and in processor time. Ours also proves that keys are unique and that "
    "every row is counted once, works out dollars, hashes both snapshots, and keeps DuckDB's "
    "memory within a bound (`schemas/limits.toml`), beyond which it goes to the disk; the peak is "
    "the process's own. "
    "With `--engine spark` the endpoint (Sail) runs in the same process, on the same cores."
)
_BY_HAND = Path(__file__).with_name("reconciliation_by_hand.sql")
_CODES = (
    *("gender_code", "tobacco_code", "state", "insurance_line", "relationship_code"),
    "name_suffix",
)
_SELDOM = (
    *("mailing_line_1", "mailing_line_2", "mailing_city", "mailing_state"),
    *("mailing_postal_code", "address_line_2", "middle_name"),
)
_KEY = ("exchange_policy_id", "exchange_member_id")
_NOT_TOLD = ["coverage_spans", "rating_area"]  # by the carrier
_OF_THEIR_OWN = {
    "exchange_policy_id": "printf('%012d', (i // 2) * 7 + 100000)",
    "exchange_member_id": "printf('%010d', i + 1000000)",
    "exchange_subscriber_id": "printf('%010d', (i // 2) * 2 + 1000000)",
    "plan_id": "'91001TX001000' || (i % 7) || '01'",
    "birth_date": "DATE '1950-01-01' + CAST(i % 20000 AS INTEGER)",
    "benefit_begin": "DATE '2026-01-01'",
    "benefit_end": "CASE WHEN i % 10 = 0 THEN DATE '2026-06-30' END",
    "individual_premium": "CAST((i * 31) % 90000 / 100.0 AS DECIMAL(12, 2))",
}


def main() -> None:
    """Measures, prints the table, and writes it to `benchmarks/RESULTS.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", help="printed in the results")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--by-hand", type=Path, help="only compare this folder by hand")
    options = parser.parse_args()
    if options.by_hand:
        by_hand(options.by_hand)
        return
    titles = ("rows", "command", "seconds", "CPU s", "peak MB", "ratio (wall)", "ratio (CPU)")
    cells = [cells for rows in options.rows for cells in _measure(rows, options.runs)]
    section = "\n\n".join(
        (
            _SECTION,
            f"Measured on {options.date} by `make bench-reconcile`, medians of {options.runs}.",
            report.machine(),
            _HOW,
            report.table(titles, cells),
        )
    )
    report.put_section(_SECTION, section)
    print(section)


def _measure(rows: int, runs: int) -> list[Sequence[str]]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: the peak of a child counts what its parent holds when it starts.
        with ProcessPoolExecutor(1, get_context("spawn")) as other:
            data = other.submit(_write, folder, rows).result()
        ours, theirs = [], []
        edi834 = Path(sys.executable).with_name("edi834")
        options = [f"--{side}={folder / side}" for side in ("book", "carrier", "out")]
        for _ in range(runs):
            ours.append(run([edi834, "reconcile", *options], done=1))
            theirs.append(
                run([sys.executable, "-m", "benchmarks.reconciliation", "--by-hand", folder])
            )
        _require_same(folder)
        spark = [run([edi834, "reconcile", *options, "--engine", "spark"], done=1)]
        _require_same(folder)
    wall = median(u.wall_seconds for u in ours) / median(u.wall_seconds for u in theirs)
    cpu = median(u.cpu_seconds for u in ours) / median(u.cpu_seconds for u in theirs)
    return [
        _cells(f"{rows:,}", f"edi834 reconcile ({data / 1e6:,.0f} MB)", ours, (wall, cpu)),
        _cells("", "by hand", theirs, None),
        _cells("", "edi834 reconcile --engine spark (1 run)", spark, None),
    ]


def _cells(
    rows: str, name: str, used: Sequence[Usage], ratios: tuple[float, float] | None
) -> Sequence[str]:
    return (
        rows,
        name,
        f"{median(one.wall_seconds for one in used):.2f}",
        f"{median(one.cpu_seconds for one in used):.2f}",
        f"{max(one.peak_bytes for one in used) / 1e6:,.0f}",
        *([f"{ratio:.2f}" for ratio in ratios] if ratios else ["", ""]),
    )


def by_hand(folder: Path) -> None:
    """Runs the hand-written query over the folder's snapshots, in a process of its own."""
    paths = {side: str(folder / side / "members.parquet") for side in ("book", "carrier")}
    query = _BY_HAND.read_text("utf-8")
    for name, path in (paths | {"out": str(folder / "by-hand.parquet")}).items():
        query = query.replace(f"{{{name}}}", path)
    duckdb.execute(query)


def _require_same(folder: Path) -> None:
    """Ends the program when the two have not found the same differences."""
    compared = "kind, exchange_policy_id, exchange_member_id, field, book_value, carrier_value"
    ours, theirs = (
        f"SELECT {compared}, file_id FROM '{folder / name}'"
        for name in ("out/differences.parquet", "by-hand.parquet")
    )
    for one, other in ((ours, theirs), (theirs, ours)):
        unlike = duckdb.execute(f"{one} EXCEPT ALL {other}").fetchall()
        if unlike:
            raise SystemExit(f"{len(unlike)} differences are found by one only, as {unlike[0]}.")


def _write(folder: Path, rows: int) -> int:
    """The bytes in memory of both sides, frozen into `book` and `carrier` of the folder."""
    with duckdb.connect() as connection:
        columns = ", ".join(f"{_made(field)} AS {field.name}" for field in records.CARRIER_MEMBERS)
        book = connection.sql(
            f"SELECT {columns}, i % 2 = 0 AS is_subscriber, 'effectuated' AS policy_status, "
            f"1 + i // 1000 AS file_id FROM range({rows}) AS rows (i)"
        ).to_arrow_table()
        book = book.cast(records.BOOK_MEMBERS)
        connection.register("book", book)
        told = pa.schema(
            [field for field in records.CARRIER_MEMBERS if field.name not in _NOT_TOLD]
        )
        carrier = connection.sql(_disagreeing()).to_arrow_table().drop_columns(_NOT_TOLD).cast(told)
    for side, table in (("book", book), ("carrier", carrier)):
        freeze(table, folder / side, "members")
    return int(book.nbytes + carrier.nbytes)


def _made(field: pa.Field) -> str:
    if field.name in _NOT_TOLD:
        return "CAST(NULL AS VARCHAR)"
    if field.name in _OF_THEIR_OWN:
        return _OF_THEIR_OWN[field.name]
    if field.name in _CODES:
        return "chr(65 + CAST(i % 3 AS INTEGER))"
    if field.type == tables.MONEY:  # of the policy: on the subscriber's row
        return "CASE WHEN i % 2 = 0 THEN CAST((i * 31) % 90000 / 100.0 AS DECIMAL(12, 2)) END"
    text = f"'{field.name[:6].upper()}' || (i * 7919 % 50021)"
    return f"CASE WHEN i % 4 = 0 THEN {text} END" if field.name in _SELDOM else text


def _disagreeing() -> str:
    """SQL for the carrier's rows, in another order: the book's, but for what differs."""
    fields = [field for field in records.CARRIER_MEMBERS if field.name not in (*_KEY, *_NOT_TOLD)]
    altered = ", ".join(
        f"CASE WHEN chance = 0 AND which = {place} THEN {_altered(field)} ELSE {field.name} END "
        f"AS {field.name}"
        for place, field in enumerate(fields)
    )
    return f"""
        SELECT {", ".join(records.CARRIER_MEMBERS.names)} FROM (
          SELECT exchange_policy_id, exchange_member_id, {", ".join(_NOT_TOLD)}, {altered} FROM (
            SELECT *, hash(exchange_member_id) % 50 AS chance,
                   hash(exchange_member_id || 'which') % {len(fields)} AS which FROM book)
          WHERE hash(exchange_member_id || 'lost') % 2000 <> 0)
        ORDER BY hash(exchange_member_id)
    """


def _altered(field: pa.Field) -> str:
    if field.type == tables.DATE:
        return f"coalesce({field.name}, DATE '2026-12-31') - 40"
    if field.type == tables.MONEY:
        return f"coalesce({field.name}, 0) + 10"
    return f"coalesce({field.name}, '') || 'X'"


if __name__ == "__main__":
    main()
