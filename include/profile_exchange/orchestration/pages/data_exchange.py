"""Unique profiles received and sent over a connection's life, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from profile_exchange.orchestration.pages.charts import Plot, Point, over_time
from profile_exchange.tenants.postgres.run_history import DataExchange

#: The days that are listed one by one.
LISTED = 14


@dataclass(frozen=True, slots=True)
class Day:
    """What a day added, and the total by its end; by what happened: received, sent."""

    day: date
    added: Mapping[str, int]
    total: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ByDay:
    """The chart, and its last days as figures, the newest first."""

    plot: Plot
    days: tuple[Day, ...]


def exchanged(received: Mapping[date, int], sent: Mapping[date, int]) -> ByDay | None:
    """Totals by day as a chart; None while nothing has been counted. Days are in order of time."""
    series = {name: days for name, days in (("received", received), ("sent", sent)) if days}
    if not series:
        return None
    last = max(max(days) for days in series.values())
    drawn = {name: _up_to(days, last) for name, days in series.items()}
    plot = over_time(
        (name, [Point(*each) for each in days.items()]) for name, days in drawn.items()
    )
    return ByDay(plot, tuple(_days(series))) if plot else None


def so_far(by_day: ByDay | None, counted: DataExchange | None) -> Mapping[str, int]:
    """How many unique profiles were received and sent; what never happened is left out.

    The ledger knows it at any moment, and runs note it at their ends only; they tell it where
    the ledger is not to be had.
    """
    noted = {line.name: line.last for line in by_day.plot.lines} if by_day else {}
    now = {"received": counted.received, "sent": counted.sent} if counted else {}
    known = {name: now.get(name) or noted.get(name) for name in ("received", "sent")}
    return {name: number for name, number in known.items() if number is not None}


def _up_to(days: Mapping[date, int], last: date) -> Mapping[date, int]:
    """A total stays what it is until the last day of all."""
    return {**days, last: days.get(last, max(days.values()))}


def _days(series: Mapping[str, Mapping[date, int]]) -> list[Day]:
    known = sorted({day for days in series.values() for day in days})
    totals = [{name: _by(days, day) for name, days in series.items()} for day in known]
    first = dict.fromkeys(series, 0)
    pairs = zip(known, pairwise([first, *totals]), strict=True)
    found = [
        Day(day, {name: after[name] - before[name] for name in series}, after)
        for day, (before, after) in pairs
    ]
    return found[-LISTED:][::-1]


def _by(days: Mapping[date, int], day: date) -> int:
    return max((total for each, total in days.items() if each <= day), default=0)
