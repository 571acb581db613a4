"""The task ``notify``: it tells how a run ended, and never decides how it ends.

It is a teardown: it runs when the others are done, whatever became of them, and its own failure
is not the run's. Behind it, for a run that failed while this task could not tell so, stands the
DAG's failure callback, and beside it the deadline of runs that take too long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, get_current_context, task

from profile_exchange.domain.connection import Connection
from profile_exchange.orchestration.failures import told

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.deadline import DeadlineAlert

    from profile_exchange.domain.notifications import Notifications
    from profile_exchange.notices.outcome import Outcome, SeenRun

log = logging.getLogger(__name__)

NOTIFY = "notify"
ENDED = frozenset({"success", "failed"})


def add_notices(dag: DAG, connection: Connection) -> None:
    """Add the task that tells how a run ended to a DAG that has its other tasks."""
    # A mapped task may still be at work when what follows it has been given up.
    last = [each for each in dag.tasks if each.is_mapped or not each.downstream_list]
    with dag:
        teller = notify(connection.id).as_teardown(on_failure_fail_dagrun=False)
        for each in last:
            each >> teller


def callbacks(notifications: Notifications | None) -> dict[str, Any]:
    """What a connection's DAG is made with so that somebody is told in any case."""
    if notifications is None:
        return {}
    late = notifications.overdue_after
    return {
        "on_failure_callback": tell_failure,
        "deadline": _deadline(late) if late else None,
    }


def _deadline(late: timedelta) -> DeadlineAlert:
    from airflow.sdk.definitions.callback import AsyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=late,
        # In the triggerer: Airflow lets callbacks that run where tasks run read no connection.
        callback=AsyncCallback(tell_overdue),
    )


@task(task_id=NOTIFY, on_failure_callback=[], execution_timeout=timedelta(minutes=10))
@told
def notify(connection_id: str) -> int:
    """Tell how the run ended, once. Returns by how many ways it was told."""
    from profile_exchange.config import registry

    context = get_current_context()
    connection = registry.connection(connection_id)
    seen = _seen(context)
    if seen is None:
        log.info("The run was left out: there is nothing to tell.")
        return 0
    return _tell(connection, seen)


def tell_failure(context: Context) -> None:
    """The DAG's failure callback: tell what `notify` could not tell.

    Runs in the DAG processor, once. Where the ledger is away it tells what Airflow knows.
    """
    from profile_exchange.config import registry
    from profile_exchange.notices.outcome import SeenRun
    from profile_exchange.orchestration.telling import tell

    connection = registry.connection(context["dag"].dag_id)
    if connection.notifications is None:
        return
    # Where no task is to blame, Airflow tells the run's id and nothing else.
    seen = (_seen(context) if "ti" in context else None) or SeenRun(context["run_id"], None)
    outcome, url = _read_if_possible(connection, replace(seen, failed=True))
    tell(outcome, connection.notifications, url, last_chance=True)


def _read_if_possible(connection: Connection, seen: SeenRun) -> tuple[Outcome, str | None]:
    """How a failed run came out, and where that is on record; without the ledger, what is wrong
    with it, and None."""
    from profile_exchange.domain.errors import ExchangeError
    from profile_exchange.notices.outcome import read_outcome, unread_outcome
    from profile_exchange.orchestration.resolving import store_url_of

    now = datetime.now(UTC)
    try:
        url = store_url_of(connection)
        return read_outcome(url, connection, seen, now), url
    except ExchangeError as error:
        return unread_outcome(connection, seen, now, failures=(str(error),)), None


async def tell_overdue(context: dict[str, Any]) -> None:
    """The deadline's callback: tell that a run is not over, unless it is by now.

    Runs in the triggerer, beside its loop. Airflow keeps the deadline of a run that failed before.
    """
    await asyncio.to_thread(_tell_overdue, context)


def _tell_overdue(context: dict[str, Any]) -> None:
    from profile_exchange.config import registry
    from profile_exchange.domain.errors import ExchangeError
    from profile_exchange.notices.outcome import SeenRun, overdue_outcome
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.orchestration.telling import tell

    dag_run = context["dag_run"]
    connection = registry.connection(dag_run["dag_id"])
    notifications = connection.notifications
    if notifications is None or dag_run["state"] in ENDED:
        return
    began = dag_run["start_date"]
    seen = SeenRun(dag_run["dag_run_id"], datetime.fromisoformat(began) if began else None)
    outcome = overdue_outcome(connection, seen, datetime.now(UTC))
    try:
        url = store_url_of(connection)
    except ExchangeError as error:
        log.warning("%s", error)
        url = None
    tell(outcome, notifications, url, last_chance=True)


def _tell(connection: Connection, seen: SeenRun) -> int:
    from profile_exchange.notices.outcome import read_outcome
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.orchestration.telling import tell

    notifications = connection.notifications
    if notifications is None or not notifications.wanted(failed=seen.failed):
        return 0
    url = store_url_of(connection)
    outcome = read_outcome(url, connection, seen, datetime.now(UTC))
    return tell(outcome, notifications, url)


def _seen(context: Any) -> SeenRun | None:
    """The current run by the states of its other tasks; None if all of them were left out."""
    from profile_exchange.notices.outcome import SeenRun

    dag_run, ti = context["dag_run"], context["ti"]
    found = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])
    states = {
        name: state for name, state in found.get(dag_run.run_id, {}).items() if name != NOTIFY
    }
    if set(states.values()) <= {"skipped"}:
        return None
    return SeenRun(
        run_id=dag_run.run_id,
        started_at=dag_run.start_date,
        failed=bool({"failed", "upstream_failed"} & set(states.values())),
        failed_tasks=tuple(dict.fromkeys(_failed(states, context["dag"].task_ids))),
    )


def _failed(states: Mapping[str, str | None], task_ids: list[str]) -> Iterator[str]:
    """The tasks that failed; a part of a mapped one is listed with its number behind the name."""
    for name, state in states.items():
        if state == "failed":
            task_id, _, part = name.rpartition("_")
            mapped = part.isdigit() and task_id in task_ids and name not in task_ids
            yield task_id if mapped else name
