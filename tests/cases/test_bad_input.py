"""Every bad input of the table has its answer, the same in TA1, 999, ledger and error report."""

import csv
import re

import openpyxl
import pytest
import structlog

from pipeline.carrier import read_carrier_records
from pipeline.settings import CarrierSettings
from schemas.errors import Terminal
from tests.cases.answers import (
    assert_counts_are_right,
    complaints_about_999,
    complaints_about_ta1,
)
from tests.cases.bad_input import FOLDERS, Content, Expected, Received, load_case
from tests.cases.house import Nights, opened_house, partners_with

CASES = {folder.name: load_case(folder) for folder in FOLDERS}
ROWS = 96
HARBOR = "harbor-light-nc"


@pytest.mark.control("input-validation")
def test_every_row_of_the_table_is_a_case():
    """None is missing, and a folder's number is that of its row."""
    assert sorted({case.row for case in CASES.values()}) == list(range(1, ROWS + 1))
    assert [name for name, case in CASES.items() if int(name[:2]) != case.row] == []


@pytest.mark.control("input-validation")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.files])
def test_a_bad_input_has_its_answer(name, tmp_path, engine):
    """From the landing zone through the ledger to the answers and the error report."""
    case = CASES[name]
    nights = Nights(opened_house(tmp_path, engine, max_file_bytes=case.max_file_bytes))
    nights.spend(case.files, to_book=case.to_book)

    for file_id, received in zip(nights.file_ids, case.files, strict=True):
        became = nights.became(file_id)
        assert set(received.expected.warned) <= set(became.warned)
        assert became.model_copy(update={"warned": received.expected.warned}) == received.expected
        assert_answers_agree(nights, file_id)
    assert_reports_are_harmless(nights)


@pytest.mark.parametrize(
    ("row", "alert"),
    [(16, "security alert"), (17, "security alert"), (35, "file quarantined"), (1, None)],
)
def test_somebody_is_told_of_a_suspect_file(row, alert, tmp_path, engine):
    """In the log, with the rule and no value of the file; an empty file is only set apart."""
    (case,) = [case for case in CASES.values() if case.row == row]
    nights = Nights(opened_house(tmp_path, engine))
    with structlog.testing.capture_logs() as logs:
        nights.spend(case.files, to_book=False)
    told = [log for log in logs if log["log_level"] == "warning"]
    assert {log["event"] for log in told} == {alert or "file quarantined"}
    assert {log["rule"] for log in told} <= set(case.files[-1].expected.reported)


def test_with_member_reject_one_member_falls_alone(tmp_path, engine):
    """The whole way: IK5 E, the rest in the book, the member in the error report."""
    partners = partners_with(tmp_path / "partners", on_member_error="member_reject")
    nights = Nights(opened_house(tmp_path, engine, partners=partners))
    edits = {"DMG*D8*20150704": ["DMG*D8*20150732*M"]}
    spoilt = Received(content=Content(edits=edits), expected=Expected(state="applied"))
    nights.spend([spoilt], to_book=True)

    became = nights.became(nights.file_ids[0])
    assert (became.state, became.verdict) == ("applied", "partially_accepted")
    assert became.report_999[-2:] == ("IK5*E*5", "AK9*E*1*1*1")
    assert became.reported == ("element-date-invalid",)
    assert became.members == {"accepted": 1, "rejected": 1}
    assert_answers_agree(nights, nights.file_ids[0])


@pytest.mark.control("input-validation")
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
