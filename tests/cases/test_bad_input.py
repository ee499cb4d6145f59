"""Every bad input of the table has its answer, the same in TA1, 999, ledger and error report."""

import csv
import re

import openpyxl
import pytest

from pipeline.carrier import read_carrier_records
from pipeline.settings import CarrierSettings
from schemas.errors import Terminal
from tests.cases.answers import (
    assert_counts_are_right,
    complaints_about_999,
    complaints_about_ta1,
)
from tests.cases.bad_input import FOLDERS, load_case
from tests.cases.house import Nights, opened_house

CASES = {folder.name: load_case(folder) for folder in FOLDERS}
ROWS = 96
HARBOR = "harbor-light-nc"


def test_every_row_of_the_table_is_a_case():
    """None is missing, and a folder's number is that of its row."""
    assert sorted({case.row for case in CASES.values()}) == list(range(1, ROWS + 1))
    assert [name for name, case in CASES.items() if int(name[:2]) != case.row] == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.files])
def test_a_bad_input_has_its_answer(name, tmp_path, engine):
    """From the landing zone through the ledger to the answers and the error report."""
    case = CASES[name]
    nights = Nights(opened_house(tmp_path, engine, max_file_bytes=case.max_file_bytes))
    nights.spend(case.files, to_book=case.to_book)

    for file_id, received in zip(nights.file_ids, case.files, strict=True):
        assert nights.became(file_id) == received.expected
        assert_answers_agree(nights, file_id)
    assert_reports_are_harmless(nights)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.extracts])
def test_a_bad_extract_is_refused(name, tmp_path, engine):
    """With a sentence that says why; reconciliation does not begin."""
    for number, extract in enumerate(CASES[name].extracts):
        path = tmp_path / f"members{number}{extract.ending}"
        path.write_bytes(extract.content.bytes())
        carrier = CarrierSettings(kind="file", members=str(path), payments=str(path))
        house = opened_house(tmp_path / str(number), engine, carriers={HARBOR: carrier})
        with pytest.raises(Terminal, match=extract.refused):
            read_carrier_records(house, HARBOR)


def assert_answers_agree(nights, file_id):
    """No 999 beside a rejecting TA1 alone, right counts in AK9, and pyx12 reads both."""
    ta1, report = nights.answer(file_id, "ta1"), nights.answer(file_id, "999")
    codes = [s.split("*")[4] for s in nights.segments(file_id, "ta1") if s.startswith("TA1")]
    assert (b"~GS*" not in ta1, b"~TA1*" not in report) == (True, True)
    if set(codes) <= {"R"}:
        assert report == b""
    if ta1:
        assert complaints_about_ta1(ta1) == []
    if report:
        assert complaints_about_999(report) == ""
        assert_counts_are_right(nights.segments(file_id, "999"))


def assert_reports_are_harmless(nights):
    """No cell is a formula, no mark-up of the file is mark-up of the page."""
    for path in nights.reports():
        if path.suffix == ".html":
            assert not re.search(r"<script|<img|onerror=[^&]*>", path.read_text("utf-8"))
        if path.suffix in (".csv", ""):
            with path.open(encoding="utf-8", newline="") as stream:
                cells = [cell for row in csv.reader(stream) for cell in row]
            assert [cell for cell in cells if re.match(r"[=+@\t\r]", cell)] == []
        if path.suffix == ".xlsx":
            for sheet in openpyxl.load_workbook(path):
                kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
                assert "f" not in kinds
