"""The rows that two databases remember, compared whatever numbers they were given.

Ids that the database counts up mean nothing but which row is meant. So a reference to a file that
was sent is read as what it answers, one to an event as its place in its file, one to a hold as the
run that held, and other such ids are left out. What else is not compared is in
`schemas/replay.toml`.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.replay_history import FILE_KEY, Later
from schemas.columns import metadata
from schemas.postgres_copy import copy_lines
from schemas.replay import load_uncompared

# Numbers that mean the same in both databases: the replay gives these rows the ids that they had.
_MONTH = "reconciliation.month_file.month_file_id"
_SAME_NUMBERS = {"ledger.run.run_id", "ledger.gate_batch.batch_id", _MONTH}
_FILE, _EVENT, _HOLD = "ledger.file.file_id", "book.event.event_id", "book.hold.hold_id"

# Columns by which a difference is named to people: ids and codes, no person's attribute.
_NAMES = (
    *("partner_id", "run_id", "batch_id", "file_id", "interchange_ordinal", "group_ordinal"),
    *("set_ordinal", "member_ordinal", "issue_ordinal", "event_id", "exchange_policy_id"),
    *("exchange_member_id", "kind", "insurance_line", "valid_from", "known_from"),
    *("expectation", "field"),
)


@dataclass(frozen=True)
class Compared:
    """One table: how many rows both have, and what is not the same, in sentences without values."""

    table: str
    rows: int
    differences: list[str]


@dataclass(frozen=True)
class _Query:
    columns: tuple[str, ...]
    rows: sa.TextClause


def compare_tables(
    then: sa.Connection, now: sa.Connection, later: Later, moment: datetime, folder: Path
) -> Iterator[Compared]:
    """Every table of the database, compared between the record and the replay.

    `later` and `moment` leave out what runs after the cut have changed. `folder` takes rows while
    they are compared.
    """
    left_out = {row.table for row in load_uncompared().tables}
    for table in metadata.sorted_tables:
        if table.fullname in left_out:
            continue
        query = _query(table, later, moment)
        if query is not None:
            yield _compare(then, now, table.fullname, query, folder)


def _query(table: sa.Table, later: Later, moment: datetime) -> _Query | None:
    """The rows of a table as both databases must have them; None when no column is compared."""
    columns = {c.name: _Column(c) for c in table.columns if _is_compared(c, later)}
    if not columns:
        return None
    joins = [join for column in columns.values() for join in column.joins]
    condition, more_joins = _condition(table, columns)
    # Texts in the order of their bytes, whatever language the database sorts by.
    cells = [f'CAST({one.expression} AS text) COLLATE "C"' for one in columns.values()]
    order = ", ".join(str(place) for place in range(1, len(cells) + 1))
    query = sa.text(
        f"SELECT {', '.join(cells)} FROM {table.fullname} t {' '.join([*joins, *more_joins])} "  # noqa: S608
        f"WHERE {condition} ORDER BY {order}"
    )
    known = {
        "moment": moment,
        "run_ids": later.runs,
        "file_keys": later.file_keys,
        "batch_ids": later.batches,
        "month_ids": later.months,
    }
    asked = {name: value for name, value in known.items() if f":{name}" in query.text}
    return _Query(tuple(columns), query.bindparams(**asked))


def _is_compared(column: sa.Column[Any], later: Later) -> bool:
    name = f"{column.table.fullname}.{column.name}"
    if column.identity is not None and name not in (*_SAME_NUMBERS, _FILE):
        return False
    for row in load_uncompared().columns:
        if name == f"{row.table}.{row.column}":
            return row.only_at_the_end and not later.happened
    return True


class _Column:
    """A column as an expression that means the same in both databases."""

    def __init__(self, column: sa.Column[Any]) -> None:
        self.expression = f"t.{column.name}"
        self.joins: list[str] = []
        target = _target(column)
        alias = f"of_{column.name}"
        if target == _FILE:
            self.joins = [_join_file(alias, self.expression)]
            self.expression = FILE_KEY.format(f=alias)
        elif target == _EVENT:
            self.joins = [
                f"LEFT JOIN book.event {alias} ON {alias}.event_id = {self.expression}",
                _join_file(f"{alias}_file", f"{alias}.file_id"),
            ]
            file_key = FILE_KEY.format(f=f"{alias}_file")
            self.expression = f"({file_key}) || ' member ' || {alias}.member_ordinal"
        elif target == _HOLD:
            self.joins = [f"LEFT JOIN book.hold {alias} ON {alias}.hold_id = {self.expression}"]
            self.expression = f"'run ' || {alias}.run_id || ' to ' || {alias}.partner_id"
        elif target is not None and target not in _SAME_NUMBERS and _is_counted(target):
            raise TypeError(f"{column} refers to {target}, which has no name in common.")
        elif column.name == "known_to":
            self.expression = (
                "CASE WHEN t.known_to > CAST(:moment AS timestamptz) THEN 'infinity'"
                " ELSE t.known_to END"
            )


def _join_file(alias: str, expression: str) -> str:
    return f"LEFT JOIN ledger.file {alias} ON {alias}.file_id = {expression}"


def _target(column: sa.Column[Any]) -> str | None:
    """What a column refers to by a key of its own; its own name for an id that is compared."""
    name = f"{column.table.fullname}.{column.name}"
    if name == _FILE:
        return _FILE
    single = [
        key.target_fullname
        for key in column.foreign_keys
        if key.constraint is not None and len(key.constraint.columns) == 1
    ]
    return single[0] if single else column.info.get("refers_to")


def _is_counted(target: str) -> bool:
    table, _, column = target.rpartition(".")
    return metadata.tables[table].columns[column].identity is not None


def _condition(table: sa.Table, compared: Collection[str]) -> tuple[str, list[str]]:
    """Which rows are those of the cut, with the joins that tell."""
    if "known_from" in table.columns:
        return "t.known_from <= CAST(:moment AS timestamptz)", []
    if "month_file_id" in compared:
        return "t.month_file_id <> ALL(CAST(:month_ids AS bigint[]))", []
    untouched = f"{FILE_KEY.format(f='anchor')} <> ALL(CAST(:file_keys AS text[]))"
    conditions, joins = [], []
    if "file_id" in compared and _is_of_a_file(table.columns["file_id"]):
        conditions.append(untouched)
        joins.append(_join_file("anchor", "t.file_id"))
    for name in {"run_id", "batch_id"} & set(compared):
        conditions += [f"t.{name} <> ALL(CAST(:{name}s AS bigint[]))"]
    if "event_id" in compared and not conditions:
        conditions.append(untouched)
        joins.append("JOIN book.event place ON place.event_id = t.event_id")
        joins.append(_join_file("anchor", "place.file_id"))
    return " AND ".join(conditions) or "true", joins


def _is_of_a_file(column: sa.Column[Any]) -> bool:
    refers = column.foreign_keys or "refers_to" in column.info
    return bool(refers) or f"{column.table.fullname}.{column.name}" == _FILE


def _compare(
    then: sa.Connection, now: sa.Connection, table: str, query: _Query, folder: Path
) -> Compared:
    """Both sides as one hash each; only when these differ are rows looked at."""
    sides = [_Hashed(), _Hashed()]
    for conn, side in zip((then, now), sides, strict=True):
        copy_lines(conn, query.rows, side)
    if sides[0].digest == sides[1].digest:
        return Compared(table, sides[0].rows, [])
    paths = folder / "then.rows", folder / "now.rows"
    for conn, path in zip((then, now), paths, strict=True):
        with path.open("wb") as stream:
            copy_lines(conn, query.rows, stream)
    missing, added = _only_in(*paths), _only_in(*reversed(paths))
    for path in paths:
        path.unlink()
    return Compared(table, sides[0].rows, list(_sentences(query.columns, missing, added)))


class _Hashed:
    """A stream that keeps the hash and the number of the lines written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.rows = 0

    def write(self, lines: bytes) -> int:
        self._hash.update(lines)
        self.rows += lines.count(b"\n")
        return len(lines)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _only_in(path: Path, other: Path) -> list[bytes]:
    """The lines that stand oftener in the one file than in the other, in order."""
    with other.open("rb") as stream:
        there = Counter(hashlib.blake2b(line, digest_size=16).digest() for line in stream)
    found = []
    with path.open("rb") as stream:
        for line in stream:
            digest = hashlib.blake2b(line, digest_size=16).digest()
            if there[digest]:
                there[digest] -= 1
            else:
                found.append(line.rstrip(b"\n"))
    return found


