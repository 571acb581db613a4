"""A listener of Airflow's: a finished run's note says what became of the profiles.

It runs in the scheduler, inside the transaction that finishes the DAG run, and reads what the
report task returned. Tasks themselves cannot write a run's note.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)

#: The tasks whose results have a sentence for the note: of an import, and of an exposure.
REPORTS = ("report", "check_grant")


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Put the sentence of the run's report into its note."""
    if sentence := _sentence(dag_run):
        dag_run.note = sentence


def _sentence(dag_run: Any) -> str | None:
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None or not _is_ours(dag_run):
        return None
    told = (_returned(session, dag_run, task_id) for task_id in REPORTS)
    return next((value["sentence"] for value in told if "sentence" in value), None)


def _returned(session: Any, dag_run: Any, task_id: str) -> dict[str, Any]:
    from airflow.models.xcom import XComModel

    query = XComModel.get_many(
        run_id=dag_run.run_id, dag_ids=dag_run.dag_id, task_ids=task_id, key="return_value"
    )
    found = session.scalars(query.with_only_columns(XComModel.value)).first()
    value = XComModel.deserialize_value(_Stored(found)) if found is not None else None
    return value if isinstance(value, dict) else {}


class _Stored:
    """What `XComModel.deserialize_value` needs of a row."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _is_ours(dag_run: Any) -> bool:
    return any(instance.task_id in REPORTS for instance in dag_run.task_instances)
