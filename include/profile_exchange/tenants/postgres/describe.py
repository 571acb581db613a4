"""Writing what a tenant's YAML file says about it into its store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, null, or_
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.tenant import Tenant
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.definitions import row_of
from profile_exchange.store.tables import objective, profile_property, segment

_ADMINISTRATIVE = frozenset({"id", "created_at", "modified_at"})


def describe(url: str, tenant: Tenant, *, now: datetime) -> None:
    """Make the store's properties, segments and objectives those of the tenant's YAML file.

    What the file does not name stays: imports create properties of their own. ``now`` becomes
    the modification time of what changed, and of nothing else. Safe to repeat.
    """
    with store_errors(url), engine_for(url).begin() as connection:
        _describe(connection, profile_property, _property_rows(tenant), now)
        _describe(connection, segment, _segment_rows(tenant), now)
        _describe(connection, objective, _objective_rows(tenant), now)


def _property_rows(tenant: Tenant) -> list[dict[str, Any]]:
    return [row_of(known) for known in tenant.properties]


def _segment_rows(tenant: Tenant) -> list[dict[str, Any]]:
    return [
        {
            "id": known.id,
            "name": known.name,
            "refinement": null() if known.refinement is None else dict(known.refinement),
            "description": known.description,
            "tags": list(known.tags),
        }
        for known in tenant.segments
    ]


def _objective_rows(tenant: Tenant) -> list[dict[str, Any]]:
    return [
        {
            "id": known.id,
            "name": known.name,
            "title": known.title,
            "description": known.description,
            "needs_consent": known.needs_consent,
            "legislations": list(known.legislations),
            "tags": list(known.tags),
        }
        for known in tenant.objectives
    ]


def _describe(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    if not rows:
        return
    statement = insert(table).values(
        [{**row, "created_at": now, "modified_at": now} for row in rows]
    )
    told = [column for column in table.c if column.name not in _ADMINISTRATIVE]
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.id],
            set_={**{column.name: new[column.name] for column in told}, "modified_at": now},
            where=or_(*(column.is_distinct_from(new[column.name]) for column in told)),
        )
    )
