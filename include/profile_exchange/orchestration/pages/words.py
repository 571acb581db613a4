"""How numbers, moments and lengths of time are written on a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from profile_exchange.config.drafts import in_words
from profile_exchange.config.field_texts import as_field, as_lines
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.plurals import plural

IN_A_ZONE = Markup('<time datetime="{}" title="{}">{}</time>')
IN_THE_READERS = Markup('<time datetime="{}" title="{}" data-here>{}</time>')
MINUTE, HOUR, DAY = 60, 3600, 86400


def number(value: float) -> str:
    """``1,730``."""
    return f"{value:,}"


def moment(value: datetime | None, zone: str = "") -> str:
    """``2026-05-01 08:00 CEST``, or nothing: in a time zone, else in UTC until the browser, which
    knows the reader's own, puts it into that. UTC is told to whoever points at it."""
    if value is None:
        return ""
    utc = value.astimezone(UTC)
    local = utc.astimezone(ZoneInfo(zone)) if zone else utc
    element = IN_A_ZONE if zone else IN_THE_READERS
    return element.format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", _written(utc), _written(local))


def _written(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M %Z}"


def lasting(value: timedelta | None) -> str:
    """``42 s``, ``3 min 20 s``, ``2 h 5 min``, or nothing."""
    if value is None:
        return ""
    seconds = value.total_seconds()
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def ago(value: datetime, now: datetime) -> str:
    """``5 min ago`` or ``in 2 h``: about how far a moment is from another."""
    seconds = (now - value).total_seconds()
    size = abs(seconds)
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s"))
    length, unit = next((each for each in units if size >= each[0]), (1, "s"))
    told = f"{int(size // length)} {unit}"
    return f"{told} ago" if seconds >= 0 else f"in {told}"


def goals(connection: Connection) -> str:
    """What a connection does: ``imports``, ``imports and exposes``."""
    named = {
        "imports": connection.importing,
        "exposes": connection.expose,
        "accepts": connection.accept,
    }
    return " and ".join(name for name, goal in named.items() if goal)


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "moment": moment,
    "lasting": lasting,
    "ago": ago,
    "plural": plural,
    "goals": goals,
    "as_field": as_field,
    "as_lines": as_lines,
    "in_words": in_words,
}
