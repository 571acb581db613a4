"""Closing on record what Airflow has ended: a task that was killed has said nothing.

Most ends are the scheduler's. It must not wait for a profile store, so it asks the DAG processor,
by callbacks of each DAG that imports. What a person marks ends in that person's request
(`marking`).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from profile_exchange.domain.connection import Connection

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def closing_failed(context: Context) -> None:
    """A DAG's failure callback: no run that has failed stays on record as running."""
    _close(context, failed=True)


def closing_succeeded(context: Context) -> None:
    """A DAG's success callback: neither does one that Airflow takes for done, and was not."""
    _close(context, failed=False)


def with_closing(connection: Connection, callbacks: dict[str, Any]) -> dict[str, Any]:
    """What a connection's DAG is made with, so that its runs are closed on record, too.

    Whoever is to be told of a failure is told before: then each task that was killed is named.
    """
    if not connection.importing:
        return callbacks
    telling = callbacks.get("on_failure_callback")
    return {
        **callbacks,
        "on_failure_callback": [*([telling] if telling else []), closing_failed],
        "on_success_callback": closing_succeeded,
    }


def _close(context: Context, *, failed: bool) -> None:
    # Where no task is to blame, Airflow tells the run's id and nothing else.
    dag_run: Any = context.get("dag_run")
    ended_at = dag_run.end_date if dag_run else None
    close(context["dag"].dag_id, context["run_id"], failed=failed, ended_at=ended_at)


def close(dag_id: str, run_id: str, *, failed: bool, ended_at: datetime | None) -> None:
    """Close a run of one of our DAGs on record. Where that cannot be done now, the log says so,
    and the connection's next run does it."""
    from profile_exchange.config import registry
    from profile_exchange.domain.errors import ExchangeError
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.pipeline.runs import close_ended

    try:
        connection = registry.connection(dag_id)
        if connection.importing:
            url, now = store_url_of(connection), datetime.now(UTC)
            close_ended(url, dag_id, run_id, now, failed=failed, ended_at=ended_at)
    except ExchangeError as error:
        log.warning("Run %s of %s is not closed on record: %s", run_id, dag_id, error)
