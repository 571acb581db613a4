"""How values of unique identifiers are compared (SEMANTICS, Matching 3)."""

from __future__ import annotations

import string

from profile_exchange.domain.properties import FilterType

#: What is trimmed from both ends: the white space of ASCII, as PostgreSQL's `btrim` is told.
BLANKS = " \t\n\r\f\v"

#: A longer value, in UTF-8, identifies nobody: a database index could not hold it.
MAX_IDENTIFIER_BYTES = 2000

#: By how many combinations of its values a profile may be known, one value of each pair of a link,
#: where profiles are created.
MAX_COMBINATIONS = 1000

#: Mail addresses are ASCII. Beyond it, lower case depends on who is asked: here nobody is.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def normalise(value: str, filter_type: FilterType) -> str:
    """A value as it is compared: trimmed, and lower-cased when it is a mail address.

    An empty result is no value at all, and matches nothing. `store.identifiers` says the same
    in SQL.
    """
    trimmed = value.strip(BLANKS)
    if len(trimmed.encode(errors="surrogatepass")) > MAX_IDENTIFIER_BYTES:
        return ""
    return trimmed.translate(_LOWER) if filter_type is FilterType.EMAIL else trimmed
