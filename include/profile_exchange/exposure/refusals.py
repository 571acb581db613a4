"""Every answer that is not 200, as JSON: ``{"error": code, "error_description": sentence}``.

To a PUT: ``{"code": status, "message": sentence, "errors": [{"field": .., "message": ..}]}``.

A sentence never repeats what was asked: it may be a value, a secret, or the name of something
that the partner may not know of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from starlette.responses import JSONResponse

from profile_exchange.domain.errors import ExchangeError

#: The code of a good token that is not for what it is used for.
INSUFFICIENT_SCOPE = "insufficient_scope"
BUSY_SECONDS = 5
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Refusal(ExchangeError):
    """A request is answered with this status, code, sentence and headers."""

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        headers: Mapping[str, str] | None = None,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.headers = headers or {}
        #: Places in the body, and what is wrong with each.
        self.fields = fields

    def response(self, *, to_a_write: bool = False) -> JSONResponse:
        """The answer on the wire; the published API has another form for what writes."""
        content: dict[str, Any] = {"error": self.code, "error_description": str(self)}
        if to_a_write:
            errors = [{"field": field, "message": message} for field, message in self.fields]
            content = {"code": self.status, "message": str(self), "errors": errors}
        return JSONResponse(content, self.status, {**NO_STORE, **self.headers})


def invalid_request(sentence: str) -> Refusal:
    """400: the request itself is wrong."""
    return Refusal(400, "invalid_request", sentence)


def invalid_client(*, basic: bool = False) -> Refusal:
    """401 at the token endpoint, whatever it was about key and secret that is wrong."""
    headers = {"WWW-Authenticate": 'Basic realm="rest/v2"'} if basic else {}
    return Refusal(401, "invalid_client", "Client authentication failed.", headers)


def invalid_token() -> Refusal:
    """401 anywhere else: no token, or one that is unknown, expired, revoked or not for here."""
    return Refusal(
        401,
        "invalid_token",
        "A valid access token is needed: get one at /rest/v2/oauth/token.",
        {"WWW-Authenticate": 'Bearer realm="rest/v2", error="invalid_token"'},
    )


def insufficient_scope(status: int = 401) -> Refusal:
    """A good token that is not for this: 403 where the published API has that, else 401."""
    return Refusal(
        status,
        INSUFFICIENT_SCOPE,
        "These credentials are not for this: ask the tenant's people for what you need.",
        {"WWW-Authenticate": 'Bearer realm="rest/v2", error="insufficient_scope"'},
    )


def not_found(sentence: str = "There is nothing here.") -> Refusal:
    """404: it does not exist, or is not exposed; which of the two is not told."""
    return Refusal(404, "not_found", sentence)


def misdirected() -> Refusal:
    """421: no tenant of this host name is hosted here."""
    return Refusal(
        421, "misdirected_request", "No tenant of this host name is here: check the host name."
    )


def too_many(sentence: str, seconds: float) -> Refusal:
    """429: trying again after so many seconds can help."""
    return Refusal(429, "too_many_requests", sentence, {"Retry-After": str(ceil(seconds))})


def unavailable() -> Refusal:
    """503: trying again later can help."""
    sentence = "The tenant is busy or out of order: try again later."
    return Refusal(503, "unavailable", sentence, {"Retry-After": str(BUSY_SECONDS)})


def server_error() -> Refusal:
    """500: a defect, or a configuration that contradicts itself; the log knows more."""
    return Refusal(500, "server_error", "Something is wrong on this side; it has been logged.")
