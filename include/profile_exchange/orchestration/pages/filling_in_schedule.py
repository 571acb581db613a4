"""When a connection runs by itself and who is told, as their step of the form has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from profile_exchange.config.drafts import Data, put, value_at
from profile_exchange.config.field_texts import as_field
from profile_exchange.config.schedule_spec import KINDS, ScheduleSpec
from profile_exchange.domain.errors import Problem
from profile_exchange.domain.notifications import Occasion
from profile_exchange.domain.schedule import Weekday, WhileRunning
from profile_exchange.orchestration.pages.form_fields import (
    chosen,
    one,
    put_choice,
    put_text,
    put_words,
)

NUMBERS = ("times_per_day", "day_of_month")
#: The kinds of schedules as the form offers them; without a name, there is none.
CHOICES = {
    "": "when somebody asks",
    "times_per_day": "so many times a day",
    "days_of_week": "on days of the week",
    "day_of_month": "on a day of the month",
    "weekday_of_month": "on a weekday of the month",
    "cron": "by a cron expression",
}
_BY_DAY = ("days_of_week", "day_of_month", "weekday_of_month")
#: The fields that go with some kinds only, and with which.
USES: Mapping[str, tuple[str, ...]] = {
    **{kind: (kind,) for kind in KINDS},
    "start": ("times_per_day",),
    "time": _BY_DAY,
}
#: What the two fields for a weekday of the month show before anybody has touched them.
UNTOUCHED = "first MON"


def left_over(data: Data, left: Mapping[str, str], form: FormData) -> dict[str, str]:
    """What somebody wrote into fields that go with another kind of schedule than the chosen one.

    What a field showed already, because the kind was another before, is nobody's loss.
    """
    kind = one(form, "schedule_kind")
    found = {}
    for field, kinds in USES.items():
        name, told = f"schedule.{field}", _sent(field, form)
        written = told and (name in left or told != _shown(field, data))
        if written and kind not in kinds:
            found[name] = told
    return found


def mistakes_of(left: Mapping[str, str]) -> list[Problem]:
    """What is said about each of them."""
    return [Problem("", 0, name, _told(name)) for name in left]


def _told(name: str) -> str:
    kinds = USES.get(name.removeprefix("schedule."), ())
    wanted = " or ".join(f"{CHOICES[kind]!r}" for kind in kinds)
    return f"this is filled in, and goes with {wanted}: choose that, or empty the field."


def _sent(field: str, form: FormData) -> str:
    if field == "days_of_week":
        return ", ".join(chosen(form, "schedule.days_of_week"))
    if field == "weekday_of_month":
        told = f"{one(form, 'schedule.which')} {one(form, 'schedule.weekday')}".strip()
        return "" if told == UNTOUCHED else told
    return one(form, f"schedule.{field}").strip()


def _shown(field: str, data: Data) -> str:
    """What the field showed of the draft, in the words in which a browser sends it back."""
    said = value_at(data, f"schedule.{field}")
    if field == "days_of_week":
        return ", ".join(day.value for day in Weekday if _names(day, said))
    if field == "weekday_of_month" and isinstance(said, str):
        which, _, named = said.partition(" ")
        return " ".join([which, *(day.value for day in Weekday if _names(day, [named.strip()]))])
    return as_field(said)


def _names(day: Weekday, said: Any) -> bool:
    """Whether a day is among names of days, or the starts of them."""
    names = [each for each in said if isinstance(each, str)] if isinstance(said, list) else []
    return any(each and day.word.upper().startswith(each.upper()) for each in names)


def fill_in_schedule(data: Data, form: FormData) -> None:
    """Put what was sent with the step into the draft."""
    kind = one(form, "schedule_kind")
    schedule = schedule_of(kind, form) if kind in KINDS else None
    if schedule is None or not _means_the_same(schedule, data.get("schedule")):
        put(data, "schedule", schedule)
    put_words(data, form, "notifications.emails")
    if isinstance(data.get("notifications"), dict):
        put_choice(data, form, "notifications.when", Occasion.FAILURE)
        put_text(data, form, "notifications.overdue_after", str)
        said = (value_at(data, f"notifications.{name}") for name in ("emails", "notifiers"))
        if not any(said):
            data.pop("notifications")


def _means_the_same(one: Data, other: Any) -> bool:
    try:
        return ScheduleSpec(**one) == ScheduleSpec(**other)
    except (ValidationError, TypeError):
        return False


def schedule_of(kind: str, form: FormData) -> Data:
    """The schedule of one kind, from the fields of that kind."""
    own: Data = {kind: _scheduled(kind, form)}
    clock = "start" if kind == "times_per_day" else "" if kind == "cron" else "time"
    others = {name: one(form, f"schedule.{name}").strip() for name in (clock, "timezone") if name}
    own |= {name: told for name, told in others.items() if told}
    waiting = one(form, "schedule.while_running")
    return own | ({"while_running": waiting} if waiting not in ("", WhileRunning.WAIT) else {})


def _scheduled(kind: str, form: FormData) -> Any:
    if kind == "days_of_week":
        return chosen(form, "schedule.days_of_week")
    if kind == "weekday_of_month":
        return f"{one(form, 'schedule.which')} {one(form, 'schedule.weekday')}"
    told = one(form, f"schedule.{kind}").strip()
    return int(told) if kind in NUMBERS and told.isascii() and told.isdecimal() else told
