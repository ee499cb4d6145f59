"""CSV and workbooks opened again: texts stay texts, numbers stay numbers, nothing is calculated."""

import csv
import io
from datetime import date

import openpyxl
import pyarrow as pa
import pytest
import xlsxwriter
from openpyxl.utils.escape import unescape

from replies.spreadsheets import CsvWriter, Worksheet, without_formulas

SCHEMA = pa.schema([("text", pa.large_string()), ("number", pa.int64())])
CALCULATED = {
    "=1+1": "'=1+1",
    "+1+1": "'+1+1",
    "-1+1": "'-1+1",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t'=1",
    "\r=1": "'\r'=1",
    "\tplain": "'\tplain",
    "  =1+1": "'  =1+1",
    "\uff1d1+1": "'\uff1d1+1",  # a wide equals sign
    'a";=1+1': "a\";'=1+1",
    "a,@SUM(A1)": "a,'@SUM(A1)",
    "a|-1+1": "a|'-1+1",
    "a\n+1+1": "a\n'+1+1",
    "'=1+1": "''=1+1",
}
AS_THEY_ARE = ["0001000001", "-5", "+12.50", "LOCKHART-BELL", "a = b", "12-31", "", None]


@pytest.fixture
def table():
    """A table of that many texts, each with a negative number beside it."""
    return lambda texts: pa.table([texts, [-7] * len(texts)], schema=SCHEMA)


def as_csv(table):
    """The rows of the table, written as CSV and read by another reader."""
    stream = io.BytesIO()
    with CsvWriter(stream, SCHEMA) as writer:
        writer.write(table)
    return list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))[1:]


def as_cells(table, path):
    """The cells of the table, written as a workbook and opened by another library."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = Worksheet(workbook, "Sheet", table.schema)
        sheet.write(table)
        sheet.close()
    return list(openpyxl.load_workbook(path)["Sheet"].iter_rows(min_row=2))


@pytest.mark.parametrize("text", CALCULATED)
def test_what_a_spreadsheet_would_calculate_begins_with_an_apostrophe(table, tmp_path, text):
    """Also behind a separator or a quote, for some programs split a line at other signs."""
    ((written, number),) = as_csv(table([text]))
    ((cell, beside),) = as_cells(table([text]), tmp_path / "a.xlsx")

    assert (written, number) == (CALCULATED[text], "-7")
    assert (unescape(cell.value), cell.data_type) == (CALCULATED[text], "s")
    assert (beside.value, beside.data_type) == (-7, "n")


def test_numbers_names_and_identifiers_stay_as_they_are(table, tmp_path):
    """No apostrophe where nothing would be calculated; zeros in front of an id are kept."""
    cells = [cell.value for cell, _ in as_cells(table(AS_THEY_ARE), tmp_path / "a.xlsx")]

    assert without_formulas(table(AS_THEY_ARE))["text"].to_pylist() == AS_THEY_ARE
    assert [text for text, _ in as_csv(table(AS_THEY_ARE))] == [t or "" for t in AS_THEY_ARE]
    assert [cell or None for cell in cells] == [text or None for text in AS_THEY_ARE]


def test_days_and_numbers_that_are_none_are_texts(tmp_path):
    """As CSV has them: a workbook has no day without a form, and no infinite number."""
    schema = pa.schema([("day", pa.date32()), ("rate", pa.float64())])
    table = pa.table([[date(2026, 2, 3), None], [float("inf"), 0.5]], schema=schema)
    rows = as_cells(table, tmp_path / "a.xlsx")

    values = [[(cell.value, cell.data_type) for cell in row] for row in rows]
    assert values == [[("2026-02-03", "s"), ("inf", "s")], [(None, "n"), (0.5, "n")]]


def test_a_line_of_csv_is_one_row_whatever_its_texts_hold(table):
    """Quotes, separators and line ends inside a text open no further cell or row."""
    rows = as_csv(table(['He said "no", twice;', "two\nlines"]))

    assert rows == [['He said "no", twice;', "-7"], ["two\nlines", "-7"]]
