"""Transforms: what a mapping makes of incoming values before they are merged.

Each takes texts of one type to texts of another and never a value to none, so that what is
absent stays so. `store.transforms` does the same in SQL; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.moments import moment_of
from profile_exchange.domain.properties import FilterType


class Plain(StrEnum):
    """Transforms that need no more than their name."""

    TRIM = "trim"
    LOWER = "lower"
    UPPER = "upper"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class ValueMap:
    """Each value replaced by another; one that is not named by ``default``, or not at all."""

    values: tuple[tuple[str, str], ...]
    default: str | None = None

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Every text that it can make of a value."""
        texts = [text for _, text in self.values]
        return tuple(dict.fromkeys(texts if self.default is None else [*texts, self.default]))


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A date and time, in UTC, written in a form such as ``DD-MM-YYYY HH:mm``."""

    form: str


Transform = Plain | ValueMap | DateFormat

#: What a form of dates is made of: four or two digits of the year, month, day, hours, minutes,
#: seconds; between them signs and a T.
DATE_FORM = r"^(YYYY|YY|MM|DD|HH|mm|ss|[-/., :T])*(YYYY|YY|MM|DD|HH|mm|ss)[-/., :T]*$"
DATE_PARTS = re.compile(r"YYYY|YY|MM|DD|HH|mm|ss|T")

#: Dates are written from year 1 up to 9999. In microseconds since 1970.
FIRST_MOMENT = -62_135_596_800_000_000
END_OF_MOMENTS = 253_402_300_800_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Latin, Greek, Cyrillic and Armenian. In other scripts, or for letters whose other case is
#: longer, cases depend on who is asked: here nobody is.
_LETTERS = [chr(code) for code in (*range(0x41, 0x590), *range(0x1E00, 0x2000))]


def _cases(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {
        letter: other
        for letter, other in pairs
        if letter != other and len(other) == 1 and len(letter.encode()) == len(other.encode())
    }


#: ``{letter: its other case}``, for letters whose other case takes as many bytes.
LOWER_OF = _cases((letter, letter.lower()) for letter in _LETTERS)
UPPER_OF = _cases((letter, letter.upper()) for letter in _LETTERS)
_TO_LOWER = str.maketrans(LOWER_OF)
_TO_UPPER = str.maketrans(UPPER_OF)


def transformed(transforms: Sequence[Transform], values: Sequence[str]) -> list[str] | None:
    """The values after all transforms; None if one cannot be transformed."""
    chosen = values[:1] if Plain.FIRST in transforms else values
    found = [_one(transforms, value) for value in chosen]
    whole = [value for value in found if value is not None]
    return whole if len(whole) == len(found) else None


def _one(transforms: Sequence[Transform], value: str) -> str | None:
    for transform in transforms:
        match transform:
            case Plain.TRIM:
                value = value.strip(BLANKS)
            case Plain.LOWER:
                value = value.translate(_TO_LOWER)
            case Plain.UPPER:
                value = value.translate(_TO_UPPER)
            case ValueMap(pairs, default):
                value = dict(pairs).get(value, value if default is None else default)
            case DateFormat(form):
                date = date_text(value, form)
                if date is None:
                    return None
                value = date
    return value


def date_text(value: str, form: str) -> str | None:
    """A DATETIME value in a form; None if it is no real date between the years 1 and 9999."""
    moment = moment_of(value)
    if moment is None or not FIRST_MOMENT <= moment < END_OF_MOMENTS:
        return None
    time = _EPOCH + timedelta(seconds=moment // 1_000_000)
    parts = {
        "YYYY": f"{time.year:04}",
        "YY": f"{time.year % 100:02}",
        "MM": f"{time.month:02}",
        "DD": f"{time.day:02}",
        "HH": f"{time.hour:02}",
        "mm": f"{time.minute:02}",
        "ss": f"{time.second:02}",
    }
    return DATE_PARTS.sub(lambda part: parts.get(part[0], part[0]), form)


def result_type(transforms: Sequence[Transform], filter_type: FilterType) -> FilterType:
    """The type of what comes out. Raises `ValueError`, naming the transform that cannot work."""
    for transform in transforms:
        match transform:
            case Plain.LOWER | Plain.UPPER:
                if filter_type not in {FilterType.SELECT, FilterType.EMAIL}:
                    raise ValueError(f"{transform} takes texts, and this is {filter_type}")
            case DateFormat():
                if filter_type is not FilterType.DATETIME:
                    raise ValueError(f"date takes a DATETIME, and this is {filter_type}")
                filter_type = FilterType.SELECT
            case ValueMap():
                filter_type = FilterType.SELECT
    return filter_type


def outcomes(transforms: Sequence[Transform]) -> tuple[str, ...]:
    """What the last transform makes of values, as far as the configuration tells."""
    last = transforms[-1] if transforms else None
    return last.outcomes if isinstance(last, ValueMap) else ()


def are_all_known(transforms: Sequence[Transform]) -> bool:
    """Whether nothing can come out but `outcomes`."""
    last = transforms[-1] if transforms else None
    return isinstance(last, ValueMap) and last.default is not None
