"""Whether a text is a value of a type, in SQL: the twin of `domain.values.has_form`."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Text, and_, func, literal

from profile_exchange.domain.properties import VALUE_FORMS, FilterType


def has_form(trimmed: ColumnElement[str], filter_type: FilterType) -> ColumnElement[bool]:
    """Whether a trimmed text is written as a type asks that has a form; null for null."""
    form = VALUE_FORMS[filter_type]
    short = func.length(trimmed) <= form.max_characters
    return and_(short, trimmed.regexp_match(literal(form.pattern, Text)))
