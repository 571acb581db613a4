"""Merging in SQL: a profile's properties after a run, from those before it and what was mapped.

One expression for each strategy, computed once for a row. Properties that no mapping names are
never touched, and a value that would stay the same stays the very same JSON, so that the merge
can tell an unchanged profile by comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by

from profile_exchange.domain.connection import PropertyMapping, Strategy
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import MAX_WHOLE_NUMBER, VALUE_FORMS, FilterType
from profile_exchange.store.json_lists import numbered_values_of, values_of
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.value_forms import has_form

#: Lists longer than this are compared by hashing: value by value, one profile could take hours.
_LONG = 100
_EMPTY = cast(literal("{}"), JSONB)
_NO_VALUES = cast(literal("[]"), JSONB)

Json = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Held:
    """What a sum holds of the other tenant's before the merge: both null if nothing.

    ``from_another`` is whether it came from another source profile than the one in hand.
    """

    amount: ColumnElement[Any]
    from_another: ColumnElement[bool]


def merged(
    before: Json,
    mapped: FromClause,
    mappings: Sequence[PropertyMapping],
    held: Mapping[PropertyMapping, Held],
    types: Mapping[str, FilterType],
) -> Json:
    """The properties after the merge; of a profile that is `refused`, not to be written.

    ``before`` is the properties now, ``mapped`` has a column for each strategy
    (`map_properties.COLUMN_OF`), ``held`` what each summing mapping has brought before, and
    ``types`` the types of the targets.
    """
    changes = _changes(before, mapped, mappings, held, types)
    after = before if changes is None else before.op("||")(changes)
    if removals := _of(mappings, Strategy.REMOVE):
        after = _removed(before, after, mapped.c.removals, list(_by_target(removals)))
    for target, sums in _by_target(_of(mappings, Strategy.SUM)).items():
        after = _emptied(before, after, mapped.c.sums, target, {m: held[m] for m in sums})
    for mapping in mappings:
        if mapping.clear_when_absent:
            after = _cleared(before, after, mapped.c.replacements, mapping.target)
    return after


def refused(after: Json, mappings: Sequence[PropertyMapping]) -> ColumnElement[bool]:
    """Whether a sum came to more than its property can hold."""
    totals = _by_target(_of(mappings, Strategy.SUM))
    return or_(false(), *(total_is_refused(after, target) for target in totals))


def total_is_refused(after: Json, target: str) -> ColumnElement[bool]:
    """Whether a sum came to more than this property can hold."""
    # No property ever has an empty list, so that the merge can say it with one.
    return func.coalesce(value_at(after, target) == _NO_VALUES, False)


def _changes(
    before: Json,
    mapped: FromClause,
    mappings: Sequence[PropertyMapping],
    held: Mapping[PropertyMapping, Held],
    types: Mapping[str, FilterType],
) -> Json | None:
    """``{target: new values}`` of what changes, so that the many other properties are copied once.

    None if no mapping sets anything. A new value that is null stays out.
    """
    values: dict[str, list[Json]] = {}
    for target in _by_target(_of(mappings, Strategy.SET_IF_EMPTY)):
        values.setdefault(target, []).append(_defaulted(before, mapped.c.defaults, target))
    for target in _by_target(_of(mappings, Strategy.ADD)):
        values.setdefault(target, []).append(_added(before, mapped.c.additions, target))
    for target, sums in _by_target(_of(mappings, Strategy.SUM)).items():
        brings = {mapping: held[mapping] for mapping in sums}
        total = _summed(before, mapped.c.sums, target, brings, types[target])
        values.setdefault(target, []).append(total)
    # Several strategies can be for one target, but never for the same profile.
    changes = object_of({t: _first(some) for t, some in values.items()}) if values else None
    if not _of(mappings, Strategy.SET):
        return changes
    replacements = func.coalesce(mapped.c.replacements, _EMPTY)
    return replacements if changes is None else changes.op("||")(replacements)


def _first(values: Sequence[Json]) -> Json:
    return values[0] if len(values) == 1 else func.coalesce(*values)


def _of(mappings: Sequence[PropertyMapping], strategy: Strategy) -> list[PropertyMapping]:
    return [mapping for mapping in mappings if mapping.strategy is strategy]


def value_at(properties: Json, key: str) -> Json:
    """The values of a property; null if it has none."""
    return properties.op("->")(cast(literal(key), Text))


def has(properties: Json, key: str) -> ColumnElement[bool]:
    """Whether a property has any value. Never null."""
    return func.coalesce(func.jsonb_exists(properties, key), False)


def _defaulted(before: Json, defaults: Json, target: str) -> Json:
    return case((not_(has(before, target)), value_at(defaults, target)), else_=None)


def _added(before: Json, additions: Json, target: str) -> Json:
    """What is there, and after it what is new, each once and in the order in which it came."""
    present, incoming = (
        func.coalesce(value_at(before, target), _NO_VALUES),
        value_at(additions, target),
    )
    each = numbered_values_of(incoming)
    first = (
        select(each.c.value, func.min(each.c.place).label("place"))
        .group_by(each.c.value)
        .subquery("first")
    )
    new = select(func.jsonb_agg(_ordered(first.c.value, first.c.place)))
    return case(
        (incoming.is_(None), None),
        # Null where nothing is new.
        (_is_long(incoming), present.op("||")(_apart(new, first.c.value, present))),
        (_contains(present, incoming), None),
        # One value that is not there is all that is new; only longer lists are taken apart.
        (func.jsonb_array_length(incoming) == 1, present.op("||")(incoming)),
        else_=present.op("||")(_without(new, first.c.value, present)),
    )


def _is_long(values: Json) -> ColumnElement[bool]:
    return func.coalesce(func.jsonb_array_length(values) > _LONG, False)


def _without(query: Select[Any], value: Json, others: Json) -> Json:
    """What a query says of the values that are not among some others."""
    return query.where(not_(_contains(others, value))).scalar_subquery()


def _apart(query: Select[Any], value: Json, others: Json) -> Json:
    """The same by a hash of all the others, which for short lists takes longer."""
    other = numbered_values_of(others)
    return query.where(~exists(select(1).where(other.c.value == value))).scalar_subquery()


def _contains(values: Json, some: Json) -> ColumnElement[bool]:
    return values.op("@>", is_comparison=True)(some)


def _ordered(value: Json, place: ColumnElement[Any]) -> Json:
    return aggregate_order_by(value, place)


def _removed(before: Json, after: Json, removals: Json, targets: Sequence[str]) -> Json:
    for target in targets:
        each, gone = numbered_values_of(value_at(before, target)), value_at(removals, target)
        rest = select(func.jsonb_agg(_ordered(each.c.value, each.c.place)))
        left = case(
            (_is_long(gone), _apart(rest, each.c.value, gone)),
            else_=_without(rest, each.c.value, gone),
        )
        kept = object_of({target: left})
        key = cast(literal([target]), ARRAY(Text))
        applies = and_(has(removals, target), has(before, target))
        after = case((applies, after.op("-")(key).op("||")(kept)), else_=after)
    return after


def _summed(
    before: Json,
    sums: Json,
    target: str,
    held: Mapping[PropertyMapping, Held],
    filter_type: FilterType,
) -> Json:
    """What is there, plus what is contributed more (or less) than last time.

    Null if that changes nothing, an empty list if the property cannot hold it.
    """
    more = _more(sums, held)
    total = number_at(before, target) + more
    return case(
        (_stays(before, target, more), None),
        (not_(total_fits(total, filter_type)), _NO_VALUES),
        else_=func.jsonb_build_array(cast(func.trim_scale(total), Text)),
    )


def refused_sums(
    before: Json,
    mapped: FromClause,
    mappings: Sequence[PropertyMapping],
    held: Mapping[PropertyMapping, Held],
    types: Mapping[str, FilterType],
) -> ColumnElement[bool]:
    """Whether `merged` would be `refused`, without merging: for whoever only has to know that."""
    by_target = _by_target(_of(mappings, Strategy.SUM)).items()
    return or_(
        false(),
        *(
            _is_too_much(before, mapped.c.sums, target, {m: held[m] for m in sums}, types[target])
            for target, sums in by_target
        ),
    )


def _is_too_much(
    before: Json,
    sums: Json,
    target: str,
    held: Mapping[PropertyMapping, Held],
    filter_type: FilterType,
) -> ColumnElement[bool]:
    more = _more(sums, held)
    total = number_at(before, target) + more
    return and_(not_(_stays(before, target, more)), not_(total_fits(total, filter_type)))


def _stays(before: Json, target: str, more: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a sum is left as it is. Never null."""
    return or_(more.is_(None), and_(more == 0, has(before, target)))


