"""Charts as figures in user units, which templates draw as SVG: nothing here is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from profile_exchange.domain.fates import MEANINGS, FateCounts

BAR, GAP, HEIGHT = 6.0, 2.0, 24.0
SMALLEST = 2.0
WIDTH = 600.0
PLOT_WIDTH, PLOT_HEIGHT = 640.0, 160.0
MOST_DOTS = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle. ``kind`` says how it looks, ``told`` what it says where that is shown."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a bar stands for; ``size`` is None where there was nothing to measure."""

    size: int | None
    kind: str


def last_runs(measures: Sequence[Measure]) -> list[Bar]:
    """Upright bars side by side, the highest as high as the chart."""
    most = max((each.size or 0 for each in measures), default=0)
    return [
        _upright(number, measure, (measure.size or 0) / most if most else 0.0)
        for number, measure in enumerate(measures)
    ]


def _upright(number: int, measure: Measure, share: float) -> Bar:
    height = round(max(SMALLEST, HEIGHT * share), 1)
    x = number * (BAR + GAP)
    return Bar(x, HEIGHT - height, BAR, height, measure.kind)


def stacked(counts: FateCounts) -> list[Bar]:
    """One bar as wide as the chart, in parts: the fates in their order."""
    if not counts.received:
        return []
    bars, x, numbers = [], 0.0, counts.as_dict()
    for fate in MEANINGS:
        number = numbers[fate.value]
        width = WIDTH * number / counts.received
        if number:
            told = f"{fate.value} {number:,}"
            bars.append(Bar(round(x, 2), 0, round(width, 2), 12, fate.value, told))
        x += width
    return bars


@dataclass(frozen=True, slots=True)
class Point:
    """A figure on a day."""

    at: date
    value: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line over time as SVG's ``points``; ``dots`` are the same one by one, unless many."""

    name: str
    points: str
    dots: tuple[tuple[float, float], ...]
    last: int


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over the same time and up to the same figure."""

    lines: tuple[Line, ...]
    start: date
    end: date
    most: int


def over_time(series: Iterable[tuple[str, Sequence[Point]]]) -> Plot | None:
    """A plot of some series, each in the order of time; None while there is nothing to draw."""
    drawn = [(name, points) for name, points in series if points]
    if not drawn:
        return None
    moments = [point.at for _, points in drawn for point in points]
    start, end = min(moments), max(moments)
    most = max(point.value for _, points in drawn for point in points)
    lines = tuple(_line(name, points, start, end, most) for name, points in drawn)
    return Plot(lines, start, end, most)


def _line(name: str, points: Sequence[Point], start: date, end: date, most: int) -> Line:
    span = (end - start).days

    def placed(point: Point) -> tuple[float, float]:
        along = (point.at - start).days / span if span else 1.0
        up = point.value / most if most else 0.0
        return round(PLOT_WIDTH * along, 1), round(PLOT_HEIGHT * (1 - up), 1)

    dots = tuple(placed(point) for point in points)
    drawn = " ".join(f"{x},{y}" for x, y in dots)
    return Line(name, drawn, dots if len(dots) <= MOST_DOTS else dots[-1:], points[-1].value)
