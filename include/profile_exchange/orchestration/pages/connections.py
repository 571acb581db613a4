"""All connections."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from profile_exchange.config import registry
from profile_exchange.orchestration.pages.access import Caller, may_edit, visible
from profile_exchange.orchestration.pages.rendering import page

router = APIRouter()


@router.get("/")
def connections(request: Request, user: Caller) -> HTMLResponse:
    """Every connection that the caller may see."""
    configuration = registry.read_all()
    shown = visible(user, configuration.connections)
    rows = [each for key, each in configuration.connections.items() if key in shown]
    return page(request, "connections.html", rows=rows, may_edit=may_edit(user))
