"""One connection."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.configuration import conf
from fastapi import APIRouter, HTTPException, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from profile_exchange.config.schedules import next_slots
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.fates import MEANINGS
from profile_exchange.orchestration.pages import airflow_runs, goals, past_runs
from profile_exchange.orchestration.pages.access import VIEWING, Caller, rights
from profile_exchange.orchestration.pages.configured import (
    STATEMENT_SECONDS,
    configuration,
    store_url,
)
from profile_exchange.orchestration.pages.glances import authentication
from profile_exchange.orchestration.pages.remains import RUNS, Remains, remains_of
from profile_exchange.orchestration.pages.rendering import page
from profile_exchange.store.database import bounded
from profile_exchange.tenants.postgres.consents import count_consents
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks
from profile_exchange.tenants.postgres.remembered import remembered
from profile_exchange.tenants.postgres.run_history import history

SLOTS, NOT_FOUND = 5, 404
DONE = {
    "run": "A run was asked for. It starts as soon as no other run of this connection is going.",
    "preview": "A preview was asked for. It counts what a run would do, and writes nothing.",
    "on": "The connection is switched on.",
    "off": "The connection is switched off: it runs no more until it is switched on.",
    "check": "The other tenant was asked.",
    "replay": "The next run takes these profiles again.",
    "approve": "The run goes on.",
    "refuse": "The run ends, and writes nothing.",
    "saved": "The file is written.",
}

router = APIRouter(prefix="/connections/{dag_id}")


@router.get("", dependencies=[VIEWING])
def connection(
    request: Request, dag_id: str, user: Caller, session: SessionDep, done: str = ""
) -> HTMLResponse:
    """One connection, and what the caller may do with it."""
    read, now = configuration(), datetime.now(UTC)
    found = read.connections.get(dag_id)
    if found is None:
        return _without_file(request, dag_id, session)
    dag = airflow_runs.known_dags(session, [dag_id]).get(dag_id)
    remains = remains_of(found)
    runs = _runs(session, dag_id, remains)
    tenant = read.tenants.get(found.tenant)
    return page(
        request,
        "connection.html",
        connection=found,
        tenant=tenant.name if tenant else found.tenant,
        counted=tenant is not None and not tenant.is_remote,
        rights=rights(user, dag_id),
        done=DONE.get(done, ""),
        dag=dag,
        authentication=authentication(found, remains.glance),
        remains=remains,
        importing=goals.shown_import(
            found, remains.check.found if remains.check else None, remains.targets
        ),
        exposing=goals.shown_exposure(found, read, remains.exposed),
        runs=runs,
        going=any(run.going for run in runs),
        unread=dag is None and found.enabled,
        looks_every=conf.getint("dag_processor", "min_file_process_interval"),
        slots=next_slots(found.schedule, now, SLOTS) if found.schedule and found.enabled else [],
        meanings=MEANINGS,
        now=now,
    )


@router.get("/consent", dependencies=[VIEWING])
def consent(request: Request, dag_id: str) -> HTMLResponse:
    """How many of our profiles consented to the connection's objectives: counted anew."""
    found = configuration().connections.get(dag_id)
    url = store_url(found.tenant) if found else None
    if found is None or url is None:
        raise HTTPException(NOT_FOUND, "There is no connection of this name.")
    now = datetime.now(UTC)
    counts = count_consents(url, found.objectives, now)
    return page(request, "consent.html", connection=found, counts=counts, now=now)


def _without_file(request: Request, dag_id: str, session: Session) -> HTMLResponse:
    """A connection whose file is gone or broken keeps its history."""
    try:
        gone = remembered(dag_id)
    except ConfigurationError:
        raise HTTPException(NOT_FOUND, "There is no connection of this name.") from None
    url = bounded(gone.url, STATEMENT_SECONDS)
    past = history(url, dag_id, RUNS) if gone.imports else ()
    checks = () if gone.imports else exposure_checks(url, dag_id, RUNS)
    runs = _runs(session, dag_id, Remains(runs=past, checks=checks))
    return page(request, "remembered.html", gone=gone, runs=runs, meanings=MEANINGS)


def _runs(session: Session, dag_id: str, remains: Remains) -> list[past_runs.ShownRun]:
    known = airflow_runs.newest_runs(session, dag_id, RUNS)
    steps = airflow_runs.step_timings(session, dag_id, [run.run_id for run in known])
    return past_runs.merged(known, remains.runs, remains.checks, steps)[:RUNS]
