"""The pages of controls and faults: made of rows and marks, and none without a test or a reason."""

from importlib.util import module_from_spec, spec_from_file_location

import pytest


@pytest.fixture(scope="module")
def pages(house):
    """The module that makes them."""
    spec = spec_from_file_location("evidence_pages", house.root / "scripts" / "evidence_pages.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mark", ["control", "fault"])
def test_the_page_is_up_to_date(house, pages, mark):
    """Otherwise run `python scripts/evidence_pages.py`."""
    assert (house.root / pages.PAGES[mark]).read_text("utf-8") == pages.page(mark)


@pytest.mark.parametrize("mark", ["control", "fault"])
def test_every_row_has_a_test_or_a_reason_and_every_mark_a_row(pages, mark):
    """A control that nothing shows would be a promise."""
    marked = {name for one in pages.marked_tests() if one.mark == mark for name in one.ids}
    rows = {row["id"]: row for row in pages.rows_of(mark)}
    assert marked - rows.keys() == set()
    assert [name for name, row in rows.items() if name not in marked and "why" not in row] == []


def test_all_faults_of_the_table_are_there(pages):
    """From F1 to F40."""
    assert [row["id"] for row in pages.rows_of("fault")] == [f"F{n}" for n in range(1, 41)]