def _emptied(
    before: Json, after: Json, sums: Json, target: str, held: Mapping[PropertyMapping, Held]
) -> Json:
    """Without a sum of which nothing is left: another profile's went, and none came instead."""
    taken_over = or_(*(each.from_another for each in held.values()))
    none_came = and_(*(brought(sums, mapping).is_(None) for mapping in held))
    nothing_left = number_at(before, target) + _more(sums, held) == 0
    key = cast(literal([target]), ARRAY(Text))
    return case((and_(taken_over, none_came, nothing_left), after.op("-")(key)), else_=after)


def _cleared(before: Json, after: Json, replacements: Json, target: str) -> Json:
    """Without a property that is there, for which nothing came."""
    key = cast(literal([target]), ARRAY(Text))
    absent = and_(has(before, target), not_(has(replacements, target)))
    return case((absent, after.op("-")(key)), else_=after)


def _more(sums: Json, held: Mapping[PropertyMapping, Held]) -> ColumnElement[Any]:
    """The difference to what was contributed before, of all that is summed; null if none."""
    differences = [
        contributed(brought(sums, mapping), each) - func.coalesce(each.amount, 0)
        for mapping, each in held.items()
    ]
    if len(differences) == 1:
        return differences[0]
    together: ColumnElement[Any] = literal(0)
    for difference in differences:
        together = together + func.coalesce(difference, 0)
    return case((func.coalesce(*differences).isnot(None), together), else_=None)


