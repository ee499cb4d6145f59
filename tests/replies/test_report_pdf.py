"""A report as a PDF: filters on every page, tables with headings, real text."""

import re
import zlib
from decimal import Decimal

import pyarrow as pa
import pytest

from replies.report_pdf import ROWS_MAX, write_pdf
from schemas.report_tables import ABOUT

TOLD = {"partners": "cedar-valley-tx", "from": "2026-12-01", "to": "2026-12-31", "runs": "1, 2"}


def written(path, **tables):
    """The PDF's bytes and the text of each of its pages, as it is drawn."""
    write_pdf({"about": pa.table([list(TOLD), list(TOLD.values())], schema=ABOUT), **tables}, path)
    content = path.read_bytes()
    streams = re.findall(
        rb"/FlateDecode[^>]*>>\s*stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL
    )
    drawn = [zlib.decompress(one).decode("latin-1", "replace") for one in streams]
    return content, [one for one in drawn if " Tj" in one]


def test_filters_stand_on_every_page_and_rows_as_text(tmp_path):
    """Dollars with cents, rates as per cent; an empty column is left out."""
    rows = pa.table(
        {
            "partner_id": ["cedar-valley-tx"] * 90,
            "match_rate": [0.9875] * 90,
            "gross": pa.array([Decimal("1234.50")] * 90, pa.decimal128(12, 2)),
            "period": pa.nulls(90, pa.string()),
        }
    )
    content, pages = written(tmp_path / "report.pdf", rates=rows)
    assert content.startswith(b"%PDF")
    assert b"(en-US)" in content
    assert len(pages) > 1
    assert all("2026-12-01 to 2026-12-31, runs 1, 2" in page for page in pages)
    drawn = "".join(pages)
    assert ("98.8%" in drawn, "1,234.50" in drawn, "match rate" in drawn) == (True,) * 3
    assert "period" not in drawn


@pytest.mark.parametrize("name", ["Zoë Ångström", "王小明 (reviewer)", "=HYPERLINK() \u202e"])
def test_a_sign_that_the_font_lacks_is_no_failure(tmp_path, name):
    """Persons' names may be of any script."""
    content, _ = written(tmp_path / "report.pdf", waivers=pa.table({"person": [name]}))
    assert content.startswith(b"%PDF")


def test_a_table_too_long_for_paper_says_where_the_rest_is(tmp_path):
    """The rows that are there are counted all the same."""
    rows = pa.table({"n": pa.array(range(ROWS_MAX + 1), pa.int64())})
    _, pages = written(tmp_path / "report.pdf", figures=rows)
    drawn = "".join(pages)
    assert f"Figures: {ROWS_MAX + 1:,} rows" in drawn
    assert "The workbook and the CSV have all" in drawn
