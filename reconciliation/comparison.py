"""The comparison of the book with the carrier's member records: a pure function of two snapshots.

What is compared, and how, are rows of `schemas/rules/reconciliation.toml`; `comparison_sql.py`
makes SQL of them. The same snapshots and rules give the same differences in the same order,
whatever order their rows had.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa

from reconciliation.bounded import open_duckdb
from reconciliation.comparison_sql import (
    compared_policies,
    differences,
    lone_policies,
    unlike_rows,
)
from reconciliation.engines import DuckDB, Engine, Joined
from reconciliation.matching import match, pair_up
from reconciliation.snapshots import (
    Snapshot,
    freeze,
    frozen,
    open_snapshot,
    require_whole,
    write_durably,
)
from reconciliation.span_sql import MACROS
from schemas import records, tables
from schemas.comparison import ComparedField, ComparisonRules, load_comparison
from schemas.errors import Terminal
from schemas.matching import load_matching

_SIDES = ("book", "carrier")


@dataclass(frozen=True)
class Comparison:
    """The differences, and where every row of both sides went.

    `may_be_absent` counts rows of the book that the carrier lacks and need not have;
    `not_compared` names fields of the rules that the carrier's records do not have; `matches`
    (records.MATCHES) are the pairs that the exchange's ids do not make, also those that wait for a
    person, whose rows are missing until then.
    """

    differences: pa.Table  # tables.DIFFERENCES
    matched: int
    differing: int
    missing_at_carrier: int
    missing_in_book: int
    may_be_absent: int
    not_compared: tuple[str, ...] = ()
    matches: pa.Table = field(default_factory=lambda: records.without_rows(records.MATCHES))

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

    @property
    def is_too_much_alone(self) -> bool:
        """Whether so many rows of a side had no partner by ids that likeness was not tried."""
        return load_matching().is_too_much((self.missing_at_carrier, self.missing_in_book))


def compare(  # noqa: PLR0913 - both sides, and how
    book: Snapshot,
    carrier: Snapshot,
    rules: ComparisonRules | None = None,
    engine: Engine | None = None,
    decisions: pa.Table | None = None,
    *,
    by_ids_only: bool = False,
) -> Comparison:
    """What differs between the book (BOOK_MEMBERS) and the carrier's records (CARRIER_MEMBERS).

    The sides are joined by DuckDB in this process, or by another engine; the result is the same.
    `decisions` (records.MATCH_DECISIONS) is what persons said of pairs that ids do not make;
    with `by_ids_only` none other than those that ids make are looked for.
    Raises Terminal when a side has two rows of one key, for then a row has no single partner.
    """
    rules = rules or load_comparison()
    fields = [one for one in rules.fields if one.columns <= carrier.columns]
    sides = dict(zip(_SIDES, (book, carrier), strict=True))
    with (
        open_duckdb() as connection,
        _whole(sides.values()),
        (engine or DuckDB()).attached(connection, sides) as joined,
    ):
        connection.execute(MACROS)
        sizes = [_size(joined, name, side, rules) for name, side in sides.items()]
        looked_at = joined.looked_at(rules, fields)
        connection.execute(f"CREATE TEMP TABLE looked_at AS SELECT * FROM {looked_at}")  # noqa: S608
        _require_spans(connection, fields)
        unlike = unlike_rows("looked_at", rules, fields)
        connection.execute(f"CREATE TEMP TABLE unlike AS {unlike}")
        matches = records.without_rows(records.MATCHES)
        compared: Sequence[ComparedField] = fields
        if not by_ids_only:
            matches, compared = _matched(connection, rules, fields, decisions)
        _note_compared(connection, joined, matches, rules)
        found = connection.sql(differences(rules, compared)).to_arrow_table()
        counted = _counted(connection)
    comparison = _conserved(found, counted, sizes, _not_compared(rules, fields))
    return replace(comparison, matches=matches)


def _require_spans(connection: duckdb.DuckDBPyConnection, fields: Sequence[ComparedField]) -> None:
    """Terminal where a side tells spans that are none; what both tell alike is not looked at."""
    for one in fields:
        if one.kind != "spans":
            continue
        for side, name in zip("bc", _SIDES, strict=True):
            wrong = connection.sql(
                f"SELECT exchange_policy_id, exchange_member_id FROM looked_at "  # noqa: S608
                f"WHERE NOT are_spans({side}_{one.name}) LIMIT 1"
            ).fetchall()
            if wrong:
                raise Terminal(
                    f"The {name}'s snapshot: column {one.name}: policy {wrong[0][0]}, member "
                    f"{wrong[0][1]}: not spans such as 2026-01-01/2026-06-30 2026-08-01/.. with "
                    "blanks between. Make the snapshot again."
                )


def _matched(
    connection: duckdb.DuckDBPyConnection,
    rules: ComparisonRules,
    fields: Sequence[ComparedField],
    decisions: pa.Table | None,
) -> tuple[pa.Table, Sequence[ComparedField]]:
    """The pairs among rows that ids leave alone, now in `unlike`, and what is compared with them.

    Where one side has no such row there is nothing to pair, and nothing is asked.
    """
    if not {"missing_at_carrier", "missing_in_book"} <= _counted(connection).keys():
        return records.without_rows(records.MATCHES), fields
    matches = match(connection, fields, rules, load_matching(), decisions)
    return matches, pair_up(connection, fields, rules)


def _note_compared(
    connection: duckdb.DuckDBPyConnection, joined: Joined, matches: pa.Table, rules: ComparisonRules
) -> None:
    """Makes the relation `policy_compared` for the policies of members whom the book lacks."""
    known = connection.sql(lone_policies(rules)).to_arrow_table()
    if known.num_rows:
        known = joined.known(known, rules)
    for name, table in (("known_policy", known), ("pair_found", matches)):
        connection.register(name, table)
    policies = compared_policies("known_policy", "pair_found", rules)
    connection.execute(f"CREATE TEMP TABLE policy_compared AS {policies}")


def _counted(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(connection.sql("SELECT kind, count(*) FROM unlike GROUP BY 1").fetchall())


def reconcile_folders(  # noqa: PLR0913 - both sides, how, and where
    book: Path,
    carrier: Path,
    out: Path,
    engine: Engine | None = None,
    *,
    decisions: pa.Table | None = None,
    may_lack_book: bool = False,
) -> Comparison:
    """Compares two folders of snapshots; writes what was found to `out`.

    `differences.parquet`, `matches.parquet` (records.MATCHES) and `summary.json`.

    Raises Terminal, and leaves in `out` what was there, when a snapshot cannot be used, or when one
    side is empty and the other is not; with `may_lack_book` the book may be.

    The summary holds the counts, the rules' id and version, the hashes of what was compared, and
    which fields could not be.
    """
    rules = load_comparison()
    optional = frozenset(records.CARRIER_MEMBERS.names) - frozenset(records.CARRIER_NEEDED)
    sides = (
        open_snapshot(book, records.BOOK_MEMBERS),
        open_snapshot(carrier, records.CARRIER_MEMBERS, optional),
    )
    _require_members(sides, (book, carrier), may_lack_book=may_lack_book)
    comparison = compare(*sides, rules, engine, decisions)
    path, sha256 = freeze(comparison.differences, out, "differences")
    freeze(comparison.matches, out, "matches")
    summary = {
        "rules": {"id": rules.id, "version": rules.version},
        **{name: side.hashes for name, side in zip(_SIDES, sides, strict=True)},
        "counts": comparison.counts,
        "not_compared": list(comparison.not_compared),
        "matches": _summary(comparison, decisions),
        "differences": {
            "file": path.name,
            "rows": comparison.differences.num_rows,
            "sha256": sha256,
        },
    }
    text = json.dumps(summary, indent=2, sort_keys=True) + "\n"
    write_durably(out / "summary.json", text.encode())
    return comparison


def _summary(comparison: Comparison, decisions: pa.Table | None) -> dict[str, object]:
    """The rules of matching, what persons had said, and how many pairs became what."""
    rules = load_matching()
    said = frozen(records.without_rows(records.MATCH_DECISIONS) if decisions is None else decisions)
    return {
        "rules": {"id": rules.id, "version": rules.version},
        "decisions_sha256": hashlib.sha256(said).hexdigest(),
        "likeness": "not tried" if comparison.is_too_much_alone else "tried",
        "pairs": dict(Counter(comparison.matches["state"].to_pylist())),
    }


def _require_members(
    sides: Sequence[Snapshot], folders: Sequence[Path], *, may_lack_book: bool
) -> None:
    in_book, at_carrier = (side.rows for side in sides)
    lacking = [folders[0]] * (not may_lack_book and not in_book and at_carrier > 0)
    lacking += [folders[1]] * (not at_carrier and in_book > 0)
    if lacking:
        raise Terminal(
            f"{lacking[0]} holds no member, and the other side holds {in_book + at_carrier:,}: all "
            "of them would count as missing. Make the snapshot again."
        )


@contextmanager
def _whole(sides: Iterable[Snapshot]) -> Iterator[None]:
    """A block that reads these snapshots: Terminal for the part of a file that cannot be read."""
    try:
        yield
    except duckdb.Error as error:
        for path in chain.from_iterable(side.files for side in sides):
            require_whole(path)
        if not isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
            raise
        raise Terminal(
            f"DuckDB could not compare the snapshots: {type(error).__name__}. Make room on the "
            "disk for its temporary files and compare again."
        ) from error


def _not_compared(rules: ComparisonRules, fields: Sequence[ComparedField]) -> tuple[str, ...]:
    return tuple(one.name for one in rules.fields if one not in fields)


def _size(joined: Joined, side: str, snapshot: Snapshot, rules: ComparisonRules) -> int:
    """The side's rows; Terminal when a key stands there twice."""
    rows, doubled = joined.size(side, ", ".join(rules.key))
    if doubled:
        place = snapshot.place_of_doubled(rules.key)
        raise Terminal(
            f"{place} of the {side}'s snapshot: column {rules.key[-1]}: an earlier row has the "
            f"same {' and '.join(rules.key)}. Make the snapshot again from records with one "
            "row each."
        )
    return rows


def _conserved(
    found: pa.Table, counted: dict[str, int], sizes: Sequence[int], not_compared: tuple[str, ...]
) -> Comparison:
    """Each row of either side is in exactly one count; else the comparison itself is wrong."""
    in_book, at_carrier = sizes
    at_carrier_only = counted.get("missing_in_book", 0)
    in_book_only = counted.get("missing_at_carrier", 0) + counted.get("may_be_absent", 0)
    pairs = in_book - in_book_only
    assert pairs == at_carrier - at_carrier_only, f"{in_book} and {at_carrier} rows: {counted}"
    return Comparison(
        differences=found.cast(tables.DIFFERENCES).combine_chunks(),
        matched=pairs - counted.get("differs", 0),
        differing=counted.get("differs", 0),
        missing_at_carrier=counted.get("missing_at_carrier", 0),
        missing_in_book=at_carrier_only,
        may_be_absent=counted.get("may_be_absent", 0),
        not_compared=not_compared,
    )
