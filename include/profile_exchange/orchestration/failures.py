"""What Airflow is told when a step fails: fatal errors now and for good, others to be retried."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from profile_exchange.domain.errors import ExchangeError, FatalError
from profile_exchange.domain.fates import CHECKS

#: Airflow tells that a task has failed, and the task itself had no time to.
SILENT = (
    "Airflow ended this task, and nothing of it said why: it was killed, somebody marked it, or "
    "the machine that it ran on was lost. Its log may say more."
)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def told(step: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a fatal error fail the task at once; whatever else is wrong, Airflow retries."""

    @functools.wraps(step)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return step(*args, **kwargs)
        except FatalError as error:
            raise AirflowFailException(str(error)) from None

    return run


def _sentence(error: object) -> str:
    if error is None:
        return SILENT
    known = isinstance(error, ExchangeError | AirflowFailException)
    return str(error) if known else f"{type(error).__name__}; see the task's log."


def note_failure(context: Context) -> None:
    """A task's failure callback: the record of its goal says that the run failed, and why."""
    # Only a task that failed needs the database; a DAG file that names this does not.
    from profile_exchange.config import registry
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.pipeline.runs import record_failure
    from profile_exchange.tenants.postgres.exposure_checks import note_failed_check

    dag_run: Any = context["dag_run"]
    failure = f"{context['ti'].task_id}: {_sentence(context.get('exception'))}"
    connection = registry.connection(dag_run.dag_id)
    run = (store_url_of(connection), connection.id, dag_run.run_id, failure)
    if context["ti"].task_id in CHECKS:  # they note what they know themselves
        note_failed_check(*run, now=datetime.now(UTC), unless_noted=True)
    else:
        record_failure(*run, now=datetime.now(UTC), started_at=dag_run.start_date)
