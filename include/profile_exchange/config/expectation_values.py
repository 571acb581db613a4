"""The values of expectations' arguments: which of them no run could evaluate.

Great Expectations converts generously, and a bound may be a moment. What is a mistake here is
what it, or the database, never takes, whatever the property holds; a test holds the first
against the installed library.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from datetime import date

from profile_exchange.config.regexes import never_taken
from profile_exchange.config.yaml_source import Finding, shortened

_NUMBERS = frozenset(
    {
        *("mostly", "threshold", "sum_total", "value", "multiplier"),
        *("internal_weight_holdout", "tail_weight_holdout"),
    }
)
_BOUNDS = "min_value", "max_value"
#: Expectations whose bounds are numbers; those of all others may be moments.
_OF_NUMBERS = frozenset(
    {
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_stdev_to_be_between",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_value_lengths_to_be_between",
    }
)
_TRUTHS = frozenset({"strict_min", "strict_max", "or_equal", "ties_okay", "double_sided"})
_TRUE_OR_FALSE = frozenset(
    {"true", "false", "yes", "no", "on", "off", "t", "f", "y", "n", "1", "0", "1.0", "0.0"}
)
_LISTS = frozenset({"value_set", "value_pairs_set", "regex_list", "like_pattern_list"})
_TEXTS = frozenset({"regex", "like_pattern"})
_MOMENT = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
#: What PostgreSQL does not take either, of all that Python does not: they have different dialects.
_UNBALANCED = "unterminated character set", "missing )", "unbalanced parenthesis"


def value_findings(kind: str, kwargs: Mapping[str, object]) -> Iterator[Finding]:
    """What is wrong with the values of an expectation's arguments."""
    for argument, value in kwargs.items():
        # A mapping is Great Expectations' own way to leave a value open, an empty text is none.
        if value not in (None, "") and not isinstance(value, dict):
            for wrong in _wrong(kind, argument, value):
                yield ("kwargs", argument), wrong
    least, most = (_number(kwargs.get(bound)) for bound in _BOUNDS)
    if least is not None and most is not None and least > most:
        yield ("kwargs", "max_value"), f"this is less than min_value, which is {least:g}."


def _wrong(kind: str, argument: str, value: object) -> Iterator[str]:
    if argument in _NUMBERS and _number(value) is None:
        yield "this must be a number."
    elif argument == "mostly" and not 0 <= (_number(value) or 0) <= 1:
        yield "this must be a share from 0 to 1, such as 0.95."
    elif argument in _BOUNDS and not _is_bound(kind, value):
        yield (
            "this must be a number." if kind in _OF_NUMBERS else "this must be a number or a date."
        )
    elif argument in _TRUTHS and str(value).lower() not in _TRUE_OR_FALSE:
        yield "this must be true or false."
    elif argument in _LISTS and not isinstance(value, list):
        yield "this must be a list."
    elif argument in _TEXTS and not isinstance(value, str | int | float):
        yield "this must be text."
    elif argument in {"regex", "regex_list"}:
        yield from _regex_findings(value if isinstance(value, list) else [value])


def _number(value: object) -> float | None:
    """The value as a number; None for what is none, as ``.nan``."""
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _is_bound(kind: str, value: object) -> bool:
    is_moment = isinstance(value, date) or (isinstance(value, str) and _MOMENT.match(value))
    return _number(value) is not None or bool(is_moment and kind not in _OF_NUMBERS)


def _regex_findings(patterns: list[object]) -> Iterator[str]:
    for pattern in map(str, patterns):
        if wrong := _unbalanced(pattern):
            yield f"{shortened(pattern)} is no regular expression: {wrong}."
        elif wrong := never_taken(pattern):
            yield f"{shortened(pattern)} is no regular expression of PostgreSQL's: {wrong}."


def _unbalanced(pattern: str) -> str:
    """What is not balanced in a regular expression; of others `never_taken` knows more."""
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except re.error as error:
        return str(error) if error.msg.startswith(_UNBALANCED) else ""
    except (OverflowError, RecursionError):
        pass
    return ""
