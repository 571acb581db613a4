"""A listener of Airflow's: a finished run's note says what became of the profiles.

It runs in the scheduler, inside the transaction that finishes the DAG run, and reads the sentence
that a task has left: the report, or the task that ended the run before it, as the gate does with
a preview. Tasks themselves cannot write a run's note.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: A task of each DAG of ours: of an import, and of an exposure.
REPORTS = ("report", "check_grant")
#: So many characters Airflow keeps; more would fail what the scheduler is doing.
LONGEST = 1000
#: Under this key a task leaves the sentence for its run's note.
SENTENCE = "sentence"


def tell_note(context: Context, sentence: str) -> None:
    """Leave the sentence that becomes the note when the run has succeeded."""
    context["ti"].xcom_push(key=SENTENCE, value=sentence)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Put the sentence of the run's report into its note, and of its check if it has both."""
    if sentence := " ".join(_sentences(dag_run)):
        dag_run.note = _with(sentence, dag_run.dag_run_note)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ARG001 - Airflow's signature
    """Note of a run that failed what failed, and what was done in it all the same, if anything."""
    # One that a person marks may still be open for its teardown.
    if dag_run.state == "failed" and (sentences := _sentences(dag_run)):
        told = " ".join([*_failed_tasks(dag_run), *sentences])
        dag_run.note = _with(told, dag_run.dag_run_note)


def _failed_tasks(dag_run: Any) -> list[str]:
    failed = {each.task_id for each in dag_run.task_instances if each.state == "failed"}
    return [f"{', '.join(sorted(failed))} failed."] if failed else []


def _with(sentence: str, note: Any) -> str:
    """The sentence, behind what a person has noted; one without an author is ours, of before."""
    written = note.content if note and note.user_id else ""
    if sentence in (written or ""):
        return str(written)
    return f"{written}\n\n{sentence}".strip()[:LONGEST]


def _sentences(dag_run: Any) -> list[str]:
    """What the tasks of a run have left, in the order of `REPORTS`, and of others before."""
    from airflow.models.xcom import XComModel
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None or not _is_ours(dag_run):
        return []
    query = XComModel.get_many(run_id=dag_run.run_id, dag_ids=dag_run.dag_id, key=SENTENCE)
    columns = (XComModel.task_id, XComModel.value)
    found = {row[0]: row[1] for row in session.execute(query.with_only_columns(*columns))}
    ordered = sorted(found, key=lambda task: REPORTS.index(task) if task in REPORTS else -1)
    return [XComModel.deserialize_value(_Stored(found[task])) for task in ordered]


class _Stored:
    """What `XComModel.deserialize_value` needs of a row."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _is_ours(dag_run: Any) -> bool:
    return any(instance.task_id in REPORTS for instance in dag_run.task_instances)
