"""Slots that come while a run is going: Airflow keeps one to run afterwards; some want none."""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.schedule import WhileRunning


def skip_if_missed(connection: Connection) -> None:
    """Skip the current run if its slot came while another run was going, and such are left out.

    Raises Airflow's `AirflowSkipException`: the run ends as a success that did nothing.
    """
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.tenants.postgres.run_history import was_running

    schedule = connection.schedule
    if schedule is None or schedule.while_running is WhileRunning.WAIT:
        return
    dag_run: Any = get_current_context()["dag_run"]
    if dag_run.run_type != "scheduled":
        return
    if was_running(store_url_of(connection), connection.id, dag_run.run_after):
        raise AirflowSkipException(
            f"The slot of {dag_run.run_after:%Y-%m-%d %H:%M} UTC came while another run of "
            f"{connection.id} was going: left out, as while_running: skip asks."
        )
