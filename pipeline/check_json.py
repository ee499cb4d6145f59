"""The one JSON object that `edi834 check --json` prints for a file, piece by piece.

A full file has half a million transaction sets: no object stands for all of them at once.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.verdict import Verdict
from strongroom.files import open_clear
from validators.check import Checked

_ROWS_AT_ONCE = 10_000
_ACKNOWLEDGED = ["control_number", "ack", "codes"]
_ISSUE_KEYS = [
    *("rule", "severity", "snip", "segment_id", "segment_ordinal", "loop", "element"),
    *("component", "byte_start", "byte_end", "x12_code", "message"),
]

Row = dict[str, Any]
Pieces = Iterator[str]


def json_pieces(path: Path, checked: Checked, *, reveal: bool) -> Pieces:
    """The text of the object; with `reveal` each issue has the value that it is about."""
    verdict = checked.verdict
    facts = {
        "file": str(path),
        "sha256": verdict.sha256,
        "bytes": verdict.size_bytes,
        "verdict": verdict.file_verdict,
    }
    yield json.dumps(facts)[:-1]
    yield ', "interchanges": '
    yield from _array(_interchange(verdict, row) for row in _rows(verdict.interchange_verdicts))
    yield f', "counts": {json.dumps(checked.counts)}, "issues": '
    with open_clear(path) as file:

        def with_value(row: Row) -> Row:
            file.seek(row["byte_start"])
            value = file.read(row["byte_end"] - row["byte_start"])
            return row | {"value": value.decode("utf-8", "replace")}

        yield from _array(
            _objects(verdict.issues.select(_ISSUE_KEYS), with_value if reveal else dict)
        )
    yield "}"


def _interchange(verdict: Verdict, row: Row) -> Pieces:
    ta1 = {"code": row["ta1_code"], "note": row["ta1_note"]}
    yield json.dumps({"control_number": row["control_number"], "ta1": ta1})[:-1]
    yield ', "groups": '
    groups = _belonging(verdict.group_verdicts, "interchange_ordinal", row["interchange_ordinal"])
    yield from _array(_group(verdict, group) for group in _rows(groups))
    yield "}"


def _group(verdict: Verdict, row: Row) -> Pieces:
    yield json.dumps({key: row[key] for key in _ACKNOWLEDGED})[:-1]
    yield ', "sets": '
    sets = _belonging(verdict.set_verdicts, "group_ordinal", row["group_ordinal"])
    yield from _array(_objects(sets.select(_ACKNOWLEDGED)))
    yield "}"


def _belonging(table: pa.Table, by: str, ordinal: int) -> pa.Table:
    """Rows of a table with that ordinal, in whose order they are; 0 belongs to nothing."""
    table = table.filter(pc.greater(table[by], 0))
    start, end = np.searchsorted(table[by].to_numpy(), [ordinal, ordinal + 1])
    return table.slice(start, end - start)


def _array(objects: Iterable[Iterable[str]]) -> Pieces:
    yield "["
    for number, pieces in enumerate(objects):
        if number:
            yield ", "
        yield from pieces
    yield "]"


def _objects(table: pa.Table, shown: Callable[[Row], Row] = dict) -> Iterator[list[str]]:
    return ([json.dumps(shown(row))] for row in _rows(table))


def _rows(table: pa.Table) -> Iterator[Row]:
    for start in range(0, len(table), _ROWS_AT_ONCE):
        yield from table.slice(start, _ROWS_AT_ONCE).to_pylist()
