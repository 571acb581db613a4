"""Shares and lengths of time, as people write them: ``5 %`` or 0.05, ``8h`` or ``30 minutes``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", re.ASCII)
_TIME = re.compile(r"([1-9][0-9]{0,9}) ?([a-z]+)", re.ASCII | re.IGNORECASE)
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=30)


def share(value: object) -> float:
    """A fraction of a whole. Raises `ValueError` for what is neither 0 to 1 nor a percentage."""
    number = _fraction(value)
    if number is None or not 0 <= number <= 1:
        raise ValueError(
            "this is no share: write a number from 0 to 1, or a percentage such as 5 %."
        )
    return number


def _fraction(value: object) -> float | None:
    # True and false are numbers to Python, and no shares.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = _PERCENTAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(Decimal(found[1]) / 100) if found else None


def share_or_off(value: object) -> float | None:
    """A share; None for ``off``."""
    return None if value is None or str(value).lower() in {"off", "false"} else share(value)


def length_of_time(value: object) -> timedelta:
    """A length of time. Raises `ValueError` for one without a unit, or of more than a month."""
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _unit(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(
            "this is no length of time: write a number and minutes, hours or days, such as 8h "
            "or 2 days."
        )
    one, number = timedelta(**{unit: 1}), int(found[1])
    if number > _LONGEST / one:
        raise ValueError("this is longer than 30 days.")
    return number * one


def _unit(word: str) -> str | None:
    names = {**_UNITS, **{name: name for name in _UNITS.values()}}
    return names.get(word) or names.get(f"{word}s")
