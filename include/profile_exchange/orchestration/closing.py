"""Closing on record what Airflow has ended: a task that was killed has said nothing.

Most ends are the scheduler's. It must not wait for a profile store, so it asks the DAG processor,
by callbacks of each DAG. What a person marks ends in that person's request
(`marking`).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.fates import CHECKS
from profile_exchange.orchestration.failures import SILENT

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
    telling = callbacks.get("on_failure_callback")
    return {
        **callbacks,
        "on_failure_callback": [*([telling] if telling else []), closing_failed],
        # Nothing stays on record as running of a check: it is there when it is done.
        "on_success_callback": closing_succeeded if connection.importing else None,
    }


def _close(context: Context, *, failed: bool) -> None:
    # Where no task is to blame, Airflow tells the run's id and nothing else.
    dag_run: Any = context.get("dag_run")
    ended_at = dag_run.end_date if dag_run else None
    to_blame = context["ti"].task_id if failed and "ti" in context else ""
    close(
        context["dag"].dag_id,
        context["run_id"],
        failed=failed,
        ended_at=ended_at,
        to_blame=to_blame,
    )


def close(
    dag_id: str, run_id: str, *, failed: bool, ended_at: datetime | None, to_blame: str = ""
) -> None:
    """Close a run of one of our DAGs on record: its import, and the check that is the task
    ``to_blame``. Where that cannot be done now, the log says so, and the connection's next run
    closes the import."""
    from profile_exchange.config import registry
    from profile_exchange.domain.errors import ExchangeError
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.pipeline.runs import close_ended
    from profile_exchange.tenants.postgres.exposure_checks import note_failed_check

    try:
        connection = registry.connection(dag_id)
        url, now = store_url_of(connection), datetime.now(UTC)
        if to_blame in CHECKS:
            told = f"{to_blame}: {SILENT}"
            note_failed_check(url, dag_id, run_id, told, now=now, unless_noted=True)
        if connection.importing:
            close_ended(url, dag_id, run_id, now, failed=failed, ended_at=ended_at)
    except ExchangeError as error:
        log.warning("Run %s of %s is not closed on record: %s", run_id, dag_id, error)
