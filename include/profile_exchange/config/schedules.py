"""Whether a schedule can be kept, and when its next slots come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from profile_exchange.config.messages import nearest
from profile_exchange.config.yaml_source import shortened
from profile_exchange.domain.schedule import Schedule

#: What Airflow and croniter agree on: five fields, or a name such as ``@daily``. Not croniter's
#: random (``R``) and hashed (``H``) fields, which would mean another time at every parse.
_FIELD = (
    r"(?:[0-9*/,#L-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+"
)
_FIVE_FIELDS = re.compile(rf"{_FIELD}(?: {_FIELD}){{4}}", re.IGNORECASE | re.ASCII)
#: The names that Airflow knows, and what it reads them as. Croniter knows others, and lacks one.
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
_HOURS_A_DAY = 24
#: Any moment will do: the question is only whether there ever is a next one.
_SOME_MOMENT = datetime(2024, 1, 1)  # noqa: DTZ001 -- cron fields have no zone


def cron_expression(text: str) -> str:
    """The expression with single blanks. Raises `ValueError` when nothing can run by it."""
    cron = " ".join(text.split())
    if cron in PRESETS:
        return cron
    if not _FIVE_FIELDS.fullmatch(cron):
        raise ValueError(
            f"{shortened(cron)} is no cron expression: write minute, hour, day of the month, "
            "month and day of the week, such as '0 6 * * MON-FRI'."
        )
    _next_moment(cron)
    return cron


def _next_moment(cron: str) -> None:
    # Read only when a connection has a schedule: it costs a tenth of a second.
    from croniter import (  # type: ignore[import-untyped]
        CroniterBadDateError,
        CroniterError,
        croniter,
    )

    try:
        croniter(cron, _SOME_MOMENT).get_next()
    except CroniterBadDateError:
        raise ValueError(f"{shortened(cron)} never comes: there is no such date.") from None
    except (CroniterError, ValueError) as error:
        raise ValueError(f"{shortened(cron)} is no cron expression: {error}.") from None


def time_zone(name: str) -> str:
    """The name, if it is a time zone's. Raises `ValueError` with the nearest one."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder of zones, not even a file name
        near = nearest(name, available_timezones()) or " Write one such as Europe/Amsterdam."
        raise ValueError(f"{shortened(name)} is no time zone.{near}") from None
    return name


def next_slots(schedule: Schedule, after: datetime, number: int) -> list[datetime]:
    """The next slots after a moment, in the schedule's zone, in order and each once.

    When clocks change they fall where Airflow's timetables put them: a slot keeps its local
    time, one that clocks jump over comes an hour later, one that comes twice is kept the second
    time; what runs in every hour of the day goes on doing so.
    """
    zone = ZoneInfo(schedule.timezone)
    slots = merge(*(_slots(cron, zone, after.astimezone(UTC)) for cron in schedule.crons))
    return [slot.astimezone(zone) for slot in islice(_each_once(slots), number)]


def _slots(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The slots of one expression in UTC, where moments have one order."""
    from croniter import croniter

    cron = PRESETS.get(cron, cron)
    hours = croniter(cron).expanded[1]
    every_hour = hours == ["*"] or len(hours) == _HOURS_A_DAY
    while True:
        local = after.astimezone(zone).replace(tzinfo=None)
        following = croniter(cron, local).get_next(datetime)
        after = after + (following - local) if every_hour else _moment(following, zone)
        yield after


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """When a local time is: the second time if it comes twice, later if it does not come."""
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if second.astimezone(zone).replace(tzinfo=None) == local:
        return second
    return local.replace(tzinfo=zone).astimezone(UTC)


def _each_once(slots: Iterator[datetime]) -> Iterator[datetime]:
    last = None
    for slot in slots:
        if slot != last:
            yield slot
        last = slot
