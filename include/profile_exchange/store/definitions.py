"""What a tenant has defined, read from its store: properties, objectives, segments' rules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.domain.refinement import Refinement
from profile_exchange.domain.refinement_grammar import parse_refinement
from profile_exchange.domain.tenant import Objective
from profile_exchange.store.tables import objective, segment


def row_of(known: ProfileProperty) -> dict[str, Any]:
    """A property as ``tenant.profile_property`` holds it, but for its dates."""
    return {
        "id": known.id,
        "name": known.name,
        "filter_type": known.filter_type.value,
        "indexed": known.indexed,
        "data_sensitivity": known.data_sensitivity.value,
        "tags": list(known.tags),
        "description": known.description,
    }


def property_in(row: Row[Any]) -> ProfileProperty:
    """The property in a row of ``tenant.profile_property``."""
    return ProfileProperty(
        id=row.id,
        name=row.name,
        filter_type=FilterType(row.filter_type),
        indexed=row.indexed,
        data_sensitivity=DataSensitivity(row.data_sensitivity),
        tags=tuple(row.tags),
        description=row.description,
    )


def objectives(database: Connection, some: Collection[str] | None = None) -> dict[str, Objective]:
    """The tenant's objectives by id: all, or those of ``some`` ids that it has."""
    query = select(objective)
    if some is not None:
        query = query.where(objective.c.id.in_(some))
    return {
        row.id: Objective(
            id=row.id,
            name=row.name,
            title=row.title,
            description=row.description,
            needs_consent=row.needs_consent,
            legislations=tuple(row.legislations),
            tags=tuple(row.tags),
        )
        for row in database.execute(query)
    }


def refinements(database: Connection, segments: Collection[str]) -> dict[str, Refinement | None]:
    """The rules of some segments, in order of id; None lets everybody in.

    Raises `InvalidRefinement` for one that cannot be read.
    """
    query = select(segment.c.id, segment.c.refinement).where(segment.c.id.in_(segments))
    return {
        row.id: None if row.refinement is None else parse_refinement(row.refinement)
        for row in database.execute(query.order_by(segment.c.id))
    }
