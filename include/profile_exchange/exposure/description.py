"""The API's own description (OpenAPI), complete for who writes a client of it.

FastAPI describes what each route takes and gives; here the rest is added: who may ask, and every
answer that is not 200, which all routes have in common.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from profile_exchange.domain.scopes import Scope

INTRODUCTION = """\
What a tenant exposes to a partner, and what it accepts from it: segments and their profiles,
profile properties and objectives, and profiles that are created or updated. It is the part of
BlueConic's REST API v2 that an exchange of profiles needs. Get a token for your consumer key and
secret at `/rest/v2/oauth/token`. Whatever you may not see is answered as what does not exist.
"""

#: What each status means, wherever it is answered.
MEANINGS = {
    "400": "The request is wrong; the sentence says how, and repeats nothing of it.",
    "401": "There is no good token, or it is not for this.",
    "403": "The token is not for this.",
    "404": "It does not exist, or not for you.",
    "413": "There were more than a thousand entries: the first thousand were processed.",
    "421": "No tenant of this host name is here.",
    "429": "Too many requests at once or a second: wait as long as Retry-After says.",
    "501": "A property that is named is no unique identifier to find profiles by.",
    "503": "The tenant is busy or out of order: wait as long as Retry-After says.",
}
EVERYWHERE = ("400", "401", "421", "429", "503")
#: What some operations answer besides; whatever has a name in its address can be missing.
BESIDES = {
    ("put", "/rest/v2/profiles"): ("403",),
    ("get", "/rest/v2/profiles"): ("501",),
    ("get", "/rest/v2/connections"): ("403",),
    ("get", "/rest/v2/connections/{connection}/runs"): ("403",),
}
_WAIT = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}


class ErrorResponse(BaseModel):
    """What is wrong, as a word for machines and a sentence for people."""

    error: str
    error_description: str


class FieldError(BaseModel):
    """A place in the body, and what is wrong there."""

    field: str
    message: str


class WriteErrorResponse(BaseModel):
    """What is wrong with a request that writes."""

    code: int
    message: str
    errors: list[FieldError]


def describe_itself(app: FastAPI) -> None:
    """Let the app serve this description."""
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]


def _description(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=INTRODUCTION, routes=app.routes
        )
        found["components"]["schemas"] |= _errors()
        found["components"]["securitySchemes"] = {"oauth2": _security()}
        for method, path, operation in _operations(found):
            _complete(method, path, operation)
        for unused in ("HTTPValidationError", "ValidationError"):
            found["components"]["schemas"].pop(unused, None)
        app.openapi_schema = found
    return app.openapi_schema


def _operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    """Say who may ask, and what else can be answered."""
    responses = operation["responses"]
    responses.pop("422", None)
    wanted = [*EVERYWHERE, *BESIDES.get((method, path), ()), *(["404"] if "{" in path else [])]
    for status in sorted(wanted):
        responses.setdefault(status, _answer(status, writes=method == "put"))
    if "/oauth/" not in path:
        operation["security"] = [{"oauth2": _scopes(method, path)}]


def _scopes(method: str, path: str) -> list[str]:
    """What a key has to be for; either will do where there is none."""
    if "/segments" in path:
        return [Scope.READ.value]
    writes = method == "put" or "/connections" in path or path.endswith("/profiles")
    return [Scope.WRITE.value] if writes else []


def _answer(status: str, *, writes: bool) -> dict[str, Any]:
    model = WriteErrorResponse if writes else ErrorResponse
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    waits = {"headers": _WAIT} if status in {"429", "503"} else {}
    content = {"application/json": {"schema": schema}}
    return {"description": MEANINGS[status], "content": content, **waits}


def _errors() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for model in (ErrorResponse, WriteErrorResponse):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas


def _security() -> dict[str, Any]:
    told = {
        Scope.READ: "what the connection exposes",
        Scope.WRITE: "what the connection accepts",
    }
    flow = {
        "tokenUrl": "/rest/v2/oauth/token",
        "scopes": {scope.value: meaning for scope, meaning in told.items()},
    }
    return {
        "type": "oauth2",
        "description": "A consumer key and secret have their scopes from the tenant.",
        "flows": {"clientCredentials": flow},
    }
