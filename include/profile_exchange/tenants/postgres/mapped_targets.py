"""The properties that a connection writes to, as they are in the tenant now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import adopted_property, profile_property


@dataclass(frozen=True, slots=True)
class Target:
    """A property that exists: its type, whether it is a unique identifier, and which connections
    have made it their own by writing to it."""

    filter_type: str
    identifier: bool
    owners: tuple[str, ...]


def existing_targets(url: str, names: Collection[str]) -> Mapping[str, Target]:
    """Those of the named properties that exist, by id."""
    known, adopted = profile_property.c, adopted_property.c
    owners = (
        select(func.array_agg(adopted.connection))
        .where(adopted.property_id == known.id)
        .scalar_subquery()
    )
    query = select(known.id, known.filter_type, known.indexed, owners.label("owners"))
    with store_errors(url), engine_for(url).connect() as database:
        rows = database.execute(query.where(known.id.in_(names)))
        return {
            row.id: Target(row.filter_type, row.indexed, tuple(sorted(row.owners or ())))
            for row in rows
        }
