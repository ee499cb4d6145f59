"""Lines of a CSV that keeps none of its own rules, cut into the columns of a layout.

A line without quotes and with the right number of commas is cut at once, with all others like it.
What is left, a line that is quoted, broken or goes on in the next one, is looked at alone: it is
cut where there is one way only to do so that fits what each column may hold, and set aside
otherwise. Every line that is not blank ends in exactly one record.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from parsers.pipe_lines import Lines
from schemas.monthly_answers import DiscrepancyLayout

_TEXT = pa.large_string()
_MOST_EXTRA = 12  # commas too many: beyond, there is no telling

Bounds = npt.NDArray[np.int64]


@dataclass
class Cut:
    """Records in the order of the file: `cells` is None of those that are set aside."""

    number: list[int] = field(default_factory=list)  # of the first line
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    cells: list[list[str] | None] = field(default_factory=list)
    mended: list[bool] = field(default_factory=list)


def cut_records(lines: Lines, layout: DiscrepancyLayout) -> tuple[pa.Table, Cut]:
    """The plain records as a table, and what had to be looked at alone.

    The table has the columns `number`, `start` and `end` and those of the layout. `lines` are cut
    at every comma, without the header.
    """
    width = len(layout.columns)
    quoted = pc.list_value_length(lines.cells).to_numpy(zero_copy_only=False) != width
    quoted |= _holds_quote(lines)
    plain = lines.pick(~quoted)
    columns = {name: plain.column(place) for place, name in enumerate(layout.names)}
    fits = np.ones(len(plain.number), dtype=bool)
    for column in layout.columns:
        if column.pattern is not None:
            held = pc.fill_null(columns[column.name], "")
            good = pc.match_substring_regex(held, f"^({column.pattern})$")
            fits &= good.to_numpy(zero_copy_only=False)
    places = {"number": plain.number, "start": plain.byte_start, "end": plain.byte_end}
    table = pa.table({**places, **columns}).filter(pa.array(fits))
    left = np.isin(lines.number, table["number"].to_numpy(), invert=True)
    return table, _look_at(lines.pick(left), layout)


def _holds_quote(lines: Lines) -> npt.NDArray[np.bool_]:
    joined = pc.binary_join(lines.cells, pa.scalar(",", _TEXT))
    found: npt.NDArray[np.bool_] = pc.match_substring(joined, '"').to_numpy(zero_copy_only=False)
    return found


def _look_at(lines: Lines, layout: DiscrepancyLayout) -> Cut:
    """Each of the lines, joined with those after it where only so it can be cut."""
    cut = Cut()
    texts = pc.binary_join(lines.cells, pa.scalar(",", _TEXT)).to_pylist()
    place = 0
    while place < len(texts):
        taken, cells, mended = _first_whole(lines.number, texts, place, layout)
        cut.number.append(int(lines.number[place]))
        cut.start.append(int(lines.byte_start[place]))
        cut.end.append(int(lines.byte_end[place + taken - 1]))
        cut.cells.append(cells)
        cut.mended.append(mended)
        place += taken
    return cut


def _first_whole(
    numbers: Bounds, texts: Sequence[str], place: int, layout: DiscrepancyLayout
) -> tuple[int, list[str] | None, bool]:
    """How many lines the record takes, its cells, and whether it had to be mended."""
    most = 1
    while (
        most < layout.most_lines
        and place + most < len(texts)
        and numbers[place + most] == numbers[place] + most
    ):
        most += 1
    for taken in range(1, most + 1):
        whole = " ".join(texts[place : place + taken])
        strict = _strictly(whole, layout)
        if strict is not None:
            return taken, strict, taken > 1 and '"' not in whole
        ways = list(_ways(whole, layout))
        if len(ways) == 1:
            return taken, ways[0], True
        if len(ways) > 1:
            return taken, None, False
    return 1, None, False


def _strictly(text: str, layout: DiscrepancyLayout) -> list[str] | None:
    """The cells by the rules of CSV, if they fit the columns."""
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        return None
    cells = [cell.strip() for cell in rows[0]] if len(rows) == 1 else []
    fitting = len(cells) == len(layout.columns) and _fit(cells, layout)
    return cells if fitting else None


def _fit(cells: Sequence[str], layout: DiscrepancyLayout) -> bool:
    return all(
        column.pattern is None or re.fullmatch(column.pattern, cell)
        for column, cell in zip(layout.columns, cells, strict=True)
    )


def _ways(text: str, layout: DiscrepancyLayout) -> Iterator[list[str]]:
    """Ways to cut the text at its commas into the columns, at most two: then there is no telling.

    Only a free column holds a comma. Quotes count as nothing.
    """
    pieces = [piece.strip() for piece in text.replace('"', "").split(",")]
    extra = len(pieces) - len(layout.columns)
    if not 0 <= extra <= _MOST_EXTRA:
        return
    yield from islice(_cut(pieces, layout, 0, extra), 2)


def _cut(
    pieces: Sequence[str], layout: DiscrepancyLayout, column: int, extra: int
) -> Iterator[list[str]]:
    if column == len(layout.columns):
        if not pieces and not extra:
            yield []
        return
    one = layout.columns[column]
    for more in range(extra + 1 if one.free else 1):
        cell = ", ".join(pieces[: more + 1])
        if one.pattern is None or re.fullmatch(one.pattern, cell):
            for rest in _cut(pieces[more + 1 :], layout, column + 1, extra - more):
                yield [cell, *rest]
