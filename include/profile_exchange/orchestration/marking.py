"""A listener of Airflow's: a run that a person marks as failed ends as failed, on record too.

It runs in the API server, inside the transaction of that person's request. Airflow ends what is
at work, skips the rest, and leaves the run itself open for a teardown, as `notify` is; then the
last step decides how the run ended, and one that was skipped counts as a success.

A run without a teardown has ended with the request, and nobody else is told so: no callback
follows. What the scheduler ends it tells here as well; that is left to `closing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from profile_exchange.domain.fates import Step

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

_OVER = frozenset({"success", "failed"})
#: How Airflow says that a person has done it, and so that this is the API server.
BY_HAND = "manually set"


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Let the steps that decide fail with the run that somebody marked, if it is still open."""
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if dag_run.state in _OVER:
        _close(dag_run, msg)
    elif session is not None:
        for instance in _deciding(dag_run, session):
            if instance.state == "skipped":
                instance.set_state("upstream_failed", session=session)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Close a run that somebody marked on record, if that was its end."""
    if dag_run.state in _OVER:
        _close(dag_run, msg)


def _close(dag_run: Any, msg: str) -> None:
    if BY_HAND not in msg or not _is_ours(dag_run):
        return
    from profile_exchange.orchestration.closing import close

    failed = dag_run.state == "failed"
    close(dag_run.dag_id, dag_run.run_id, failed=failed, ended_at=dag_run.end_date)


def _is_ours(dag_run: Any) -> bool:
    """Whether it is the run of an import: other DAGs may share the installation."""
    return {Step.AUTHENTICATE, Step.REPORT} <= {task.task_id for task in dag_run.get_dag().tasks}


def _deciding(dag_run: Any, session: Any) -> Iterator[TaskInstance]:
    """The instances of the tasks behind which only teardowns are left."""
    tasks = {task.task_id: task for task in dag_run.get_dag().tasks}
    teardowns = {name for name, task in tasks.items() if task.is_teardown}
    for instance in dag_run.get_task_instances(session=session):
        task = tasks.get(instance.task_id)
        if task and not task.is_teardown and task.downstream_task_ids <= teardowns:
            yield instance
