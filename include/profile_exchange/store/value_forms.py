"""Whether a text is a value of a type, in SQL: the twin of `domain.values`."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Numeric,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
)

from profile_exchange.domain.properties import (
    MAX_TEXT_CHARACTERS,
    MAX_VALUE_BYTES,
    MAX_WHOLE_NUMBER,
    VALUE_FORMS,
    FilterType,
)


def has_form(trimmed: ColumnElement[str], filter_type: FilterType) -> ColumnElement[bool]:
    """Whether a trimmed text is written as a type asks that has a form; null for null."""
    form = VALUE_FORMS[filter_type]
    short = func.length(trimmed) <= form.max_characters
    return and_(short, trimmed.regexp_match(literal(form.pattern, Text)))


def misfits(trimmed: ColumnElement[str], filter_type: FilterType) -> ColumnElement[bool]:
    """Whether a trimmed text is no value of a type, its length as a text aside."""
    if filter_type is FilterType.SELECT:
        return literal(False, Boolean)
    fits = has_form(trimmed, filter_type)
    if filter_type is not FilterType.RANGE:
        return ~fits
    too_large = case((fits, func.abs(cast(trimmed, Numeric)) > MAX_WHOLE_NUMBER), else_=False)
    return or_(~fits, too_large)


def is_too_long(text: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a text is longer than a value can be (SEMANTICS, Mapping and writing 4)."""
    return or_(func.length(text) > MAX_TEXT_CHARACTERS, func.octet_length(text) > MAX_VALUE_BYTES)
