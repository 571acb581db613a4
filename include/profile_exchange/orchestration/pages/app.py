"""The app of the pages. Each of its routes needs Airflow's login, whatever else it needs."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI

from profile_exchange import __version__
from profile_exchange.orchestration.pages import (
    actions,
    connection,
    connections,
    editing,
    refusals,
    static_files,
)
from profile_exchange.orchestration.pages.headers import SecurityHeaders
from profile_exchange.orchestration.pages.names import check_names
from profile_exchange.orchestration.pages.origin import check_origin


def create_app() -> FastAPI:
    """The pages, to be mounted into Airflow's API server."""
    app = FastAPI(
        title="Profile Exchange",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(get_user), Depends(check_origin), Depends(check_names)],
    )
    app.add_middleware(SecurityHeaders)
    for part in (static_files, connections, editing, connection, actions):
        app.include_router(part.router)
    refusals.answer_errors(app)
    return app
