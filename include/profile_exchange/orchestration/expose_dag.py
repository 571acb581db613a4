"""The DAG of an exposing connection: is what it grants still there, and how much of it?"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from profile_exchange.domain.connection import Connection
from profile_exchange.orchestration.consents import renew_consents_of
from profile_exchange.orchestration.failures import told
from profile_exchange.orchestration.notes import tell_note

log = logging.getLogger(__name__)


def add_exposure(dag: DAG, connection: Connection) -> None:
    """Add the checks of an exposing connection to its DAG."""
    with dag:
        check_grant(connection.id) >> check_credentials(connection.id)


@task
@told
def check_grant(connection_id: str) -> dict[str, Any]:
    """Everything granted must exist in the tenant. Returns the profiles in each segment."""
    from profile_exchange.config import registry
    from profile_exchange.orchestration.resolving import current_run_id, store_url_of
    from profile_exchange.tenants.postgres.exposure_checks import check_exposure

    connection = registry.connection(connection_id)
    found = check_exposure(
        store_url_of(connection), connection, current_run_id(), now=datetime.now(UTC)
    )
    log.info("%s", found.sentence())
    tell_note(get_current_context(), found.sentence())
    renew_consents_of(connection, store_url_of(connection), datetime.now(UTC))
    return {"exposed": dict(found.exposed or {})}


@task
@told
def check_credentials(connection_id: str) -> str | None:
    """The partner's last consumer key must not be about to end. Returns when it does."""
    from profile_exchange.config import registry
    from profile_exchange.domain.errors import CredentialsEnding
    from profile_exchange.orchestration.resolving import current_run_id, store_url_of
    from profile_exchange.tenants.postgres import exposure_checks as step

    connection = registry.connection(connection_id)
    url, now = store_url_of(connection), datetime.now(UTC)
    try:
        ends = step.check_credentials(url, connection, now=now)
    except CredentialsEnding as error:
        step.note_failed_check(url, connection.id, current_run_id(), str(error), now=now)
        raise
    step.note_sound_credentials(url, connection.id, current_run_id())
    return ends.isoformat() if ends else None
