"""A picture of a policy for a terminal: months from left to right, a bar for whatever has dates.

The first bars are what is believed now, or at the moment asked about: who is covered, and what is
owed. Those below are the policy as it was believed from one moment to the next. Bars are cut at the
edges of the picture; one that goes on has an arrow there.
"""

import calendar
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from pipeline.book_answer import Answer
from pipeline.book_tracks import (
    BELIEFS_MOST,
    Bar,
    Track,
    amount_tracks,
    belief_tracks,
    coverage_tracks,
)

_LABEL_MOST = 24
_CELLS_A_MONTH = (5, 4, 3, 2, 1)
_MONTHS_A_CELL = (2, 3, 6, 12)
_FAR = 24  # months that a day asked about may lie outside what is known, and still be drawn
_YEAR_WIDTH = 5  # with a blank behind it
_NARROWEST = 12  # cells of an axis, however narrow the terminal


@dataclass(frozen=True)
class Signs:
    """What bars are made of: blocks where the terminal can show them, else plain ASCII."""

    full: str
    faint: str
    line: str
    start: str
    on: str
    asked: str
    today: str
    arrow: str
    mask: str
    note: str


BLOCKS = Signs("█", "░", "─", "├", "►", "▼", "◆", "→", "▒", "")
PLAIN = Signs(
    "#",
    ".",
    "-",
    "|",
    ">",
    "v",
    "t",
    "->",
    "*",
    "In ASCII: this terminal's encoding has no blocks.",
)


