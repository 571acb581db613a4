"""Target properties: what type they have, whether they may be written, and making new ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection as Database
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as insert_into

from profile_exchange.domain.connection import Connection, PropertyMapping, Strategy
from profile_exchange.domain.errors import ConfigurationError, TargetRefused
from profile_exchange.domain.properties import NUMERIC_TYPES, FilterType, ProfileProperty
from profile_exchange.pipeline.runs import Run, import_goal
from profile_exchange.store.tables import adopted_property, profile, profile_property


def target_types(
    database: Database, connection: Connection, sources: Mapping[str, ProfileProperty]
) -> dict[str, FilterType]:
    """The type of each target: its own if it exists, else that of its source.

    Raises `TargetRefused` for the first mapping that must not be written.
    """
    mappings = import_goal(connection).mappings
    existing = _types(database, [mapping.target for mapping in mappings])
    types = {m.target: existing.get(m.target, sources[m.source].filter_type) for m in mappings}
    for mapping in mappings:
        _check_sum(connection, mapping, types[mapping.target])
    _check_collisions(database, connection, [m for m in mappings if m.target in existing])
    return types


def identifier_types(database: Database, connection: Connection) -> dict[str, FilterType]:
    """The types of our linked identifiers. Raises `ConfigurationError` if one is none."""
    names = {pair.ours for link in import_goal(connection).links for pair in link}
    query = select(profile_property.c.id, profile_property.c.filter_type).where(
        profile_property.c.id.in_(names), profile_property.c.indexed
    )
    found = {row.id: FilterType(row.filter_type) for row in database.execute(query)}
    if missing := sorted(names - found.keys()):
        raise ConfigurationError(
            f"Connection {connection.id} links {', '.join(missing)}, which is no unique "
            f"identifier of tenant {connection.tenant}: mark it as one, or link another."
        )
    return found


def _types(database: Database, ids: Sequence[str]) -> dict[str, FilterType]:
    query = select(profile_property.c.id, profile_property.c.filter_type)
    rows = database.execute(query.where(profile_property.c.id.in_(ids)))
    return {row.id: FilterType(row.filter_type) for row in rows}


def _check_sum(connection: Connection, mapping: PropertyMapping, target: FilterType) -> None:
    if mapping.strategy is Strategy.SUM and target not in NUMERIC_TYPES:
        raise TargetRefused(
            f"Connection {connection.id} sums {mapping.source} into {mapping.target}, which is "
            f"of type {target.value}: sum into a RANGE, DECIMAL or CURRENCY property."
        )


def _check_collisions(
    database: Database, connection: Connection, mappings: Sequence[PropertyMapping]
) -> None:
    """A target with values that this connection has never written must not be overwritten."""
    query = select(adopted_property.c.property_id).where(
        adopted_property.c.connection == connection.id
    )
    ours = set(database.execute(query).scalars())
    for mapping in mappings:
        if mapping.overwrite or mapping.target in ours:
            continue
        if _holds_values(database, mapping.target):
            raise TargetRefused(
                f"Connection {connection.id} maps {mapping.source} to {mapping.target}, which "
                "already holds values that it did not write. Map to a new property, such as "
                f"{suggested_name(connection, mapping.source)}, or say overwrite: true."
            )


def _holds_values(database: Database, property_id: str) -> bool:
    query = select(profile.c.id).where(func.jsonb_exists(profile.c.properties, property_id))
    return database.execute(query.limit(1)).first() is not None


def suggested_name(connection: Connection, source: str) -> str:
    """A name for imported data: ``TaylorTimes_Sports`` for ``sports`` of Taylor Times."""
    partner = re.sub(r"[^A-Za-z0-9]", "", connection.partner.name.title())
    words = re.split(r"[_\W]+", source)
    return f"{partner}_{''.join(word[:1].upper() + word[1:] for word in words)}"[:63]


def prepare_targets(database: Database, run: Run, now: datetime) -> None:
    """Create target properties that are missing, and make all of them this connection's own."""
    mappings = sorted(run.goal.mappings, key=lambda mapping: mapping.target)
    rows = []
    for mapping in mappings:
        source = run.plan.sources[mapping.source]
        rows.append(
            {
                "id": mapping.target,
                "name": f"{run.connection.partner.name}: {source.name}",
                "filter_type": run.plan.targets[mapping.target].value,
                "data_sensitivity": source.data_sensitivity,
                "tags": list(source.tags),
                "created_at": now,
                "modified_at": now,
            }
        )
    database.execute(insert_into(profile_property).on_conflict_do_nothing(), rows)
    adopted = [
        {"connection": run.connection.id, "property_id": m.target, "adopted_at": now}
        for m in mappings
    ]
    database.execute(insert_into(adopted_property).on_conflict_do_nothing(), adopted)
