"""One connection."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.configuration import conf
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from profile_exchange.config.schedules import next_slots
from profile_exchange.domain.connection import Connection
from profile_exchange.orchestration.pages import airflow_runs, goals, past_runs
from profile_exchange.orchestration.pages.access import VIEWING, Caller, rights
from profile_exchange.orchestration.pages.checks_now import Said
from profile_exchange.orchestration.pages.configured import configuration, store_url
from profile_exchange.orchestration.pages.glances import Arrow, Authentication, authentication
from profile_exchange.orchestration.pages.partner_access import partner_access
from profile_exchange.orchestration.pages.remains import (
    ENTRIES,
    RUNS,
    Asked,
    remains_of,
)
from profile_exchange.orchestration.pages.rendering import page
from profile_exchange.orchestration.pages.unconfigured import without_file
from profile_exchange.tenants.postgres.consents import count_consents

SLOTS, NOT_FOUND = 5, 404
DONE = {
    "run": "A run was asked for. It starts as soon as no other run of this connection is going.",
    "preview": "A preview was asked for. It counts what a run would do, and writes nothing.",
    "on": "Runs are switched on.",
    "off": "Runs are switched off: none starts until they are switched on. What the partner may "
    "read or write does not depend on it.",
    "replay": "The next run takes these profiles again.",
    "approve": "The run goes on.",
    "refuse": "The run ends, and writes nothing.",
    "saved": "The file is written.",
}
#: What something comes of before long, which the page follows.
FOLLOWED = frozenset({"run", "preview", "on", "approve", "refuse"})
UNKNOWN = Authentication(Arrow.GREY, "Not known: the store does not say")

router = APIRouter(prefix="/connections/{dag_id}")


def asked_for(
    before: datetime | None = None,
    profile: UUID | None = None,
    after: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    done: str = "",
) -> Asked:
    """What of a connection's past somebody asked to see."""
    if before is not None and before.tzinfo is None:
        before = before.replace(tzinfo=UTC)
    return Asked(before, profile, after, done)


@router.get("", dependencies=[VIEWING])
def connection(
    request: Request,
    dag_id: str,
    user: Caller,
    session: SessionDep,
    asked: Annotated[Asked, Depends(asked_for)],
) -> HTMLResponse:
    """One connection, and what the caller may do with it."""
    found = configuration().connections.get(dag_id)
    if found is None:
        return without_file(request, dag_id, user, session, asked)
    return shown(request, found, user, session, asked)


def shown(
    request: Request,
    found: Connection,
    user: BaseUser,
    session: Session,
    asked: Asked,
    *,
    said: Sequence[Said] = (),
) -> HTMLResponse:
    """The page of a connection; ``said`` is what came of a check just now."""
    read, now = configuration(), datetime.now(UTC)
    known = airflow_runs.known_dags(session, [found.id]).get(found.id)
    dag = known if known and not known.stale else None
    remains = remains_of(found, asked, now)
    runs = past_runs.newest(session, found.id, remains, asked.before, RUNS + 1)
    tenant, glance = read.tenants.get(found.tenant), remains.glance
    return page(
        request,
        "connection.html",
        connection=found,
        tenant=tenant.name if tenant else found.tenant,
        host=tenant.host if tenant else "",
        counted=tenant is not None and not tenant.is_remote,
        rights=rights(user, found.id),
        done=DONE.get(asked.done, ""),
        follows=asked.done in FOLLOWED,
        said=said,
        dag=dag,
        access=partner_access(found, glance.keys if glance else None),
        authentication=authentication(found, glance) if glance else UNKNOWN,
        missing=glance.missing if glance else (),
        remains=remains,
        entries=remains.entries[:ENTRIES],
        more_entries=len(remains.entries) > ENTRIES,
        asked=asked,
        importing=goals.shown_import(
            found, remains.check.found if remains.check else None, remains.targets
        ),
        exposing=goals.shown_exposure(found, read, remains.exposed),
        runs=_in_view(runs),
        more_runs=len(runs) > RUNS,
        going=any(run.going for run in runs),
        state=_fingerprint(runs),
        unread=dag is None and found.enabled,
        unknown=known is None,
        looks_every=conf.getint("dag_processor", "min_file_process_interval"),
        slots=next_slots(found.schedule, now, SLOTS) if found.schedule and found.enabled else [],
        zone=found.schedule.timezone if found.schedule else "",
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


def _in_view(runs: Sequence[past_runs.ShownRun]) -> list[past_runs.ShownRun]:
    """The runs that are shown: the newest, after one at work behind which so many others wait."""
    ahead = [run for run in runs[RUNS:] if run.airflow and run.airflow.state == "running"]
    return [*ahead, *runs[:RUNS]]


def _fingerprint(runs: Sequence[past_runs.ShownRun]) -> str:
    """Changes when something happens in a run: a page that follows looks often just then."""
    told = [(each.run_id, each.state, [step.state for step in each.steps]) for each in runs]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
