"""Which values a profile property can hold (SEMANTICS, Mapping and writing 4)."""

from __future__ import annotations

import re

from profile_exchange.domain.fates import Reason
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import (
    MAX_TEXT_CHARACTERS,
    MAX_VALUE_BYTES,
    MAX_WHOLE_NUMBER,
    VALUE_FORMS,
    FilterType,
)

_PATTERNS = {kind: re.compile(form.pattern) for kind, form in VALUE_FORMS.items()}


def type_problem(value: str, filter_type: FilterType) -> Reason | None:
    """Why a property of this type cannot hold a value; None when it can.

    ``VALUE_LIMIT`` when it is too long (more than `MAX_TEXT_CHARACTERS` characters, or
    `MAX_VALUE_BYTES` in UTF-8, blanks included) or a whole number beyond `MAX_WHOLE_NUMBER` on
    either side of zero; ``VALUE_TYPE`` when it is not written as the type asks, blanks around
    it aside. Nothing but blanks is no value (SEMANTICS, Mapping and writing 1): no problem.
    """
    if _is_too_long(value):
        return Reason.VALUE_LIMIT
    trimmed = value.strip(BLANKS)
    if not trimmed:
        return None
    if not has_form(trimmed, filter_type):
        return Reason.VALUE_TYPE
    if filter_type is FilterType.RANGE and abs(int(trimmed)) > MAX_WHOLE_NUMBER:
        return Reason.VALUE_LIMIT
    return None


def has_form(trimmed: str, filter_type: FilterType) -> bool:
    """Whether a trimmed value is written as its type asks; `store.value_forms` says the same.

    The whole value has to match: alone, Python's ``$`` would let a last newline pass.
    """
    form = VALUE_FORMS.get(filter_type)
    if form is None:
        return True
    short = len(trimmed) <= form.max_characters
    return short and _PATTERNS[filter_type].fullmatch(trimmed) is not None


def _is_too_long(value: str) -> bool:
    # A character takes four bytes at most: most values need no encoding to be measured.
    if len(value) * 4 <= MAX_VALUE_BYTES:
        return False
    size = len(value.encode("utf-8", "surrogatepass"))
    return len(value) > MAX_TEXT_CHARACTERS or size > MAX_VALUE_BYTES
