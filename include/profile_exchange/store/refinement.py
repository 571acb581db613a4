"""Refinements in SQL, by the rule of `domain.refinement`.

Nothing in a profile makes these conditions fail: a value is cast only inside the branch of a
CASE that has seen it match, because PostgreSQL promises an order of evaluation nowhere else.
Every condition is true or false, never null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Numeric,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.moments import (
    EPOCH_PATTERN,
    LOCAL_PATTERN,
    NO_YEAR,
    ZONED_PATTERN,
)
from profile_exchange.domain.properties import (
    CREATION_DATE,
    LAST_MODIFIED_DATE,
    PRIVACY_LEGISLATION,
    FilterType,
)
from profile_exchange.domain.refinement import (
    MICROSECONDS_AN_HOUR,
    AllOf,
    AnyOf,
    Consents,
    ContainsAll,
    ContainsAny,
    IsEmpty,
    MomentAround,
    MomentInRange,
    Not,
    NumberInRange,
    PropertyFilter,
    Refinement,
)
from profile_exchange.domain.tenant import Objective
from profile_exchange.store import consent
from profile_exchange.store.value_forms import has_form

Condition = ColumnElement[bool]
#: The bound of a range: a value, an expression, or none.
Bound = ColumnElement[Any] | Decimal | int | None


@dataclass(frozen=True)
class Refiner:
    """Turns refinements into conditions on profiles.

    ``profiles`` is any from-clause with the columns of ``tenant.profile``. ``now`` is the time
    that relative dates are counted from: a datetime, or an expression such as a bind
    parameter, so that one statement serves every request. ``objectives`` are the tenant's.
    """

    profiles: FromClause
    now: datetime | ColumnElement[datetime]
    objectives: Mapping[str, Objective]

    def condition(self, refinement: Refinement | None) -> Condition:
        """Whether a profile passes; without a refinement everybody does."""
        match refinement:
            case None:
                return true()
            case AllOf(filters):
                return and_(true(), *map(self.condition, filters))
            case AnyOf(filters):
                return or_(false(), *map(self.condition, filters))
            case Not(inner):
                return not_(self.condition(inner))
            case Consents():
                return self._consents(refinement)
            case _:
                return self._fits(refinement)

    def _fits(self, refinement: PropertyFilter) -> Condition:
        values = property_values(self.profiles, refinement.property)
        match refinement:
            case IsEmpty():
                return func.coalesce(values == cast(literal("[]", Text), JSONB), true())
            case ContainsAny(_, wanted):
                return _holds(values, "?|", wanted)
            case ContainsAll(_, wanted):
                return _holds(values, "?&", wanted)
            case NumberInRange(_, lowest, highest):
                return _any_value(
                    values, lambda value: _computed_between(number(value), lowest, highest)
                )
            case MomentInRange(_, earliest, latest):
                return self._in_time(refinement.property, earliest, latest)
            case MomentAround():
                return self._in_time(refinement.property, *self._around(refinement))

    def _in_time(self, property_id: str, first: Bound, last: Bound) -> Condition:
        """Whether a property has a value that is a moment between two others."""
        match property_id:
            case str(name) if name == CREATION_DATE:
                return _between(_whole_milliseconds(self.profiles.c.created_at), first, last)
            case str(name) if name == LAST_MODIFIED_DATE:
                return _between(_whole_milliseconds(self.profiles.c.modified_at), first, last)
        values = property_values(self.profiles, property_id)
        return _any_value(values, lambda value: _computed_between(moment(value), first, last))

    def _around(self, refinement: MomentAround) -> tuple[Bound, Bound]:
        now = moment_at(
            literal(self.now, DateTime(timezone=True))
            if isinstance(self.now, datetime)
            else self.now
        )
        return (
            now - literal(refinement.hours_before * MICROSECONDS_AN_HOUR, BigInteger),
            now + literal(refinement.hours_after * MICROSECONDS_AN_HOUR, BigInteger),
        )

    def _consents(self, refinement: Consents) -> Condition:
        columns = self.profiles.c
        answers = [
            consent.stands(
                columns.consented_objectives,
                columns.refused_objectives,
                columns.privacy_legislation,
                self.objectives[objective],
                refinement.state,
            )
            if objective in self.objectives
            else false()
            for objective in refinement.objectives
        ]
        return and_(true(), *answers) if refinement.every else or_(false(), *answers)


def property_values(profiles: FromClause, property_id: str) -> ColumnElement[Any]:
    """A property's values as a ``jsonb`` list of strings; null, or rarely empty, without any.

    The derived properties come from their columns, dates as milliseconds since 1970.
    """
    match property_id:
        case str(name) if name == CREATION_DATE:
            return _list_of(epoch_milliseconds(profiles.c.created_at))
        case str(name) if name == LAST_MODIFIED_DATE:
            return _list_of(epoch_milliseconds(profiles.c.modified_at))
        case str(name) if name == PRIVACY_LEGISLATION:
            zone = profiles.c.privacy_legislation
            return case((zone.isnot(None), _list_of(zone)), else_=null())
        case _:
            return profiles.c.properties.op("->", return_type=JSONB())(literal(property_id, Text))


def _whole_milliseconds(time: ColumnElement[datetime]) -> ColumnElement[Any]:
    """A column's moment as its property says it, without a text in between."""
    milliseconds = cast(func.floor(func.extract("epoch", time) * 1000), BigInteger)
    return milliseconds * literal(1000, BigInteger)