def _sentences(columns: tuple[str, ...], missing: list[bytes], added: list[bytes]) -> Iterator[str]:
    """What differs, row by row: rows of the same name are one row that reads otherwise."""
    named = [place for place, name in enumerate(columns) if name in _NAMES]
    rows_now: dict[tuple[str, ...], list[list[str]]] = {}
    for cells in map(_cells, added):
        rows_now.setdefault(tuple(cells[place] for place in named), []).append(cells)
    for cells in map(_cells, missing):
        key = tuple(cells[place] for place in named)
        name = _name(columns, named, key)
        if same := rows_now.get(key):
            pairs = zip(columns, cells, same.pop(0), strict=True)
            unlike = [column for column, one, other in pairs if one != other]
            yield f"{name}: otherwise in {', '.join(unlike)}"
        else:
            yield f"{name}: not there in the replay"
    for key, rows in rows_now.items():
        yield from [f"{_name(columns, named, key)}: only in the replay"] * len(rows)


def _cells(line: bytes) -> list[str]:
    return line.decode("utf-8", "replace").split("\t")


def _name(columns: tuple[str, ...], named: list[int], key: tuple[str, ...]) -> str:
    known = zip((columns[place] for place in named), key, strict=True)
    return ", ".join(f"{column} {value}" for column, value in known if value != r"\N") or "a row"
