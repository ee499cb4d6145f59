"""A policy's timeline as a figure for a template: bars on months, in the units of a view box.

What is told and not in effect is drawn faint and dashed, what is in effect full: the table beside
the figure says the same in words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.book_answer import Answer
from pipeline.book_tracks import Track, amount_tracks, belief_tracks, coverage_tracks

WIDTH, _LABELS, _ROW, _TOP = 960, 200, 26, 34
_MONTH_NAMES_MOST = 14  # months that are named one by one; of more, each third


@dataclass(frozen=True)
class Drawn:
    """One bar: where it begins, how wide and what it says; `kind` is `told` or `effect`."""

    x: float
    width: float
    kind: str
    text: str


@dataclass(frozen=True)
class Row:
    """A line of the figure. `y` is its middle."""

    label: str
    y: int
    bars: tuple[Drawn, ...]
    is_money: bool


@dataclass(frozen=True)
class Timeline:
    """All of it. `months` are the ticks, `asked` is where the day asked about is."""

    months: tuple[tuple[float, str], ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    headings: tuple[tuple[int, str], ...]
    asked: float | None
    height: int
    width: int = WIDTH
    left: int = _LABELS


def months_of(answer: Answer) -> list[date]:
    """The first days of all months in which anything of the policy lies."""
    bars = [bar for track in _tracks(answer) for bar in track.bars]
    if not bars:
        return []
    first = min(bar.begin for bar in bars).replace(day=1)
    last = max(bar.end or date(bar.begin.year, 12, 31) for bar in bars)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [_month_after(first, number) for number in range(count)]


def timeline(answer: Answer) -> Timeline | None:
    """The figure; None when nothing of the policy has a day."""
    months = months_of(answer)
    if not months:
        return None
    end = _month_after(months[-1], 1)
    days = (end - months[0]).days

    def x(day: date) -> float:
        share = min(max((day - months[0]).days, 0), days) / days
        return round(_LABELS + share * (WIDTH - _LABELS), 1)

    groups: list[tuple[str, tuple[Row, ...]]] = []
    headings: list[tuple[int, str]] = []
    y = _TOP
    for heading, tracks in (
        ("Who is covered", coverage_tracks(answer)),
        ("What is owed a month", amount_tracks(answer)),
        ("Believed since (UTC)", belief_tracks(answer)),
    ):
        if not tracks:
            continue
        headings.append((y + 16, heading))
        y += _ROW
        rows = []
        for track in tracks:
            rows.append(Row(track.label, y + _ROW // 2, _bars(track, x, end), track.is_money))
            y += _ROW
        groups.append((heading, tuple(rows)))
    every = 1 if len(months) <= _MONTH_NAMES_MOST else 3
    asked = answer.question.valid_on
    return Timeline(
        tuple((x(month), f"{month:%b %y}") for month in months[::every]),
        tuple(groups),
        tuple(headings),
        x(asked) if asked else None,
        y + 8,
    )


def _bars(track: Track, x: Callable[[date], float], end: date) -> tuple[Drawn, ...]:
    drawn = []
    for bar in track.bars:
        last = bar.end + timedelta(1) if bar.end else end
        text = bar.text if not track.is_money else f"{bar.text} from {bar.begin}"
        drawn.append(Drawn(x(bar.begin), max(x(last) - x(bar.begin), 2), "told", text))
        if bar.effective:
            begin, to = bar.effective
            until = x(to + timedelta(1)) if to else x(end)
            drawn.append(Drawn(x(begin), max(until - x(begin), 2), "effect", text))
    return tuple(drawn)


def _tracks(answer: Answer) -> list[Track]:
    return [*coverage_tracks(answer), *amount_tracks(answer), *belief_tracks(answer)]


def _month_after(month: date, number: int) -> date:
    ordinal = month.year * 12 + month.month - 1 + number
    return date(ordinal // 12, ordinal % 12 + 1, 1)
