"""Refinements: filters over profiles, in the grammar of REST API v2's parameter ``refinement``.

Segments are refinements, and a partner may narrow a segment with one. `parse_refinement` (in
`domain.refinement_grammar`) reads the JSON; `matches` says what it means for one profile;
`store.refinement` says the same in SQL, and a test holds the two together.

A property has a list of values. A filter on it holds when any value of the list fits, and a
``NOT_`` operator is exactly the opposite: it also holds for a profile without any value. A value
that is no number, or no date, fits no range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from profile_exchange.domain.consent import ConsentRecord, ConsentState, stands
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.moments import Moment, moment_at, moment_of
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.tenant import Objective
from profile_exchange.domain.values import has_form


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every filter holds (``AND``)."""

    filters: tuple[Refinement, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one filter holds (``OR``)."""

    filters: tuple[Refinement, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The filter does not hold (the ``NOT_`` operators)."""

    filter: Refinement


@dataclass(frozen=True, slots=True)
class IsEmpty:
    """The property has no value."""

    property: str


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """At least one of these is among the property's values, letter for letter."""

    property: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContainsAll:
    """Each of these is among the property's values, letter for letter."""

    property: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberInRange:
    """A value is a number from ``lowest`` to ``highest``, both included; None is no bound."""

    property: str
    lowest: Decimal | None
    highest: Decimal | None


@dataclass(frozen=True, slots=True)
class MomentInRange:
    """A value is a date from ``earliest`` to ``latest``, both included; None is no bound."""

    property: str
    earliest: Moment | None
    latest: Moment | None


@dataclass(frozen=True, slots=True)
class MomentAround:
    """A value is a date within so many hours before now, or after it."""

    property: str
    hours_before: int = 0
    hours_after: int = 0


@dataclass(frozen=True, slots=True)
class Consents:
    """The profile is in ``state`` towards one, or ``every`` one, of these objectives.

    Nobody is in any state towards an objective that the tenant does not have.
    """

    objectives: tuple[str, ...]
    state: ConsentState
    every: bool


Refinement = (
    AllOf
    | AnyOf
    | Not
    | IsEmpty
    | ContainsAny
    | ContainsAll
    | NumberInRange
    | MomentInRange
    | MomentAround
    | Consents
)

MICROSECONDS_AN_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Refined:
    """What a refinement looks at of one profile: property values and what it consented to."""

    properties: Mapping[str, Sequence[str]] = field(default_factory=dict)
    consent: ConsentRecord = field(default_factory=ConsentRecord)


def matches(
    refinement: Refinement,
    profile: Refined,
    now: datetime,
    objectives: Mapping[str, Objective] | None = None,
) -> bool:
    """Whether a profile passes. ``objectives`` are the tenant's, by id."""
    match refinement:
        case AllOf(filters):
            return all(matches(inner, profile, now, objectives) for inner in filters)
        case AnyOf(filters):
            return any(matches(inner, profile, now, objectives) for inner in filters)
        case Not(inner):
            return not matches(inner, profile, now, objectives)
        case Consents():
            return _consents(refinement, profile.consent, objectives or {})
        case _:
            return _fits(refinement, profile.properties.get(refinement.property, ()), now)


PropertyFilter = IsEmpty | ContainsAny | ContainsAll | NumberInRange | MomentInRange | MomentAround


def _fits(refinement: PropertyFilter, values: Sequence[str], now: datetime) -> bool:
    match refinement:
        case IsEmpty():
            return not values
        case ContainsAny(_, wanted):
            return not set(wanted).isdisjoint(values)
        case ContainsAll(_, wanted):
            return set(wanted).issubset(values)
        case NumberInRange(_, lowest, highest):
            return any(_between(number_of(value), lowest, highest) for value in values)
        case MomentInRange(_, earliest, latest):
            return any(_between(moment_of(value), earliest, latest) for value in values)
        case MomentAround():
            earliest, latest = around(refinement, moment_at(now))
            return any(_between(moment_of(value), earliest, latest) for value in values)


def _between(
    value: Decimal | int | None, lowest: Decimal | int | None, highest: Decimal | int | None
) -> bool:
    return (
        value is not None
        and (lowest is None or value >= lowest)
        and (highest is None or value <= highest)
    )


def _consents(refinement: Consents, record: ConsentRecord, known: Mapping[str, Objective]) -> bool:
    answers = (
        objective in known and stands(record, known[objective], refinement.state)
        for objective in refinement.objectives
    )
    return all(answers) if refinement.every else any(answers)


def number_of(value: str) -> Decimal | None:
    """The number that a property of whatever type says, or None when it says none."""
    text = value.strip(BLANKS)
    return Decimal(text) if has_form(text, FilterType.DECIMAL) else None


def around(refinement: MomentAround, now: Moment) -> tuple[Moment, Moment]:
    """The first and the last moment that a filter relative to now covers."""
    return (
        now - refinement.hours_before * MICROSECONDS_AN_HOUR,
        now + refinement.hours_after * MICROSECONDS_AN_HOUR,
    )


def properties_of(refinement: Refinement) -> frozenset[str]:
    """Every property that a refinement looks at."""
    return frozenset(leaf.property for leaf in leaves(refinement) if not isinstance(leaf, Consents))


def objectives_of(refinement: Refinement) -> frozenset[str]:
    """Every objective that a refinement looks at."""
    return frozenset(
        objective
        for leaf in leaves(refinement)
        if isinstance(leaf, Consents)
        for objective in leaf.objectives
    )


def leaves(refinement: Refinement) -> Iterator[PropertyFilter | Consents]:
    """The filters on properties and objectives inside a refinement, in order."""
    match refinement:
        case AllOf(filters) | AnyOf(filters):
            for inner in filters:
                yield from leaves(inner)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield refinement
