"""From the ids that tasks are given to what steps work on."""

from __future__ import annotations

from airflow.sdk import get_current_context

from profile_exchange.config import registry
from profile_exchange.config.settings import read_secret
from profile_exchange.domain.connection import Connection
from profile_exchange.pipeline.runs import Run, find_run


def store_url_of(connection: Connection) -> str:
    """The profile store of the tenant that a connection belongs to."""
    return read_secret(registry.tenant(connection.tenant).store_secret)


def current_run_id() -> str:
    """The id of the DAG run that the current task belongs to."""
    run_id: str = get_current_context()["dag_run"].run_id
    return run_id


def is_preview() -> bool:
    """Whether the current DAG run was triggered with ``{"preview": true}``."""
    context = get_current_context()
    # Airflow can be told not to let a run's configuration into its parameters.
    given = (context["params"], context["dag_run"].conf or {})
    return any(one.get("preview") is True for one in given)


def current_run(connection_id: str) -> Run:
    """The run that the current task belongs to, as authenticate opened it."""
    connection = registry.connection(connection_id)
    return find_run(store_url_of(connection), connection, current_run_id())
