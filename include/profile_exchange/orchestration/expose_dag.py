"""The DAG of an exposing connection: is what it grants still there, and how much of it?"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task

from profile_exchange.domain.connection import Connection
from profile_exchange.orchestration.failures import told

log = logging.getLogger(__name__)


def add_exposure(dag: DAG, connection: Connection) -> None:
    """Add the checks of an exposing connection to its DAG."""
    with dag:
        check_grant(connection.id)


@task
@told
def check_grant(connection_id: str) -> dict[str, Any]:
    """Everything granted must exist in the tenant. Returns the profiles in each segment."""
    from profile_exchange.config import registry
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.tenants.postgres.granting import granted_profiles

    connection = registry.connection(connection_id)
    counts = granted_profiles(store_url_of(connection), connection, now=datetime.now(UTC))
    for segment, profiles in counts.items():
        log.info("Segment %s: %d profiles may leave", segment, profiles)
    return counts
