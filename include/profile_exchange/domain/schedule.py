"""When a connection runs by itself: its slots as cron expressions, and in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum

MINUTES_A_DAY = 24 * 60
#: A run begins so much after its slot at most, unless it waited for another one: Airflow may have
#: been started anew meanwhile. What comes later is a slot of the past.
LATE = timedelta(minutes=10)


class Weekday(StrEnum):
    """A day of the week, as cron spells it."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"
    SUN = "SUN"

    @property
    def number(self) -> int:
        """Cron's number for the day; Sunday is 0."""
        return (list(Weekday).index(self) + 1) % 7

    @property
    def word(self) -> str:
        """The day as people write it."""
        return _WEEKDAYS[self]


class Which(StrEnum):
    """Which of a month's Mondays, Tuesdays and so on."""

    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"
    LAST = "last"


class WhileRunning(StrEnum):
    """What becomes of a slot that comes while a run of the connection is still going.

    ``WAIT`` runs once that one has ended: once, however many slots have come. ``SKIP`` leaves
    the slot out.
    """

    WAIT = "wait"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Slots in the local time of a zone: every cron expression adds its own.

    ``words`` say the same to people, without the zone.
    """

    crons: tuple[str, ...]
    timezone: str = "UTC"
    while_running: WhileRunning = WhileRunning.WAIT
    words: str = ""

    def __str__(self) -> str:
        return f"{self.words or ' and '.join(self.crons)} ({self.timezone})"


@dataclass(frozen=True, slots=True)
class Slots:
    """The cron expressions of one kind of schedule, and their words."""

    crons: tuple[str, ...]
    words: str


_WEEKDAYS = {
    Weekday.MON: "Monday",
    Weekday.TUE: "Tuesday",
    Weekday.WED: "Wednesday",
    Weekday.THU: "Thursday",
    Weekday.FRI: "Friday",
    Weekday.SAT: "Saturday",
    Weekday.SUN: "Sunday",
}


def several_a_day(number: int, start: time) -> Slots:
    """``number`` slots a day as evenly as whole minutes allow, the first at ``start``."""
    first = start.hour * 60 + start.minute
    minutes = sorted(
        (first + slot * MINUTES_A_DAY // number) % MINUTES_A_DAY for slot in range(number)
    )
    hours_at: dict[int, list[int]] = defaultdict(list)
    for minute in minutes:
        hours_at[minute % 60].append(minute // 60)
    crons = (f"{minute} {_listed(hours)} * * *" for minute, hours in sorted(hours_at.items()))
    times = ", ".join(f"{minute // 60:02}:{minute % 60:02}" for minute in minutes)
    return Slots(tuple(crons), f"every day at {times}")


def on_weekdays(days: Sequence[Weekday], at: time) -> Slots:
    """One slot on each of some days of the week."""
    ordered = sorted(set(days), key=list(Weekday).index)
    cron = f"{_minute_and_hour(at)} * * {','.join(ordered)}"
    return Slots((cron,), f"every {_and([day.word for day in ordered])} at {at:%H:%M}")


def on_day_of_month(day: int | None, at: time) -> Slots:
    """One slot a month, on a day by number or, for None, on the last one."""
    cron = f"{_minute_and_hour(at)} {day or 'L'} * *"
    words = f"day {day} of every month" if day else "the last day of every month"
    return Slots((cron,), f"{words} at {at:%H:%M}")


def on_weekday_of_month(which: Which, day: Weekday, at: time) -> Slots:
    """One slot a month, such as on the second Tuesday."""
    nth = list(Which).index(which) + 1
    field = f"L{day.number}" if which is Which.LAST else f"{day}#{nth}"
    cron = f"{_minute_and_hour(at)} * * {field}"
    return Slots((cron,), f"the {which} {day.word} of every month at {at:%H:%M}")


def _minute_and_hour(at: time) -> str:
    return f"{at.minute} {at.hour}"


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def _and(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