def brought(sums: Json, mapping: PropertyMapping) -> ColumnElement[Any]:
    """The amount that a source profile brings now; null if it has no value."""
    text = sums.op("->>", return_type=Text())(cast(literal(mapping.key), Text))
    return cast(text, Numeric)


def contributed(amount: ColumnElement[Any], before: Held) -> ColumnElement[Any]:
    """What is contributed after the merge: null if that stays as it is.

    A profile without a value still ends what another one has contributed.
    """
    return func.coalesce(amount, case((before.from_another, 0), else_=None))


def number_at(properties: Json, target: str) -> ColumnElement[Any]:
    """The number that a property holds, all its values together; 0 if it holds none."""
    present = value_at(properties, target)
    each = values_of(present)
    total = select(func.sum(_number(each.c.value))).scalar_subquery()
    one = _number(present.op("->>", return_type=Text())(0))
    # Nearly every property has one value; only the others pay for taking the list apart.
    return case((func.jsonb_array_length(present) > 1, total), else_=one)


def _number(text: ColumnElement[str]) -> ColumnElement[Any]:
    trimmed = func.btrim(text, BLANKS)
    return case((has_form(trimmed, FilterType.DECIMAL), cast(trimmed, Numeric)), else_=0)


def total_fits(total: ColumnElement[Any], filter_type: FilterType) -> ColumnElement[bool]:
    """Whether a property of this type can hold a total (SEMANTICS, Mapping and writing 4)."""
    if filter_type is FilterType.RANGE:
        return func.abs(total) <= MAX_WHOLE_NUMBER
    longest = VALUE_FORMS[filter_type].max_characters
    return func.length(cast(func.trim_scale(total), Text)) <= longest


def _by_target(mappings: Sequence[PropertyMapping]) -> dict[str, list[PropertyMapping]]:
    grouped: dict[str, list[PropertyMapping]] = {}
    for mapping in mappings:
        grouped.setdefault(mapping.target, []).append(mapping)
    return grouped
