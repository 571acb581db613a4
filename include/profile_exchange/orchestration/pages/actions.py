"""What a person can have done with a connection. Each is a form, and leads back to its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import BoundedSemaphore
from typing import Annotated, Any
from uuid import UUID

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.logging.decorators import action_logging
from airflow.providers.standard.operators.hitl import ApprovalOperator
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from profile_exchange.domain.errors import FatalError
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.quarantine import REASONS
from profile_exchange.orchestration.import_dag import PREVIEW
from profile_exchange.orchestration.pages import connection
from profile_exchange.orchestration.pages.access import (
    ANSWERING,
    RUNNING,
    SWITCHING,
    VIEWING,
    Caller,
)
from profile_exchange.orchestration.pages.acting import Airflow, AsCaller
from profile_exchange.orchestration.pages.answering import CONFLICT, check_asked, note_answer
from profile_exchange.orchestration.pages.checks_now import check_both_sides
from profile_exchange.orchestration.pages.configured import configuration, store_url
from profile_exchange.orchestration.pages.remains import Asked
from profile_exchange.orchestration.pages.rendering import addresses
from profile_exchange.tenants.postgres.quarantined import Wanted, ask_replay

SEE_OTHER, BAD_REQUEST, NOT_FOUND, TOO_MANY = 303, 400, 404, 429
NO_DAG = (
    "Airflow has no DAG of it now: it has not read the connection's file yet, as it will by "
    "itself, or the connection is off in that file."
)
#: Checks that may be under way: each keeps a thread of the API server while a partner answers.
_asking = BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class Broken:
    """What profiles in quarantine are chosen by, as a form says it."""

    reason: Annotated[str, Form()] = ""
    property_id: Annotated[str | None, Form(alias="property")] = None
    rule: Annotated[str | None, Form()] = None

    def wanted(self, profiles: tuple[UUID, ...]) -> Wanted:
        """The same for the store. Refuses a reason that there is not."""
        if self.reason and self.reason not in REASONS:
            raise HTTPException(BAD_REQUEST, "No profile is rejected for that reason.")
        reason = Reason(self.reason) if self.reason else None
        return Wanted(None, reason, profiles, self.property_id, self.rule)


router = APIRouter(prefix="/connections/{dag_id}")


@router.post("/run", dependencies=[RUNNING])
async def run(request: Request, dag_id: str, airflow: AsCaller) -> RedirectResponse:
    """Run the connection now."""
    await _triggered(airflow, dag_id, {})
    return back(request, dag_id, "run")


@router.post("/preview", dependencies=[RUNNING])
async def preview(request: Request, dag_id: str, airflow: AsCaller) -> RedirectResponse:
    """Say what a run would do, and write nothing."""
    await _triggered(airflow, dag_id, {PREVIEW: True})
    return back(request, dag_id, "preview")


async def _triggered(airflow: Airflow, connection_id: str, conf: Mapping[str, Any]) -> None:
    """Have Airflow run a connection; a page may offer what its file does not make any more."""
    try:
        await airflow.run(connection_id, conf)
    except HTTPException as error:
        if error.status_code == NOT_FOUND and connection_id in configuration().connections:
            raise HTTPException(CONFLICT, NO_DAG) from None
        raise


@router.post("/switch", dependencies=[SWITCHING])
async def switch(
    request: Request, dag_id: str, airflow: AsCaller, on: Annotated[bool, Form()]
) -> RedirectResponse:
    """Let Airflow run the connection, or not. What its partner may do is not touched by it."""
    await airflow.switch(dag_id, on=on)
    return back(request, dag_id, "on" if on else "off")


@router.post("/answer", dependencies=[ANSWERING])
async def answer(
    request: Request,
    dag_id: str,
    user: Caller,
    airflow: AsCaller,
    run_id: Annotated[str, Form()],
    *,
    approve: Annotated[bool, Form()],
    figures: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Let a run that waits at the gate write, or not; ``figures`` are those that were shown."""
    await run_in_threadpool(check_asked, dag_id, run_id, figures)
    option = ApprovalOperator.APPROVE if approve else ApprovalOperator.REJECT
    await airflow.answer(dag_id, run_id, option)
    note = partial(note_answer, dag_id, run_id, user.get_name(), datetime.now(UTC))
    try:
        await run_in_threadpool(note, approve=approve)
    except FatalError as error:
        raise HTTPException(CONFLICT, str(error)) from None
    return back(request, dag_id, "approve" if approve else "refuse")


@router.post(
    "/check", dependencies=[VIEWING, RUNNING, Depends(action_logging("profile_exchange_check"))]
)
def check_now(request: Request, dag_id: str, user: Caller, session: SessionDep) -> Response:
    """Ask the other tenant whether it lets us in, and look at what we grant.

    Answers with the connection's page, which says what came of it: some of that is kept nowhere.
    """
    found = configuration().connections.get(dag_id)
    if found is None:
        raise HTTPException(NOT_FOUND, "There is no connection of this name.")
    if not _asking.acquire(blocking=False):
        raise HTTPException(TOO_MANY, "Others are being checked: try again in a moment.")
    try:
        said = check_both_sides(found, datetime.now(UTC))
    finally:
        _asking.release()
    return connection.shown(request, found, user, session, Asked(), said=said)


@router.post("/replay", dependencies=[RUNNING, Depends(action_logging("profile_exchange_replay"))])
def replay(
    request: Request,
    dag_id: str,
    broken: Annotated[Broken, Depends()],
    profile: Annotated[list[UUID] | None, Form()] = None,
    *,
    everything: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """Have the next run take profiles of the quarantine again: some, those of a rule, or all."""
    found = configuration().connections.get(dag_id)
    url = store_url(found.tenant) if found else None
    if url is None:
        raise HTTPException(NOT_FOUND, "There is no connection of this name.")
    wanted = broken.wanted(tuple(profile or ()))
    if everything == (wanted != Wanted()):
        raise HTTPException(BAD_REQUEST, "Tick the profiles that are to be taken again.")
    ask_replay(url, dag_id, wanted, datetime.now(UTC))
    return back(request, dag_id, "replay")


def back(request: Request, connection_id: str, done: str) -> RedirectResponse:
    """To the connection's page, which says what was done."""
    page = addresses(request)["address"]("connections", connection_id)
    return RedirectResponse(f"{page}?done={done}", SEE_OTHER)
