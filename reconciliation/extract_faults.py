"""Where in an extract of the carrier something stands that cannot be read: its column and row.

Only what was refused already is looked at here, so that a person finds the place. Rows are data
rows from 1, the header not counted; what stands there is never told.
"""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import Terminal
from strongroom.files import parquet

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def require_utf_8(name: str, content: bytes) -> None:
    """Raises Terminal when a CSV file is in another code page, at the first byte that shows it."""
    if content.startswith(_UTF_16) or not any(content[:64:2]) or not any(content[1:64:2]):
        raise Terminal(
            f"{name} is no CSV file in UTF-8, but in UTF-16. Deliver it again, in UTF-8."
        )
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place(content[: error.start].decode("utf-8"))
        raise Terminal(
            f"{name} is no CSV file in UTF-8: {place} is in another code page. Deliver it again, "
            "in UTF-8."
        ) from None


def _place(before: str) -> str:
    """The column and data row in which a text of this beginning goes on."""
    rows = list(csv.reader(io.StringIO(f"{before}.", newline="")))
    column = len(rows[-1]) - 1
    if len(rows) == 1:
        return f"column {column + 1} of the header"
    name = rows[0][column] if column < len(rows[0]) else column + 1
    return f"column {name}, data row {len(rows) - 1},"


def damaged_place(path: Path) -> str | None:
    """Which part of a Parquet file cannot be read, for a sentence; None when all of it can."""
    try:
        with pq.ParquetFile(parquet(path)) as file:
            return _damaged_part(file)
    except (OSError, pa.ArrowInvalid):
        return "the end of the file, where its columns are told,"


def _damaged_part(file: pq.ParquetFile) -> str | None:
    rows = 0
    for group in range(file.num_row_groups):
        until = rows + file.metadata.row_group(group).num_rows
        for name in dict.fromkeys(file.schema_arrow.names):
            try:
                file.read_row_group(group, columns=[name], use_threads=False)
            except (OSError, pa.ArrowInvalid):
                return f"column {name}, data rows {rows + 1} to {until},"
        rows = until
    return None


def first_wrong_row(
    column: pa.Array, convert: Callable[[pa.Array], object], errors: Sequence[type[Exception]]
) -> int | None:
    """The first row, from 1, that `convert` does not take; None when it takes nothing of this type.

    Called for a column that raised one of `errors`; a value is judged without its neighbours.
    """

    def is_taken(rows: int) -> bool:
        try:
            convert(column.slice(0, rows))
        except tuple(errors):
            return False
        return True

    if not is_taken(0):
        return None
    taken, refused = 0, len(column)
    while refused - taken > 1:
        middle = (taken + refused) // 2
        taken, refused = (middle, refused) if is_taken(middle) else (taken, middle)
    return refused
