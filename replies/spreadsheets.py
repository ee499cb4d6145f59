"""Tables for spreadsheets, as CSV and as worksheets, in which no cell becomes a formula.

A program that opens a CSV may take a text that begins with `=`, `+`, `-` or `@` for a formula, also
behind a separator or a quote when it splits lines by other signs than ours. An apostrophe before
the sign makes it text everywhere. Numbers, and texts that are nothing but a number, stay as they
are.
"""

from datetime import date
from io import BufferedIOBase
from math import isfinite
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

# The wide forms are there because some programs take them for the plain ones.
_SIGNS = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_BEHIND_A_SEPARATOR = rf"([,;|\t\r\n\"'])([ \t]*{_SIGNS})"
_AT_THE_START = rf"^([\t\r\n]|[ ]*{_SIGNS})"
_NUMBER = r"^[+-]?[0-9]+([.][0-9]+)?$"
_WIDEST = 60  # characters of a column in a worksheet
_ROWS_MEASURED = 200


def without_formulas(table: pa.Table) -> pa.Table:
    """The table with an apostrophe in front of whatever a spreadsheet would calculate."""
    for position, column in enumerate(table.schema):
        if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
            table = table.set_column(position, column, _as_text(table[position]))
    return table


def _as_text(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    safe = pc.replace_substring_regex(texts, _BEHIND_A_SEPARATOR, r"\1'\2")
    safe = pc.replace_substring_regex(safe, _AT_THE_START, r"'\1")
    return pc.if_else(pc.match_substring_regex(texts, _NUMBER), texts, safe)


class CsvWriter:
    """Writes tables of one schema as one CSV with a header, as they come. A context manager."""

    def __init__(self, stream: BufferedIOBase, schema: pa.Schema) -> None:
        self._csv = csv.CSVWriter(stream, schema)

    def __enter__(self) -> Self:
        return self

    def write(self, table: pa.Table) -> None:
        """Appends the rows of the table."""
        self._csv.write_table(without_formulas(table))

    def __exit__(self, *_: object) -> None:
        self._csv.close()


class Worksheet:
    """Writes tables of one schema into one sheet: a header that stays in sight, and a filter."""

    def __init__(self, workbook: Any, name: str, schema: pa.Schema) -> None:
        self._sheet = workbook.add_worksheet(name)
        self._schema = schema
        self._rows = 0
        header = workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        self._sheet.freeze_panes(1, 0)
        for column, title in enumerate(schema.names):
            self._sheet.write_string(0, column, title.replace("_", " "), header)

    def write(self, table: pa.Table) -> None:
        """Appends the rows of the table; the first ones say how wide the columns are."""
        columns = [column.to_pylist() for column in without_formulas(table).columns]
        if not self._rows:
            self._set_widths(columns)
        for row, values in enumerate(zip(*columns, strict=True), self._rows + 1):
            for column, value in enumerate(values):
                self._write_cell(row, column, value)
        self._rows += len(table)

    def close(self) -> None:
        """Puts the filter on the header, once all rows are there."""
        self._sheet.autofilter(0, 0, self._rows, len(self._schema) - 1)

    def _write_cell(self, row: int, column: int, value: str | float | date | None) -> None:
        """Texts are written as texts and numbers as numbers, whatever they look like."""
        if value is None:
            return
        if isinstance(value, date) or (isinstance(value, float) and not isfinite(value)):
            value = str(value)  # days as ISO 8601; a cell has no number that is none
        if isinstance(value, str):
            self._sheet.write_string(row, column, value)
        else:
            self._sheet.write_number(row, column, value)

    def _set_widths(self, columns: list[list[Any]]) -> None:
        for column, (name, values) in enumerate(zip(self._schema.names, columns, strict=True)):
            lengths = (len(str(value)) for value in values[:_ROWS_MEASURED] if value is not None)
            widest = max(lengths, default=0)
            longest_word = max(len(word) for word in name.split("_"))
            self._sheet.set_column(column, column, min(max(widest, longest_word) + 2, _WIDEST))
