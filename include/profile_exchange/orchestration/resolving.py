"""From the ids that tasks are given to what steps work on."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk import get_current_context

from profile_exchange.config import registry
from profile_exchange.config.messages import nearest
from profile_exchange.config.settings import read_secret
from profile_exchange.config.yaml_source import shortened
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.orchestration.import_dag import PREVIEW
from profile_exchange.pipeline.runs import Run, find_run

#: What Airflow adds to a configuration: which run triggered this one, and how closely its tasks
#: are traced.
OF_AIRFLOW = ("openlineage", "airflow/task_span_detail_level")


def store_url_of(connection: Connection) -> str:
    """The profile store of the tenant that a connection belongs to."""
    return read_secret(registry.tenant(connection.tenant).store_secret)


def current_run_id() -> str:
    """The id of the DAG run that the current task belongs to."""
    run_id: str = get_current_context()["dag_run"].run_id
    return run_id


def is_preview() -> bool:
    """Whether the current DAG run was triggered with ``{"preview": true}``.

    Raises `ConfigurationError` for a configuration that says what no run reads: whoever misspells
    what was to be a preview must not get an import.
    """
    context = get_current_context()
    # Airflow can be told not to let a run's configuration into its parameters.
    conf = context["dag_run"].conf or {}
    _check_conf(conf)
    return any(one.get(PREVIEW) is True for one in (context["params"], conf))


def _check_conf(conf: Mapping[str, object]) -> None:
    if unread := sorted(conf.keys() - {PREVIEW, *OF_AIRFLOW}):
        near = " Did you mean 'preview'?" if any(map(_resembles, unread)) else ""
        keys = ", ".join(shortened(key) for key in unread)
        raise ConfigurationError(
            f"The run was triggered with the key {keys}, which no run reads, so nothing was "
            f"imported.{near} Trigger another; all that it may say is preview, true or false."
        )
    if not isinstance(conf.get(PREVIEW, False), bool):
        raise ConfigurationError(
            "The run was triggered with 'preview' and neither true nor false, so nothing was "
            "imported. Trigger another, with true or false."
        )


def _resembles(key: str) -> bool:
    return PREVIEW in key.lower() or bool(nearest(key, [PREVIEW]))


def current_run(connection_id: str) -> Run:
    """The run that the current task belongs to, as authenticate opened it."""
    connection = registry.connection(connection_id)
    return find_run(store_url_of(connection), connection, current_run_id())
