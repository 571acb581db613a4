"""Deriving a profile's identifiers in SQL, by the rule of `domain.identifiers`.

Whoever writes profiles writes their rows in ``tenant.profile_identifier`` with these
statements, so that what is stored and what is searched for are always normalised alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, case, collate, func, select, true

from profile_exchange.domain.identifiers import BLANKS, MAX_IDENTIFIER_BYTES
from profile_exchange.domain.properties import FilterType
from profile_exchange.store.tables import profile_property


def normalised(
    value: ColumnElement[str], filter_type: ColumnElement[str] | FilterType
) -> ColumnElement[str]:
    """A value as it is compared; the SQL twin of `domain.identifiers.normalise`.

    What is no value there (``""``) is here a value that `is_identifier` refuses.
    """
    trimmed = func.btrim(value, BLANKS)
    # Collation C lower-cases ASCII only, on every server; the default one is put back so that
    # a comparison with the stored column can use its index.
    lowered = collate(func.lower(collate(trimmed, "C")), "default")
    if isinstance(filter_type, FilterType):
        return lowered if filter_type is FilterType.EMAIL else trimmed
    return case((filter_type == FilterType.EMAIL.value, lowered), else_=trimmed)


def is_identifier(value: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a normalised value identifies anybody: neither empty nor too long to be indexed."""
    return func.octet_length(value).between(1, MAX_IDENTIFIER_BYTES)


def identifiers_of(profiles: FromClause) -> Select[Any]:
    """``(property_id, value, profile_id)`` of every unique identifier that profiles carry.

    ``profiles`` is any from-clause with the columns ``id`` and ``properties`` (as in
    ``tenant.profile``). Which properties are unique identifiers is read from
    ``tenant.profile_property`` when the statement runs. Each triple comes once.
    """
    known = profile_property
    values = profiles.c.properties.op("->")(known.c.id)
    each = func.jsonb_array_elements_text(values).table_valued("value", name="each")
    # Only values of one property of one profile can be alike: no need to compare them all.
    its_own = (
        select(normalised(each.c.value, known.c.filter_type).label("value"))
        .distinct()
        .correlate(profiles, known)
        .lateral("its_own")
    )
    carries = known.c.indexed & profiles.c.properties.has_key(known.c.id)
    return (
        select(known.c.id.label("property_id"), its_own.c.value, profiles.c.id.label("profile_id"))
        .select_from(profiles.join(known, carries).join(its_own, true()))
        .where(is_identifier(its_own.c.value))
    )
