"""What point in time a property value says: epoch milliseconds, or an ISO 8601 date and time.

The patterns hold in Python's `re` and in PostgreSQL's `~` alike, and whatever matches one of
them is a real date: reading it cannot fail on either side.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from profile_exchange.domain.identifiers import BLANKS

#: Microseconds since 1970 in UTC, exact on both sides and beyond what `datetime` can hold.
Moment = int

_DAY = (
    # 30 and 31 days, then February; a 29th of February needs a leap year.
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
_ZONE = "(Z|[-+](0[0-9]|1[0-4]):?[0-5][0-9])"

_MAX_DIGITS = 15
EPOCH_PATTERN = f"^[-+]?[0-9]{{1,{_MAX_DIGITS}}}$"
#: Without a zone a time is UTC.
LOCAL_PATTERN = f"^{_DAY}([T ]{_TIME})?$"
ZONED_PATTERN = f"^{_DAY}[T ]{_TIME}{_ZONE}$"
#: The one year that the patterns let through and the calendar does not have.
NO_YEAR = "0000"

_PARTS = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(?:Z|([-+])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment_of(value: str) -> Moment | None:
    """The moment that a property value says, or None when it says none."""
    text = value.strip(BLANKS)
    if re.fullmatch(EPOCH_PATTERN, text):
        return int(text) * 1000
    real = re.fullmatch(LOCAL_PATTERN, text) or re.fullmatch(ZONED_PATTERN, text)
    parts = _PARTS.fullmatch(text)
    if not real or not parts or parts[1] == NO_YEAR:
        return None
    *time, fraction, sign, zone_hour, zone_minute = parts.groups("0")
    year, month, day, hour, minute, second = map(int, time)
    days = date(year, month, day).toordinal() - _EPOCH_DAY
    seconds = (days * 24 + hour) * 3600 + minute * 60 + second
    zone = (int(zone_hour) * 60 + int(zone_minute)) * 60
    seconds += zone if sign == "-" else -zone
    # Rounded as PostgreSQL rounds: half to even, on the binary fraction.
    return seconds * 1_000_000 + round(float(fraction) * 1_000_000)


def milliseconds_of(value: str) -> int | None:
    """The same in milliseconds, a half rounded up."""
    if len(value) <= _MAX_DIGITS and value.isascii() and value.isdecimal():
        # Nearly always, and reading it at length would take ten times as long.
        return int(value)
    moment = moment_of(value)
    return None if moment is None else (moment + 500) // 1000


def moment_at(time: datetime) -> Moment:
    """The moment of an aware datetime."""
    return (time - _EPOCH) // _MICROSECOND


def epoch_milliseconds(time: datetime) -> str:
    """An aware datetime as tenants write it into a property, for example `creationdate`."""
    return str(moment_at(time) // 1000)
