"""Deriving a profile's identifiers in SQL, by the rule of `domain.identifiers`.

Whoever writes profiles writes their rows in ``tenant.profile_identifier`` with these
statements, so that what is stored and what is searched for are always normalised alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    case,
    collate,
    func,
    select,
    true,
    union_all,
)

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


def identifiers_of(profiles: FromClause) -> CompoundSelect[Any]:
    """``(property_id, value, profile_id)`` of every unique identifier that profiles carry.

    ``profiles`` is any from-clause with the columns ``id`` and ``properties`` (as in
    ``tenant.profile``). Which properties are unique identifiers is read from
    ``tenant.profile_property`` when the statement runs. Each triple comes once.
    """
    # Nearly every list has one value; taking it apart as a list costs twice as much.
    return union_all(_single(profiles), _several(profiles))


def _single(profiles: FromClause) -> Select[Any]:
    values = profiles.c.properties.op("->")(profile_property.c.id)
    value = normalised(values.op("->>")(0), profile_property.c.filter_type)
    return _triples(profiles, value).where(func.jsonb_array_length(values) == 1)


def _several(profiles: FromClause) -> Select[Any]:
    values = profiles.c.properties.op("->")(profile_property.c.id)
    each = func.jsonb_array_elements_text(values).table_valued("value", name="each")
    # Only values of one list can be alike: no need to compare those of all profiles.
    distinct = (
        select(normalised(each.c.value, profile_property.c.filter_type).label("value"))
        .distinct()
        .correlate(profiles, profile_property)
        .lateral("distinct_values")
    )
    return (
        _triples(profiles, distinct.c.value)
        .join(distinct, true())
        .where(func.jsonb_array_length(values) > 1)
    )


def _triples(profiles: FromClause, value: ColumnElement[str]) -> Select[Any]:
    return (
        select(
            profile_property.c.id.label("property_id"),
            value.label("value"),
            profiles.c.id.label("profile_id"),
        )
        .select_from(profiles.join(profile_property, profile_property.c.indexed))
        .where(is_identifier(value))
    )
