"""An answer at the gate: whether it is still asked for, and its entry into our own ledger too.

Airflow takes an answer whatever has become of the task that asked; so it is asked first whether
one is waited for. And it may lose an answer that comes within a second of its question: it takes
the task for lost while it is put aside, and runs it again. The task asks nobody about what the
ledger knows.
"""

from __future__ import annotations

import logging
from datetime import datetime

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from fastapi import HTTPException
from sqlalchemy import select

from profile_exchange.domain.errors import TransientError
from profile_exchange.domain.fates import APPROVE
from profile_exchange.orchestration.pages.configured import configuration, store_url
from profile_exchange.orchestration.pages.past_runs import AWAITING
from profile_exchange.pipeline import approval
from profile_exchange.pipeline.runs import EXPIRED, REFUSED, find_run
from profile_exchange.tenants.postgres.run_history import past_run

log = logging.getLogger(__name__)

CONFLICT = 409
ENDED = "The run does not wait for an answer, or not any more: nothing was decided."
OTHER_FIGURES = (
    "This answer is not taken: its figures have changed since the page showed them. Look at the "
    "connection's page again, and answer what stands there now."
)


def check_asked(connection_id: str, run_id: str, figures: str) -> None:
    """Refuse an answer that nobody waits for, or that is about other figures than the run's.

    ``figures`` is the digest of those that the caller saw.
    """
    if not _waits(connection_id, run_id):
        raise HTTPException(CONFLICT, ENDED)
    found = configuration().connections.get(connection_id)
    url = store_url(found.tenant) if found else None
    past = past_run(url, connection_id, run_id) if url else None
    if past and past.state in {REFUSED, EXPIRED}:
        raise HTTPException(CONFLICT, past.failure)
    if past and past.decided_by:
        raise HTTPException(CONFLICT, f"{past.decided_by} has approved the run already.")
    if not (past and past.forecast and past.forecast.digest == figures):
        raise HTTPException(CONFLICT, OTHER_FIGURES)


def _waits(connection_id: str, run_id: str) -> bool:
    """Whether Airflow would go on with the run after an answer."""
    task = TaskInstance
    query = (
        select(task.run_id)
        .join(DagRun, (DagRun.dag_id == task.dag_id) & (DagRun.run_id == task.run_id))
        .where(task.dag_id == connection_id, task.run_id == run_id, task.task_id == APPROVE)
        .where(task.state.in_(AWAITING), DagRun._state == "running")
    )
    # A session of its own, that is given back before Airflow needs one to take the answer.
    with create_session() as session:
        return session.execute(query).first() is not None


def note_answer(connection_id: str, run_id: str, by: str, now: datetime, *, approve: bool) -> None:
    """Enter an answer that Airflow has taken; where the store is away, the task enters it.

    Raises `FatalError` where the run can go on no more, as the task will find as well.
    """
    found = configuration().connections.get(connection_id)
    url = store_url(found.tenant) if found else None
    if found is None or url is None:
        return
    try:
        run = find_run(url, found, run_id)
        decide = approval.approve if approve else approval.refuse
        decide(run, by, now)
    except TransientError as error:
        log.info("%s", error)
