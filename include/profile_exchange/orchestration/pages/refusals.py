"""What a browser sees when it does not get what it asked for."""

from __future__ import annotations

import logging

from airflow.api_fastapi.app import get_auth_manager
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from profile_exchange.domain.errors import ExchangeError, TransientError
from profile_exchange.orchestration.pages.headers import HEADERS
from profile_exchange.orchestration.pages.origin import SAFE_METHODS
from profile_exchange.orchestration.pages.rendering import page

log = logging.getLogger(__name__)

SEE_OTHER, BAD_REQUEST, UNAUTHORIZED, ERROR, UNAVAILABLE = 303, 400, 401, 500, 503
TITLES = {
    BAD_REQUEST: "That cannot be done",
    UNAUTHORIZED: "You are not logged in",
    403: "You may not do that",
    404: "There is no such page",
    409: "That cannot be done any more",
    ERROR: "Something is wrong",
    UNAVAILABLE: "Something does not answer",
}
DEFECT = "This is a defect of the page: what went wrong is in the log of Airflow's API server."


def answer_errors(app: FastAPI) -> None:
    """Have every error answered with a page that says what to do."""
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(ExchangeError)(_told)
    app.exception_handler(Exception)(_unexpected)


def refusal(request: Request, status: int, told: str) -> Response:
    """A page that says what went wrong."""
    title = TITLES.get(status, TITLES[BAD_REQUEST if status < ERROR else ERROR])
    return page(request, "refused.html", status=status, title=title, told=told)


async def _refused(request: Request, error: HTTPException) -> Response:
    """Whoever wants to see a page without a login is asked to log in, and comes back."""
    if error.status_code == UNAUTHORIZED and request.method in SAFE_METHODS:
        login = get_auth_manager().get_url_login(next_url=str(request.url))
        return RedirectResponse(login, SEE_OTHER)
    return refusal(request, error.status_code, str(error.detail))


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    """Names what cannot be read, and repeats no value."""
    names = sorted({str(wrong["loc"][-1]) for wrong in error.errors()})
    return refusal(request, BAD_REQUEST, f"This cannot be read: {', '.join(names)}.")


async def _told(request: Request, error: ExchangeError) -> Response:
    """One of our own errors: its sentence carries no value."""
    log.error("%s", error)
    status = UNAVAILABLE if isinstance(error, TransientError) else ERROR
    return refusal(request, status, str(error))


async def _unexpected(request: Request, _: Exception) -> Response:
    """A defect of ours, which Starlette raises again for the log; its words may carry values."""
    answer = refusal(request, ERROR, DEFECT)
    answer.headers.update(HEADERS)  # it is answered outside of what adds them otherwise
    return answer
