"""Tables of a report as a PDF: what it is about on the first page, then each table with headings.

The text is real text, the language is told and every table stands in the outline. It has no tags:
who reads by ear takes the page of the console or the workbook, which say the same.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace

# More rows than anybody reads on paper: a table says then how many there are, and where.
ROWS_MAX = 400
_WIDEST, _NARROWEST = 60, 6  # characters of a column, of which its share of the page follows
_ROWS_MEASURED = 200
_ROOM_OF_A_BEGINNING = 40  # millimetres: no title stands alone at the end of a page
_HEADING = FontFace(emphasis=TextEmphasis.B, fill_color=(230, 234, 240))


class _Paper(FPDF):
    """A landscape page whose foot tells on each page what the report is about."""

    def __init__(self, foot: str) -> None:
        super().__init__(orientation="landscape", format="letter")
        self.foot = foot
        self.set_auto_page_break(auto=True, margin=15)

    def footer(self) -> None:
        """The filters of the report, and which page this is of how many."""
        self.set_y(-11)
        self.set_font("helvetica", size=7)
        self.cell(0, 5, f"{self.foot}  |  page {self.page_no()} of {{nb}}", align="C")


def write_pdf(tables: Mapping[str, pa.Table], path: Path) -> None:
    """Writes the tables in their order. `about` has two columns, and its first lines the filters.

    A column that is empty in all rows is left out, as paper is narrow.
    """
    lines = list(zip(*(column.to_pylist() for column in tables["about"].columns), strict=True))
    told = dict(lines)
    foot = _plain(
        f"partners: {told['partners']}, {told['from']} to {told['to']}, runs {told['runs']}"
    )
    paper = _Paper(foot if len(foot) < 160 else f"{foot[:157]}...")
    paper.set_title("Reconciliation report")
    paper.set_lang("en-US")
    paper.set_creator("edi834")
    paper.add_page()
    paper.set_font("helvetica", style="B", size=16)
    paper.cell(0, 10, "Reconciliation report", new_x="LMARGIN", new_y="NEXT")
    for name, table in tables.items():
        _write_table(paper, name, table)
    paper.output(str(path))


def _write_table(paper: _Paper, name: str, table: pa.Table) -> None:
    if paper.will_page_break(_ROOM_OF_A_BEGINNING):
        paper.add_page()
    paper.start_section(name.capitalize())
    paper.set_font("helvetica", style="B", size=11)
    paper.cell(0, 9, f"{name.capitalize()}: {table.num_rows:,} rows", new_x="LMARGIN", new_y="NEXT")
    if not table.num_rows:
        return
    if table.num_rows > ROWS_MAX:
        paper.set_font("helvetica", size=8)
        words = f"The first {ROWS_MAX:,} of them. The workbook and the CSV have all."
        paper.cell(0, 6, words, new_x="LMARGIN", new_y="NEXT")
    filled = [one for one in table.column_names if table[one].null_count < table.num_rows]
    _write_rows(paper, table.select(filled).slice(0, ROWS_MAX))


def _write_rows(paper: _Paper, table: pa.Table) -> None:
    columns = [_texts(column) for column in table.columns]
    headings = [name.replace("_", " ") for name in table.column_names]
    widths = [_width(*pair) for pair in zip(headings, columns, strict=True)]
    numbers = [_is_number(field.type) for field in table.schema]
    paper.set_font("helvetica", size=7)
    paper.set_draw_color(200)
    paper.set_line_width(0.1)
    with paper.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        col_widths=tuple(widths),
        headings_style=_HEADING,
        line_height=3.6,
        padding=(0.6, 1.6),
        text_align=tuple("RIGHT" if number else "LEFT" for number in numbers),
    ) as drawn:
        drawn.row(headings)
        for cells in zip(*columns, strict=True):
            drawn.row(cells)


def _texts(column: pa.ChunkedArray) -> list[str]:
    """Rates as per cent, dollars with cents, counts in groups of three."""
    if pa.types.is_floating(column.type):
        return ["" if one is None else f"{one:.1%}" for one in column.to_pylist()]
    if pa.types.is_decimal(column.type):
        return ["" if one is None else f"{one:,.2f}" for one in column.to_pylist()]
    return [_plain(one) for one in pc.fill_null(column.cast(pa.string()), "").to_pylist()]


def _plain(text: str) -> str:
    """What the fonts that every reader has can show; other signs are question marks."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind)
    )


def _width(heading: str, cells: list[str]) -> int:
    longest = max((len(cell) for cell in cells[:_ROWS_MEASURED]), default=0)
    return min(max(longest, *map(len, heading.split()), _NARROWEST), _WIDEST)
