"""What describes a tenant's profiles, read from its store: segments, properties, objectives."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import InvalidRefinement
from profile_exchange.domain.properties import (
    CREATION_DATE,
    LAST_MODIFIED_DATE,
    PRIVACY_LEGISLATION,
    DataSensitivity,
    FilterType,
    ProfileProperty,
)
from profile_exchange.domain.refinement import Refinement
from profile_exchange.domain.refinement_grammar import parse_refinement
from profile_exchange.domain.tenant import Objective, Segment
from profile_exchange.exposure.stores import Database, Row, compiled
from profile_exchange.store.tables import objective, profile_property, segment
from profile_exchange.tenants.postgres.audience import Audience, audience_of

log = logging.getLogger(__name__)

#: A segment and its rule; None lets everybody in.
Rule = tuple[Segment, Refinement | None]

#: Properties that every profile has without their being stored as properties.
DERIVED = (
    ProfileProperty(CREATION_DATE, "Creation date", FilterType.DATETIME),
    ProfileProperty(LAST_MODIFIED_DATE, "Last modified date", FilterType.DATETIME),
    ProfileProperty(PRIVACY_LEGISLATION, "Privacy legislation"),
)


@dataclass(frozen=True, slots=True)
class Dates:
    """When something was made and last changed; unknown for what the platform brings along."""

    created_at: datetime | None = None
    modified_at: datetime | None = None


_wanted = func.any(bindparam("ids", type_=ARRAY(Text)))
SEGMENTS = compiled(
    select(
        segment.c.id,
        segment.c.name,
        segment.c.refinement,
        segment.c.description,
        segment.c.tags,
        segment.c.created_at,
        segment.c.modified_at,
    )
    .where(segment.c.id == _wanted)
    .order_by(segment.c.id)
)
_PROPERTIES = compiled(
    select(
        profile_property.c.id,
        profile_property.c.name,
        profile_property.c.filter_type,
        profile_property.c.indexed,
        profile_property.c.data_sensitivity,
        profile_property.c.tags,
        profile_property.c.description,
        profile_property.c.created_at,
        profile_property.c.modified_at,
    )
    .where(profile_property.c.id == _wanted)
    .order_by(profile_property.c.id)
)
OBJECTIVES = compiled(
    select(
        objective.c.id,
        objective.c.name,
        objective.c.title,
        objective.c.description,
        objective.c.needs_consent,
        objective.c.legislations,
        objective.c.tags,
        objective.c.created_at,
        objective.c.modified_at,
    ).order_by(objective.c.id)
)


async def segments(database: Database, ids: Iterable[str]) -> list[tuple[Segment, Dates]]:
    """The tenant's segments with these ids, in order of id; what does not exist is left out."""
    return segments_in(await SEGMENTS.rows(database, ids=list(ids)))


def segments_in(rows: Iterable[Row]) -> list[tuple[Segment, Dates]]:
    """The segments in the rows of `SEGMENTS`."""
    return [
        (Segment(key, name, refinement, description, tuple(tags)), Dates(*dates))
        for key, name, refinement, description, tags, *dates in rows
    ]


async def properties(database: Database, ids: Sequence[str]) -> list[tuple[ProfileProperty, Dates]]:
    """The tenant's profile properties with these ids, derived ones among them, in order of id."""
    rows = await _PROPERTIES.rows(database, ids=list(ids))
    found = {known.id: (known, Dates()) for known in DERIVED if known.id in ids}
    for key, name, filter_type, indexed, sensitivity, tags, description, *dates in rows:
        known = ProfileProperty(
            id=key,
            name=name,
            filter_type=FilterType(filter_type),
            indexed=indexed,
            data_sensitivity=DataSensitivity(sensitivity),
            tags=tuple(tags),
            description=description,
        )
        found[key] = (known, Dates(*dates))
    return [found[key] for key in sorted(found)]


async def objectives(database: Database) -> Mapping[str, tuple[Objective, Dates]]:
    """All of the tenant's objectives, by id."""
    return objectives_in(await OBJECTIVES.rows(database))


def objectives_in(rows: Iterable[Row]) -> Mapping[str, tuple[Objective, Dates]]:
    """The objectives in the rows of `OBJECTIVES`."""
    return {
        key: (
            Objective(
                id=key,
                name=name,
                title=title,
                description=description,
                needs_consent=needs_consent,
                legislations=tuple(legislations),
                tags=tuple(tags),
            ),
            Dates(*dates),
        )
        for key, name, title, description, needs_consent, legislations, tags, *dates in rows
    }


def audience(
    connection: Connection,
    objectives: Mapping[str, tuple[Objective, Dates]],
    *,
    visitors_only: bool = True,
) -> Audience:
    """Which of the tenant's profiles a connection lets out, by the rows of its objectives."""
    known = {name: each for name, (each, _) in objectives.items()}
    return audience_of(connection, known, visitors_only=visitors_only)


def refinement_of(segment: Segment) -> Refinement | None:
    """A segment's rule; None lets everybody in.

    Raises `InvalidRefinement`, which names the segment, when it cannot be read.
    """
    if segment.refinement is None:
        return None
    try:
        return parse_refinement(segment.refinement)
    except InvalidRefinement as error:
        raise InvalidRefinement(
            f"The refinement of segment {segment.id} cannot be read: {error}", error.path
        ) from None


def rules_of(segments: Iterable[Segment]) -> list[Rule]:
    """Segments with their rules. One that cannot be read is told in the log and stepped over: what
    somebody did to it takes nothing from the others."""
    found: list[Rule] = []
    for each in segments:
        try:
            found.append((each, refinement_of(each)))
        except InvalidRefinement as error:
            log.warning("%s", error)
    return found
