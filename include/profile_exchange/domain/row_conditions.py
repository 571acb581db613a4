"""Row conditions: which profiles an expectation is for, such as ``col("age") > 17``.

This is the short form of Great Expectations' own. One compares one property; what else stands there
Great Expectations would not read, and say nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_PLACE = r'\s*col\("(?P<column>[^"]+)"\)\s*'
_COMPARED = r"(?P<operator>[<>]=?|[=!]=)\s*"
_NUMBER = r"(?P<number>[+-]?\d+(\.\d*)?([eE][+-]?\d+)?)"
_TEXT = r"""("(?P<double>[^"']+)"|'(?P<single>[^"']+)')"""
_CONDITION = re.compile(rf"{_PLACE}(\.notnull\(\)|{_COMPARED}({_NUMBER}|{_TEXT}))\s*")


@dataclass(frozen=True, slots=True)
class RowCondition:
    """A property of theirs, and how its value has to compare; without an operator, be there."""

    column: str
    operator: str = ""
    value: int | float | str = ""


def row_condition(written: Any) -> RowCondition | None:
    """The row condition that a text says; None if it says none."""
    found = _CONDITION.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        return None
    if found["operator"] is None:
        return RowCondition(found["column"])
    return RowCondition(found["column"], found["operator"], _value(found))


def _value(found: re.Match[str]) -> int | float | str:
    if found["number"] is None:
        return str(found["double"] or found["single"])
    whole = re.fullmatch(r"[+-]?\d+", found["number"])
    return int(found["number"]) if whole else float(found["number"])
