"""One connection."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from profile_exchange.config import registry
from profile_exchange.orchestration.pages.access import VIEWING, Caller, rights
from profile_exchange.orchestration.pages.rendering import page

router = APIRouter(prefix="/connections/{dag_id}")


@router.get("", dependencies=[VIEWING])
def connection(request: Request, dag_id: str, user: Caller, done: str = "") -> HTMLResponse:
    """One connection, and what the caller may do with it."""
    found = registry.connection(dag_id)
    allowed = rights(user, dag_id)
    return page(request, "connection.html", connection=found, rights=allowed, done=done)
