"""The ``schedule`` of a connection's YAML file."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from profile_exchange.config.messages import nearest
from profile_exchange.config.schedules import cron_expression, time_zone
from profile_exchange.config.spec import Spec
from profile_exchange.config.yaml_source import shortened
from profile_exchange.domain.schedule import (
    Schedule,
    Slots,
    Weekday,
    Which,
    WhileRunning,
    on_day_of_month,
    on_weekday_of_month,
    on_weekdays,
    several_a_day,
)

#: A run takes minutes; more often than this is no schedule for batches.
MOST_TIMES_PER_DAY = 96
KINDS = ("times_per_day", "days_of_week", "day_of_month", "weekday_of_month", "cron")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MIDNIGHT = time()
LAST_DAY = 31


def _time(value: Any) -> time:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("write a time of day as hours and minutes, such as '06:30'.")
    return time(int(found[1]), int(found[2]))


def _weekday(value: Any) -> Any:
    """A weekday by its name or the start of it, in any case."""
    if not isinstance(value, str):
        return value
    for day in Weekday:
        if len(value) >= len(day) and day.word.upper().startswith(value.upper()):
            return day
    names = [day.value for day in Weekday]
    raise ValueError(
        f"{shortened(value)} is no day of the week.{nearest(value.upper(), names)}"
        f" Write one of {', '.join(names)}."
    )


def _day_of_month(value: Any) -> int | str:
    if value == "last":
        return "last"
    # True and false are numbers to Python, and no days.
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LAST_DAY:
        return value
    raise ValueError(f"write a day of the month, 1 to {LAST_DAY}, or last.")


def _weekday_of_month(value: Any) -> tuple[Which, Weekday]:
    which, _, day = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if which not in set(Which):
        known = ", ".join(Which)
        raise ValueError(f"write which one, {known}, and a day, such as 'second TUE'.")
    return Which(which), _weekday(day.strip())


_TimeAsWritten = Annotated[str, Field(pattern="^([01]?[0-9]|2[0-3]):[0-5][0-9]$")]
_WeekdayOfMonthAsWritten = Annotated[str, Field(pattern=f"^({'|'.join(Which)}) +[A-Za-z]+$")]

TimeOfDay = Annotated[time, BeforeValidator(_time, json_schema_input_type=_TimeAsWritten)]
DayOfWeek = Annotated[Weekday, BeforeValidator(_weekday, json_schema_input_type=Weekday | str)]
_DayOfMonthAsWritten = Annotated[int, Field(ge=1, le=LAST_DAY)] | Literal["last"]
DayOfMonth = Annotated[
    int | Literal["last"],
    BeforeValidator(_day_of_month, json_schema_input_type=_DayOfMonthAsWritten),
]
WeekdayOfMonth = Annotated[
    tuple[Which, Weekday],
    BeforeValidator(_weekday_of_month, json_schema_input_type=_WeekdayOfMonthAsWritten),
]


class ScheduleSpec(Spec):
    """When the connection runs by itself: one of `KINDS`, in a time zone."""

    times_per_day: Annotated[int, Field(ge=1, le=MOST_TIMES_PER_DAY, strict=True)] | None = None
    """How often a day, at even distances."""
    start: TimeOfDay | None = None
    """When the first of several runs a day is, such as 06:30."""
    days_of_week: Annotated[list[DayOfWeek], Field(min_length=1)] | None = None
    """On these days of the week."""
    day_of_month: DayOfMonth | None = None
    """On this day of the month, or the last."""
    weekday_of_month: WeekdayOfMonth | None = None
    """On one weekday of the month, such as second TUE."""
    time: TimeOfDay | None = None
    """At this time of day, such as 06:30; else at midnight."""
    cron: Annotated[str, AfterValidator(cron_expression)] | None = None
    """By a cron expression of five fields."""
    timezone: Annotated[str, AfterValidator(time_zone)] = "UTC"
    """The time zone in which times are meant, such as Europe/Amsterdam."""
    while_running: WhileRunning = WhileRunning.WAIT
    """What happens to a run that is due while another one is at work."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> ScheduleSpec:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            told = " and ".join(kinds) if kinds else "none of them"
            raise ValueError(f"a schedule has one of {', '.join(KINDS)}; this has {told}.")
        if self.start is not None and self.times_per_day is None:
            raise ValueError("start goes with times_per_day; write time instead.")
        if self.time is not None and kinds[0] in ("times_per_day", "cron"):
            instead = "start" if self.times_per_day else "the time in the expression"
            raise ValueError(f"time does not go with {kinds[0]}; write {instead} instead.")
        return self

    def to_domain(self) -> Schedule:
        """The schedule without its YAML."""
        slots = self._slots()
        return Schedule(slots.crons, self.timezone, self.while_running, slots.words)

    def _slots(self) -> Slots:
        at = self.time or _MIDNIGHT
        if self.times_per_day is not None:
            return several_a_day(self.times_per_day, self.start or _MIDNIGHT)
        if self.days_of_week is not None:
            return on_weekdays(self.days_of_week, at)
        if self.day_of_month is not None:
            return on_day_of_month(None if self.day_of_month == "last" else self.day_of_month, at)
        if self.weekday_of_month is not None:
            return on_weekday_of_month(*self.weekday_of_month, at)
        return Slots((self.cron or "",), f"by cron {self.cron}")