@dataclass(frozen=True)
class Axis:
    """Months from left to right: the first one, how many, and cells a month or months a cell."""

    first: date
    months: int
    cells: int = 1
    months_a_cell: int = 1

    @property
    def width(self) -> int:
        """How many cells the picture is wide."""
        return -(-self.months * self.cells // self.months_a_cell)

    def cell(self, day: date) -> int:
        """The cell of a day; outside of 0 and `width` it is not in the picture."""
        month = (day.year - self.first.year) * 12 + day.month - self.first.month
        days = calendar.monthrange(day.year, day.month)[1]
        return (month * self.cells + (day.day - 1) * self.cells // days) // self.months_a_cell

    def month_of(self, cell: int) -> date:
        """The first day of the month that begins in, or before, a cell."""
        month = self.first.month - 1 + cell * self.months_a_cell // self.cells
        return date(self.first.year + month // 12, month % 12 + 1, 1)

    def scaled(self, width: int) -> "Axis":
        """This axis as wide as it can be in that many cells."""
        for cells in _CELLS_A_MONTH:
            if self.months * cells <= width:
                return replace(self, cells=cells)
        for months in _MONTHS_A_CELL:
            if self.months <= width * months:
                return replace(self, months_a_cell=months)
        return replace(self, months=width * _MONTHS_A_CELL[-1], months_a_cell=_MONTHS_A_CELL[-1])


def picture(answer: Answer, width: int, signs: Signs) -> list[str]:
    """The lines of the picture, none longer than `width`; none when nothing is believed."""
    if answer.belief.policy is None:
        return []
    tracks = [*coverage_tracks(answer), *amount_tracks(answer)]
    beliefs = belief_tracks(answer)
    gutter = min(_LABEL_MOST, max(len(track.label) for track in (*tracks, *beliefs))) + 1
    axis = _axis(answer, [bar for track in (*tracks, *beliefs) for bar in track.bars])
    axis = axis.scaled(max(width - gutter, _NARROWEST))
    above = [*_months(axis), *_marks(answer, axis, signs)]
    rows = [
        *(("", line) for line in above),
        *((track.label, _drawn(axis, track, signs)) for track in tracks),
        *(("waits", row) for row in _waiting(answer, axis)),
        None,
        *((track.label, _drawn(axis, track, signs)) for track in beliefs),
    ]
    between = "\nThe policy, as believed since (UTC)"
    lines = [
        between if row is None else f"{row[0][:_LABEL_MOST]:<{gutter}}{row[1]}".rstrip()
        for row in rows
    ]
    return [*"\n".join(lines).split("\n"), "", *_legend(answer, axis, signs, width)]


def _axis(answer: Answer, bars: list[Bar]) -> Axis:
    """From the first month of anything to the last; without an end, to the end of the year."""
    begins = [bar.begin for bar in bars]
    ends = [bar.end or date(bar.begin.year, 12, 31) for bar in bars]
    first, last = min(begins), max(ends)
    asked = answer.question.valid_on
    near = asked is not None and _months_between(asked, first) <= _FAR
    if asked is not None and near and _months_between(last, asked) <= _FAR:
        first, last = min(first, asked), max(last, asked)
    return Axis(first.replace(day=1), _months_between(first, last) + 1)


def _months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _months(axis: Axis) -> Iterator[str]:
    years, months = [" "] * axis.width, [" "] * axis.width
    free_from = 0
    for cell in range(axis.width):
        month = axis.month_of(cell)
        begins = axis.cell(month) == cell
        is_new = cell == 0 or axis.month_of(cell - 1).year != month.year
        if is_new and cell >= free_from:
            free_from = cell + _YEAR_WIDTH
            _write(years, cell, str(month.year))
        if begins and axis.months_a_cell == 1:
            name = calendar.month_abbr[month.month]
            _write(months, cell, name if axis.cells > len(name) else name[0])
    yield "".join(years)
    if axis.months_a_cell == 1:
        yield "".join(months)


def _marks(answer: Answer, axis: Axis, signs: Signs) -> Iterator[str]:
    cells = [" "] * axis.width
    for day, sign in (
        (answer.question.today, signs.today),
        (answer.question.valid_on, signs.asked),
    ):
        if day is not None and 0 <= axis.cell(day) < axis.width:
            cells[axis.cell(day)] = sign
    if "".join(cells).strip():
        yield "".join(cells)


def _drawn(axis: Axis, track: Track, signs: Signs) -> str:
    cells = [" "] * axis.width
    for bar in track.bars:
        _fill(axis, cells, (bar.begin, bar.end), signs.faint)
    for bar in track.bars:
        if bar.effective is not None:
            _fill(axis, cells, bar.effective, signs.line if track.is_money else signs.full)
            if bar.effective[1] is None and bar.end is None:
                cells[-1] = signs.on
    for bar in track.bars:
        _inscribe(axis, cells, bar, signs.start if track.is_money else "")
    return "".join(cells)


def _fill(axis: Axis, cells: list[str], days: tuple[date, date | None], sign: str) -> None:
    begin, end = days
    last = axis.width - 1 if end is None else min(axis.cell(end), axis.width - 1)
    for cell in range(max(axis.cell(begin), 0), last + 1):
        cells[cell] = sign


def _inscribe(axis: Axis, cells: list[str], bar: Bar, start: str) -> None:
    """Writes the text into the bar where it fits, behind the sign that tells where it begins."""
    at = max(axis.cell(bar.begin), 0)
    last = axis.width - 1 if bar.end is None else min(axis.cell(bar.end), axis.width - 1)
    if start and bar.effective is not None:
        _write(cells, at, start)
    text = bar.text if start else f" {bar.text} "
    if len(text) <= last - at - (bar.end is None):
        _write(cells, at + 1, text if bar.text else "")
    elif not start and last + 1 + len(text) <= axis.width:
        _write(cells, last + 1, text)


def _waiting(answer: Answer, axis: Axis) -> Iterator[str]:
    """A row for each set that waits and says a day: its number behind a question mark."""
    for one in answer.waiting:
        row = one.row
        days = (row["maintenance_effective"], row["benefit_end"], row["benefit_begin"])
        day = next((day for day in days if day is not None), None)
        if day is not None and 0 <= axis.cell(day) < axis.width:
            cells = [" "] * axis.width
            _write(cells, axis.cell(day), f"?{one.number}")
            yield "".join(cells)


def _write(cells: list[str], at: int, text: str) -> None:
    for cell, sign in zip(range(at, len(cells)), text, strict=False):
        cells[cell] = sign


def _legend(answer: Answer, axis: Axis, signs: Signs, width: int) -> Iterator[str]:
    signs_mean = [
        f"{signs.full} {signs.line} in effect",
        f"{signs.faint} told, but not in effect",
        f"{signs.on} goes on",
        "?n set n waits",
    ]
    marks = [_mark(axis, answer.question.today, f"{signs.today} today,")]
    if answer.question.valid_on:
        marks.append(_mark(axis, answer.question.valid_on, f"{signs.asked} asked about,"))
    if len(answer.learnt) > BELIEFS_MOST:
        left_out = len(answer.learnt) - BELIEFS_MOST
        marks.append(f"{left_out} earlier beliefs are not drawn; --known-at shows each of them.")
    for parts in (signs_mean, marks, [signs.note]):
        yield from _filled(parts, width)


def _filled(parts: list[str], width: int) -> Iterator[str]:
    """The parts side by side, as many to a line as have room."""
    line = ""
    for part in parts:
        if line and len(line) + 3 + len(part) > width:
            yield line
            line = ""
        line = f"{line}   {part}" if line else part
    yield from textwrap.wrap(line, width)


def _mark(axis: Axis, day: date, name: str) -> str:
    cell = axis.cell(day)
    if 0 <= cell < axis.width:
        return f"{name} {day}"
    side = "before" if cell < 0 else "after"
    return f"{name.split(' ', 1)[1]} {day}, lies {side} the picture"
