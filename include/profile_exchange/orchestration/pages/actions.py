"""What a person can have done with a connection. Each is a form, and leads back to its page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse

from profile_exchange.orchestration.import_dag import PREVIEW
from profile_exchange.orchestration.pages.access import RUNNING, SWITCHING
from profile_exchange.orchestration.pages.acting import AsCaller
from profile_exchange.orchestration.pages.rendering import addresses

SEE_OTHER = 303

router = APIRouter(prefix="/connections/{dag_id}")


@router.post("/run", dependencies=[RUNNING])
async def run(request: Request, dag_id: str, airflow: AsCaller) -> RedirectResponse:
    """Run the connection now."""
    await airflow.run(dag_id, {})
    return back(request, dag_id, "run")


@router.post("/preview", dependencies=[RUNNING])
async def preview(request: Request, dag_id: str, airflow: AsCaller) -> RedirectResponse:
    """Say what a run would do, and write nothing."""
    await airflow.run(dag_id, {PREVIEW: True})
    return back(request, dag_id, "preview")


@router.post("/switch", dependencies=[SWITCHING])
async def switch(
    request: Request, dag_id: str, airflow: AsCaller, on: Annotated[bool, Form()]
) -> RedirectResponse:
    """Switch the connection on or off."""
    await airflow.switch(dag_id, on=on)
    return back(request, dag_id, "on" if on else "off")


def back(request: Request, connection_id: str, done: str) -> RedirectResponse:
    """To the connection's page, which says what was done."""
    page = addresses(request)["address"]("connections", connection_id)
    return RedirectResponse(f"{page}?done={done}", SEE_OTHER)