def _list_of(value: ColumnElement[str]) -> ColumnElement[Any]:
    return func.jsonb_build_array(value, type_=JSONB)


def epoch_milliseconds(time: ColumnElement[datetime]) -> ColumnElement[str]:
    """A timestamp as tenants write it into a property: milliseconds since 1970, as text."""
    return cast(cast(func.floor(func.extract("epoch", time) * 1000), BigInteger), Text)


def _holds(values: ColumnElement[Any], operator: str, wanted: tuple[str, ...]) -> Condition:
    found = values.op(operator, is_comparison=True)(literal(list(wanted), ARRAY(Text)))
    return func.coalesce(found, false())


def _any_value(
    values: ColumnElement[Any], fits: Callable[[ColumnElement[str]], Condition]
) -> Condition:
    """Whether one of a list's values, trimmed, fits.

    Nearly every list has one value, and looking at it costs a third of unfolding a list.
    """
    only = func.btrim(values.op("->>", return_type=Text())(0), BLANKS)
    each = func.jsonb_array_elements_text(values).table_valued("value", name="each")
    some = exists(select(1).select_from(each).where(fits(func.btrim(each.c.value, BLANKS))))
    is_list = func.jsonb_typeof(values) == "array"
    length = case((is_list, func.jsonb_array_length(values)), else_=0)
    return case(
        (length == 1, func.coalesce(fits(only), false())), (length > 1, some), else_=false()
    )


def _between(value: ColumnElement[Any], lowest: Bound, highest: Bound) -> Condition:
    bounds = [
        *([] if lowest is None else [value >= lowest]),
        *([] if highest is None else [value <= highest]),
    ]
    return and_(*bounds) if bounds else value.is_not(None)


def _computed_between(value: ColumnElement[Any], lowest: Bound, highest: Bound) -> Condition:
    """The same of what is dear to compute, and is computed once."""
    if lowest is None or highest is None:
        return _between(value, lowest, highest)
    limits = [cast(limit, Numeric) for limit in (lowest, highest)]
    # A range whose limits are the wrong way round cannot be made.
    wide = func.numrange(limits[0], func.greatest(*limits), "[]")
    return and_(limits[0] <= limits[1], wide.op("@>", is_comparison=True)(cast(value, Numeric)))


def number(text: ColumnElement[str]) -> ColumnElement[Any]:
    """The number that a trimmed text says, or null; the twin of `domain.refinement.number_of`."""
    return case((has_form(text, FilterType.DECIMAL), cast(text, Numeric)), else_=null())


def moment(text: ColumnElement[str]) -> ColumnElement[Any]:
    """The moment that a trimmed text says, in microseconds since 1970, or null; the twin of
    `domain.moments.moment_of`."""
    local = DateTime(timezone=False)
    zoned = DateTime(timezone=True)
    return case(
        (_is_like(text, EPOCH_PATTERN), cast(text, BigInteger) * literal(1000, BigInteger)),
        (func.left(text, len(NO_YEAR)) == NO_YEAR, null()),
        (_is_like(text, LOCAL_PATTERN), moment_at(cast(text, local))),
        (_is_like(text, ZONED_PATTERN), moment_at(cast(text, zoned))),
        else_=null(),
    )


def moment_at(time: ColumnElement[datetime]) -> ColumnElement[int]:
    """A timestamp as microseconds since 1970, whatever the session's time zone."""
    return cast(func.extract("epoch", time) * 1_000_000, BigInteger)


def _is_like(text: ColumnElement[str], pattern: str) -> Condition:
    return text.regexp_match(literal(pattern, Text))
