"""A connection's goals as its page shows them: what is exposed, imported, accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from profile_exchange.config.registry import Configuration
from profile_exchange.domain.checks import Found
from profile_exchange.domain.connection import Connection, ExposeGoal, ImportGoal, PropertyMapping
from profile_exchange.domain.plurals import plural
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.transforms import result_type
from profile_exchange.tenants.postgres.mapped_targets import Target


@dataclass(frozen=True, slots=True)
class ShownSegment:
    """A segment; ``profiles`` is how many, as far as is known, ``exposed`` whether it still is."""

    id: str
    name: str
    profiles: int | None
    exposed: bool = True


@dataclass(frozen=True, slots=True)
class ShownMapping:
    """A row of the mapping table. ``target_type`` is the target's own, or the one it would get."""

    source: str
    source_name: str
    target: str
    target_type: str
    strategy: str
    restriction: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownImport:
    """The import goal."""

    goal: ImportGoal
    segments: tuple[ShownSegment, ...]
    mappings: tuple[ShownMapping, ...]


@dataclass(frozen=True, slots=True)
class ShownExposure:
    """The expose goal; properties and identifiers by id and name."""

    goal: ExposeGoal
    segments: tuple[ShownSegment, ...]
    properties: tuple[tuple[str, str], ...]
    identifiers: tuple[tuple[str, str], ...]


def shown_exposure(
    connection: Connection, read: Configuration, counts: Mapping[str, int]
) -> ShownExposure | None:
    """What is exposed, with the profiles that the last check counted in each segment."""
    goal, tenant = connection.expose, read.tenants.get(connection.tenant)
    if goal is None:
        return None
    segments = {known.id: known.name for known in tenant.segments} if tenant else {}
    names = {known.id: known.name for known in tenant.properties} if tenant else {}
    return ShownExposure(
        goal=goal,
        segments=tuple(
            ShownSegment(each, segments.get(each, each), counts.get(each)) for each in goal.segments
        ),
        properties=tuple((each, names.get(each, each)) for each in goal.properties),
        identifiers=tuple((each, names.get(each, each)) for each in goal.identifiers),
    )


def shown_import(
    connection: Connection, found: Found | None, targets: Mapping[str, Target]
) -> ShownImport | None:
    """What is imported, against what the last check found and what the targets are now."""
    goal = connection.importing
    if goal is None:
        return None
    rows = (_mapping(connection, each, found, targets) for each in goal.mappings)
    return ShownImport(goal, tuple(_segments(goal, found)), tuple(rows))


def _segments(goal: ImportGoal, found: Found | None) -> Iterator[ShownSegment]:
    exposed = {each.id: each for each in found.segments} if found else {}
    for name in exposed if goal.segments is None else goal.segments:
        seen = exposed.get(name)
        if seen:
            yield ShownSegment(name, seen.name, seen.profiles)
        else:
            yield ShownSegment(name, name, None, exposed=found is None)


def _mapping(
    connection: Connection,
    mapping: PropertyMapping,
    found: Found | None,
    targets: Mapping[str, Target],
) -> ShownMapping:
    sources = {each.id: each for each in found.properties} if found else {}
    source, target = sources.get(mapping.source or ""), targets.get(mapping.target)
    incoming = source.type if source else "" if mapping.source else FilterType.SELECT.value
    return ShownMapping(
        source=mapping.label if mapping.text is None else f"the text {mapping.text}",
        source_name=source.name if source else "",
        target=mapping.target,
        target_type=target.filter_type if target else _outcome(mapping, incoming),
        strategy=mapping.strategy.value,
        restriction=mapping.restriction.value,
        notes=tuple(_notes(mapping, target)),
        warnings=tuple(_warnings(connection, mapping, target)),
    )


def _outcome(mapping: PropertyMapping, incoming: str) -> str:
    """The type that a new target would get."""
    try:
        return result_type(mapping.transforms, FilterType(incoming)).value
    except ValueError:
        return ""


def _notes(mapping: PropertyMapping, target: Target | None) -> Iterator[str]:
    if target is None:
        yield "made by the first run"
    if mapping.transforms:
        yield plural(len(mapping.transforms), "transform")
    if mapping.clear_when_absent:
        yield "emptied when nothing comes"


def _warnings(
    connection: Connection, mapping: PropertyMapping, target: Target | None
) -> Iterator[str]:
    """Collisions with what is there, as far as can be told without looking at profiles."""
    if target is None or connection.id in target.owners:
        return
    if target.identifier:
        yield "is a unique identifier, which no import may write"
    elif target.owners:
        yield f"is written by {', '.join(target.owners)} too{_allowed(mapping)}"
    else:
        yield f"was there before; if it holds values {_refused(mapping)}"


def _allowed(mapping: PropertyMapping) -> str:
    return ", as overwrite: true allows" if mapping.overwrite else ": the run is refused"


def _refused(mapping: PropertyMapping) -> str:
    return "they are overwritten" if mapping.overwrite else "the run is refused"
