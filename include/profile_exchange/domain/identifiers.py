"""How values of unique identifiers are compared (SEMANTICS, Matching 3)."""

from __future__ import annotations

from profile_exchange.domain.properties import FilterType

#: What is trimmed from both ends: the white space of ASCII, as PostgreSQL's `btrim` is told.
BLANKS = " \t\n\r\f\v"


def normalise(value: str, filter_type: FilterType) -> str:
    """A value as it is compared: trimmed, and lower-cased when it is a mail address.

    An empty result is no value at all, and matches nothing.
    """
    trimmed = value.strip(BLANKS)
    return trimmed.lower() if filter_type is FilterType.EMAIL else trimmed
