"""A tenant's profile store as an asset of Airflow's, on which other DAGs can be scheduled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, Context

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.fates import FateCounts

if TYPE_CHECKING:
    from pydantic import JsonValue

#: Airflow takes an address of a scheme with x- as it is; of others it asks every provider.
SCHEME = "x-profile-exchange"


def profile_store(tenant_id: str) -> Asset:
    """The profiles of a hosted tenant: ``x-profile-exchange://<tenant>/profiles``."""
    return Asset(f"{SCHEME}://{tenant_id}/profiles")


def written_by(connection_id: str) -> AssetAlias:
    """What a run of a connection may have written to.

    An alias, because a task tells an event of it or none, where one of an asset itself is told
    whenever the task succeeds.
    """
    return AssetAlias(f"{SCHEME}: {connection_id}")


def tell_written(
    context: Context | Mapping[str, Any], connection: Connection, counts: FateCounts
) -> None:
    """Have Airflow tell, when the task succeeds, that the store was written to, if it was."""
    if not counts.created + counts.modified:
        return
    told: dict[str, JsonValue] = {
        "connection": connection.id,
        "run_id": context["dag_run"].run_id,
        "counts": dict(counts.as_dict()),
    }
    accessor = context["outlet_events"][written_by(connection.id)]
    accessor.add(profile_store(connection.tenant), extra=told)
