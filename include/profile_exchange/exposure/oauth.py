"""``/oauth/token`` and ``/oauth/revoke``: client credentials (RFC 6749, 4.4; RFC 7009)."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote_plus

import anyio.to_thread
from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy import DateTime, LargeBinary, Text, bindparam, delete, insert, select
from starlette.requests import Request
from starlette.responses import Response

from profile_exchange.exposure.authentication import digest
from profile_exchange.exposure.refusals import (
    NO_STORE,
    Refusal,
    invalid_client,
    invalid_request,
    unavailable,
)
from profile_exchange.exposure.service import Hosted, Service, Serving
from profile_exchange.exposure.stores import Database, compiled
from profile_exchange.store.tables import access_token, credential
from profile_exchange.tenants.postgres.credentials import Credential, secret_matches

TOKEN_LIFE = timedelta(hours=1)
TOKEN_BYTES = 32
MAX_BODY = 8 * 1024
MAX_FIELDS = 16
#: Requests that may wait for a secret to be checked; what comes on top is told to come later.
MAX_WAITING = 32

router = APIRouter(prefix="/oauth", tags=["OAuth 2.0"])

_CREDENTIAL = compiled(
    select(
        credential.c.client_id,
        credential.c.connection,
        credential.c.issued_at,
        credential.c.expires_at,
        credential.c.revoked_at,
        credential.c.secret_hash,
    ).where(credential.c.client_id == bindparam("client_id", type_=Text))
)
_TIME = DateTime(timezone=True)
_FORGET = compiled(
    delete(access_token).where(access_token.c.expires_at <= bindparam("now", type_=_TIME))
)
_KEEP = compiled(
    insert(access_token).values(
        digest=bindparam("digest", type_=LargeBinary),
        client_id=bindparam("client_id", type_=Text),
        connection=bindparam("connection", type_=Text),
        issued_at=bindparam("issued_at", type_=_TIME),
        expires_at=bindparam("expires_at", type_=_TIME),
    )
)
_REVOKE = compiled(
    delete(access_token)
    .where(access_token.c.digest == bindparam("digest", type_=LargeBinary))
    .where(access_token.c.client_id == bindparam("client_id", type_=Text))
)

FORM: dict[str, Any] = {
    "requestBody": {
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
    }
}


class TokenResponse(BaseModel):
    """An access token, and in how many seconds it expires."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the type of a token, not a token
    expires_in: int


@dataclass(frozen=True, slots=True)
class Presented:
    """A form, and the key and secret that came in it or by HTTP Basic."""

    form: Mapping[str, str]
    client_id: str
    client_secret: str = field(repr=False)
    basic: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """Who has proved to hold a credential, and what else the form says."""

    credential: Credential
    form: Mapping[str, str]
    now: datetime


async def authenticated(
    request: Request,
    service: Serving,
    tenant: Hosted,
) -> Client:
    """The client of a request. Refuses everything that is wrong about it alike, after the same
    work, so that neither answer nor time tells a wrong secret from an unknown key."""
    presented = await _presented(request)
    now = service.clock()
    async with service.stores.connection(tenant) as database:
        row = await _CREDENTIAL.row(database, client_id=presented.client_id)
    *known, secret_hash = row or (None,)
    matches = await _secret_matches(service, presented.client_secret, secret_hash)
    if not matches or not known:
        raise invalid_client(basic=presented.basic)
    found = Credential(*known)
    if not found.usable(now) or not service.configured.exposing(found.connection, tenant):
        raise invalid_client(basic=presented.basic)
    request.state.connection = found.connection
    return Client(found, presented.form, now)


@router.post("/token", openapi_extra=FORM)
async def token(
    service: Serving,
    tenant: Hosted,
    client: Annotated[Client, Depends(authenticated)],
    response: Response,
) -> TokenResponse:
    """Exchange consumer key and secret for an access token."""
    if _required(client.form, "grant_type") != "client_credentials":
        raise Refusal(400, "unsupported_grant_type", "Only client_credentials is supported.")
    response.headers.update(NO_STORE)
    async with service.stores.connection(tenant) as database:
        return await _issued(database, client)


@router.post("/revoke", openapi_extra=FORM)
async def revoke(
    service: Serving,
    tenant: Hosted,
    client: Annotated[Client, Depends(authenticated)],
) -> Response:
    """End an access token. One that is unknown is as good as ended."""
    ended = digest(_required(client.form, "token"))
    async with service.stores.connection(tenant) as database:
        await _REVOKE.rows(database, digest=ended, client_id=client.credential.key)
    return Response(headers=NO_STORE)


async def _issued(database: Database, client: Client) -> TokenResponse:
    await _FORGET.rows(database, now=client.now)
    end = client.now + TOKEN_LIFE
    if client.credential.expires_at is not None:
        end = min(end, client.credential.expires_at)
    made = secrets.token_urlsafe(TOKEN_BYTES)
    await _KEEP.rows(
        database,
        digest=digest(made),
        client_id=client.credential.key,
        connection=client.credential.connection,
        issued_at=client.now,
        expires_at=end,
    )
    seconds = int((end - client.now).total_seconds())
    return TokenResponse(access_token=made, expires_in=seconds)


async def _secret_matches(service: Service, secret: str, secret_hash: str | None) -> bool:
    """Check a secret outside the event loop, a few at a time."""
    if service.checking.statistics().tasks_waiting >= MAX_WAITING:
        raise unavailable()
    return await anyio.to_thread.run_sync(
        secret_matches, secret, secret_hash, limiter=service.checking
    )


async def _presented(request: Request) -> Presented:
    if request.query_params:
        raise invalid_request("Parameters belong in the body, not in the address.")
    form = await _form(request)
    header = request.headers.get("authorization")
    if header is None:
        return Presented(form, _required(form, "client_id"), _required(form, "client_secret"))
    if "client_secret" in form:
        raise invalid_request("Send key and secret in the body or by HTTP Basic, not both.")
    key, secret = _basic(header)
    if "\x00" in key:
        raise invalid_client(basic=True)
    if form.get("client_id", key) != key:
        raise invalid_request("The body and HTTP Basic name different keys.")
    return Presented(form, key, secret, basic=True)


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise invalid_request("The body must be application/x-www-form-urlencoded.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise invalid_request(f"The body has at most {MAX_BODY} bytes.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise invalid_request("The body cannot be read as a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise invalid_request("Each parameter may stand in the body once.")
    return form


def _basic(header: str) -> tuple[str, str]:
    """Key and secret of an Authorization header (RFC 6749, 2.3.1: form-encoded inside)."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    key, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise invalid_client(basic=True)
    return unquote_plus(key), unquote_plus(secret)


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value or "\x00" in value:
        raise invalid_request(f"The parameter {name} is missing or cannot be read.")
    return value
