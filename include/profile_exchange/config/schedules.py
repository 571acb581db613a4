"""Whether a schedule can be kept: its cron expression and its time zone."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from profile_exchange.config.messages import nearest
from profile_exchange.config.yaml_source import shortened

#: What Airflow and croniter agree on: five fields, or a name such as ``@daily``. Not croniter's
#: random (``R``) and hashed (``H``) fields, which would mean another time at every parse.
_FIELD = (
    r"(?:[0-9*/,#L-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+"
)
_FIVE_FIELDS = re.compile(rf"{_FIELD}(?: {_FIELD}){{4}}", re.IGNORECASE | re.ASCII)
_PRESETS = frozenset({"@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"})
#: Any moment will do: the question is only whether there ever is a next one.
_SOME_MOMENT = datetime(2024, 1, 1)  # noqa: DTZ001 -- cron fields have no zone


def cron_expression(text: str) -> str:
    """The expression with single blanks. Raises `ValueError` when nothing can run by it."""
    cron = " ".join(text.split())
    if cron in _PRESETS:
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
