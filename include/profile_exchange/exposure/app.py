"""The FastAPI app: ``uvicorn --factory profile_exchange.exposure.app:create_app``.

It keeps no state that matters between requests, so any number of workers serve side by side.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import psycopg
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match

from profile_exchange import __version__
from profile_exchange.config.settings import Settings
from profile_exchange.config.settings import settings as installed_settings
from profile_exchange.domain.errors import ExchangeError, StoreKeepsOut, StoreUnavailable
from profile_exchange.exposure import (
    connections,
    listings,
    oauth,
    profile_routes,
    profiles,
    properties,
    writes,
)
from profile_exchange.exposure.access_log import AccessLog
from profile_exchange.exposure.bearing import Bearing
from profile_exchange.exposure.description import describe_itself
from profile_exchange.exposure.origins import Resolve, addresses_of
from profile_exchange.exposure.refusals import (
    Refusal,
    invalid_request,
    not_found,
    server_error,
    unavailable,
)
from profile_exchange.exposure.service import Clock, Service, utc_now

log = logging.getLogger(__name__)

PREFIX = "/rest/v2"
METHOD_NOT_ALLOWED = 405


def create_app(
    settings: Settings | None = None, clock: Clock = utc_now, resolve: Resolve = addresses_of
) -> FastAPI:
    """The exposure API of an installation, for every tenant that it hosts.

    ``settings`` are this process's own unless given; ``clock`` tells the time of day, and
    ``resolve`` the addresses of partners' host names.
    """
    service = Service.of(settings or installed_settings(), clock, resolve)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await service.stores.close()

    app = FastAPI(
        title="Profile Exchange",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        # It would lead to whatever host the request names, before anybody looks at that.
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(Bearing)
    app.add_middleware(AccessLog)
    app.router.routes.extend(_routes().routes)
    _answer_errors(app)
    describe_itself(app)
    return app


@cache
def _routes() -> APIRouter:
    """The routes of every app of this process: what each takes and answers is found out once."""
    routes = APIRouter()
    routes.add_api_route("/healthz", healthy, include_in_schema=False)
    for module in (oauth, listings, properties, profiles, profile_routes, writes, connections):
        routes.include_router(module.router, prefix=PREFIX)
    return routes


async def healthy() -> dict[str, str]:
    """Whether this worker answers at all; it says nothing of any tenant."""
    return {"status": "ok"}


def _answer_errors(app: FastAPI) -> None:
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(psycopg.OperationalError)(_store_away)
    app.exception_handler(PoolTimeout)(_store_away)
    app.exception_handler(StoreUnavailable)(_store_away)
    app.exception_handler(StoreKeepsOut)(_kept_out)
    app.exception_handler(ExchangeError)(_contradiction)


def _answer(request: Request, refusal: Refusal) -> JSONResponse:
    return refusal.response(to_a_write=request.method == "PUT")


async def _refused(request: Request, error: Refusal) -> JSONResponse:
    return _answer(request, error)


async def _malformed(request: Request, error: RequestValidationError) -> JSONResponse:
    """400 that names the parameters of ours that cannot be read, and repeats no value."""
    names = sorted({str(wrong["loc"][1]) for wrong in error.errors() if len(wrong["loc"]) > 1})
    sentence = f"These parameters cannot be read: {', '.join(names)}."
    return _answer(request, invalid_request(sentence))


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    """What the framework itself refuses: no such route, or another method of one."""
    if error.status_code == not_found().status:
        return _answer(request, not_found())
    headers = dict(error.headers or {})
    if error.status_code == METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return _answer(request, Refusal(error.status_code, "invalid_request", error.detail, headers))


def _methods(request: Request) -> list[str]:
    """All methods of an address: the framework tells those of the first route alone."""
    here = (route for route in request.app.routes if route.matches(request.scope)[0] != Match.NONE)
    return sorted({method for route in here for method in getattr(route, "methods", None) or ()})


async def _store_away(request: Request, error: Exception) -> JSONResponse:
    """A database that is away, busy or shutting down; its message may quote a row."""
    log.error("A profile store does not answer (%s).", type(error).__name__)
    return _answer(request, unavailable())


async def _kept_out(request: Request, error: StoreKeepsOut) -> JSONResponse:
    """A wrong secret of ours: to a partner the same as a database that is away."""
    log.error("%s", error)
    return _answer(request, unavailable())


async def _contradiction(request: Request, error: ExchangeError) -> JSONResponse:
    """One of our own errors: its sentence carries no value, and is for the operators."""
    log.error("%s", error)
    return _answer(request, server_error())
