"""A listener of Airflow's: a run that a person marks as failed ends as failed.

It runs in the API server, inside the transaction of that person's request. Airflow ends what is
at work, skips the rest, and leaves the run itself open for a teardown, as `notify` is; then the
last step decides how the run ended, and one that was skipped counts as a success.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

#: What the API server may tell of a run that Airflow has ended, too.
_OVER = frozenset({"success", "failed"})


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Let the steps that decide fail with the run that somebody marked, if it is still open."""
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None or dag_run.state in _OVER:
        return
    for instance in _deciding(dag_run, session):
        if instance.state == "skipped":
            instance.set_state("upstream_failed", session=session)


def _deciding(dag_run: Any, session: Any) -> Iterator[TaskInstance]:
    """The instances of the tasks behind which only teardowns are left."""
    tasks = {task.task_id: task for task in dag_run.get_dag().tasks}
    teardowns = {name for name, task in tasks.items() if task.is_teardown}
    for instance in dag_run.get_task_instances(session=session):
        task = tasks.get(instance.task_id)
        if task and not task.is_teardown and task.downstream_task_ids <= teardowns:
            yield instance
