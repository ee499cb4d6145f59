"""Charts as figures for a template: where lines, marks and ticks are, in the units of a view box.

What draws them is `templates/charts.html`, with classes of the stylesheet. Each line has a sign and
a dash of its own beside its colour, and a table beside it says the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 28
_TICKS = 5
_NAMED_MOST = 7  # of the moments below


@dataclass(frozen=True)
class Line:
    """One line: its path, its marks, and which of the looks of the stylesheet it has (0 to 3)."""

    name: str
    look: int
    path: str
    marks: tuple[tuple[float, float, str], ...]  # x, y and what a mark says


@dataclass(frozen=True)
class Chart:
    """A chart of rates over moments. `below` and `beside` are the ticks: place and text."""

    lines: tuple[Line, ...]
    below: tuple[tuple[float, str], ...]
    beside: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def rates_over_time(series: Mapping[str, Sequence[tuple[str, float]]]) -> Chart | None:
    """The chart of rates (0 to 1) by moment, a line for each name; None without a rate.

    The axis begins at zero unless all rates are above one half: then it begins there, and says so.
    """
    rates = [rate for points in series.values() for _, rate in points]
    if not rates:
        return None
    moments = sorted({moment for points in series.values() for moment, _ in points})
    lowest = 0.5 if min(rates) >= 0.5 else 0.0

    def x(moment: str) -> float:
        share = moments.index(moment) / (len(moments) - 1) if len(moments) > 1 else 0.5
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(rate: float) -> float:
        share = (rate - lowest) / (1 - lowest)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    lines = tuple(
        _line(name, look % 4, [(x(moment), y(rate), moment, rate) for moment, rate in points])
        for look, (name, points) in enumerate(sorted(series.items()))
    )
    steps = [lowest + (1 - lowest) * step / (_TICKS - 1) for step in range(_TICKS)]
    every = -(-len(moments) // _NAMED_MOST)
    return Chart(
        lines,
        tuple((x(moment), moment[5:10]) for moment in moments[::every]),
        tuple((y(step), f"{step:.0%}") for step in steps),
    )


def _line(name: str, look: int, points: list[tuple[float, float, str, float]]) -> Line:
    path = " ".join(f"{'ML'[place > 0]}{x} {y}" for place, (x, y, _, _) in enumerate(points))
    marks = tuple((x, y, f"{name}, {moment}: {rate:.1%}") for x, y, moment, rate in points)
    return Line(name, look, path, marks)
