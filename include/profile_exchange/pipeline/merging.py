"""Merging in SQL: a profile's properties after a run, from those before it and what was mapped.

One expression for each strategy, computed once for a row. Properties that no mapping names are
never touched, and a value that would stay the same stays the very same JSON, so that the merge
can tell an unchanged profile by comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by

from profile_exchange.domain.connection import PropertyMapping, Strategy
from profile_exchange.domain.properties import FilterType
from profile_exchange.store.json_lists import numbered_values_of
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.value_forms import has_form

_EMPTY = cast(literal("{}"), JSONB)
_NO_VALUES = cast(literal("[]"), JSONB)

Json = ColumnElement[Any]


def merged(
    before: Json,
    mapped: FromClause,
    mappings: Sequence[PropertyMapping],
    contributions: Mapping[str, FromClause],
) -> Json:
    """The properties after the merge.

    ``before`` is the properties now, ``mapped`` has a column for each strategy
    (`map_properties.COLUMN_OF`), and ``contributions`` holds, for each summed target, the
    outer-joined contribution of the same source profile.
    """
    changes = _changes(before, mapped, mappings, contributions)
    after = before if changes is None else before.op("||")(changes)
    if removals := _of(mappings, Strategy.REMOVE):
        after = _removed(before, after, mapped.c.removals, [m.target for m in removals])
    return after


def _changes(
    before: Json,
    mapped: FromClause,
    mappings: Sequence[PropertyMapping],
    contributions: Mapping[str, FromClause],
) -> Json | None:
    """``{target: new values}`` of what changes, so that the many other properties are copied once.

    None if no mapping sets anything. A new value that is null stays out.
    """
    values: dict[str, Json] = {}
    for mapping in mappings:
        target = mapping.target
        match mapping.strategy:
            case Strategy.SET_IF_EMPTY:
                values[target] = _defaulted(before, mapped.c.defaults, target)
            case Strategy.ADD:
                values[target] = _added(before, mapped.c.additions, target)
            case Strategy.SUM:
                values[target] = _summed(before, mapped.c.sums, target, contributions[target])
    changes = object_of(values) if values else None
    if not _of(mappings, Strategy.SET):
        return changes
    replacements = func.coalesce(mapped.c.replacements, _EMPTY)
    return replacements if changes is None else changes.op("||")(replacements)


def _of(mappings: Sequence[PropertyMapping], strategy: Strategy) -> list[PropertyMapping]:
    return [mapping for mapping in mappings if mapping.strategy is strategy]


def _at(properties: Json, key: str) -> Json:
    return properties.op("->")(cast(literal(key), Text))


def _has(properties: Json, key: str) -> ColumnElement[bool]:
    return func.coalesce(func.jsonb_exists(properties, key), False)


def _defaulted(before: Json, defaults: Json, target: str) -> Json:
    return case((not_(_has(before, target)), _at(defaults, target)), else_=None)


def _added(before: Json, additions: Json, target: str) -> Json:
    """What is there, and after it what is new, each once and in the order in which it came."""
    present, incoming = func.coalesce(_at(before, target), _NO_VALUES), _at(additions, target)
    each, again = numbered_values_of(incoming), numbered_values_of(incoming)
    first = select(func.min(again.c.place)).where(again.c.value == each.c.value).scalar_subquery()
    new = (
        select(func.jsonb_agg(_ordered(each.c.value, each.c.place)))
        .where(not_(_contains(present, each.c.value)), each.c.place == first)
        .scalar_subquery()
    )
    return case(
        (incoming.is_(None), None),
        (_contains(present, incoming), None),
        # One value that is not there is all that is new; only longer lists are taken apart.
        (func.jsonb_array_length(incoming) == 1, present.op("||")(incoming)),
        else_=present.op("||")(new),
    )


def _contains(values: Json, some: Json) -> ColumnElement[bool]:
    return values.op("@>", is_comparison=True)(some)


def _ordered(value: Json, place: ColumnElement[Any]) -> Json:
    return aggregate_order_by(value, place)


def _removed(before: Json, after: Json, removals: Json, targets: Sequence[str]) -> Json:
    for target in targets:
        each = numbered_values_of(_at(before, target))
        left = (
            select(func.jsonb_agg(_ordered(each.c.value, each.c.place)))
            .where(not_(_contains(_at(removals, target), each.c.value)))
            .scalar_subquery()
        )
        kept = object_of({target: left})
        key = cast(literal([target]), ARRAY(Text))
        applies = and_(_has(removals, target), _has(before, target))
        after = case((applies, after.op("-")(key).op("||")(kept)), else_=after)
    return after


def _summed(before: Json, sums: Json, target: str, contribution: FromClause) -> Json:
    """What is there, plus what the source profile contributes more (or less) than last time."""
    present = _at(before, target).op("->>", return_type=Text())(0)
    number = case(
        (has_form(present, FilterType.DECIMAL), cast(present, Numeric)),
        else_=0,
    )
    amount = cast(sums.op("->>", return_type=Text())(cast(literal(target), Text)), Numeric)
    more = amount - func.coalesce(contribution.c.amount, 0)
    total = cast(func.trim_scale(number + more), Text)
    return case(
        (amount.is_(None), None),
        (and_(more == 0, present.isnot(None)), None),
        else_=func.jsonb_build_array(total),
    )
