"""``/oauth/token`` and ``/oauth/revoke``: client credentials (RFC 6749, 4.4; RFC 7009)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy import DateTime, LargeBinary, Text, bindparam, delete, insert, select
from starlette.requests import Request
from starlette.responses import Response

from profile_exchange.exposure.authentication import digest
from profile_exchange.exposure.origins import address_of
from profile_exchange.exposure.presented import presented, required
from profile_exchange.exposure.refusals import (
    NO_STORE,
    Refusal,
    invalid_client,
)
from profile_exchange.exposure.secret_checks import Attempt
from profile_exchange.exposure.service import Hosted, Serving
from profile_exchange.exposure.sign_ins import FAMILIAR, Use, signed_in, standing_of
from profile_exchange.exposure.stores import Database, compiled, together
from profile_exchange.store.tables import access_token, credential
from profile_exchange.tenants.postgres.credentials import Credential

TOKEN_LIFE = timedelta(hours=1)
TOKEN_BYTES = 32

router = APIRouter(prefix="/oauth", tags=["OAuth 2.0"])

_CREDENTIAL = compiled(
    select(
        credential.c.client_id,
        credential.c.connection,
        credential.c.issued_at,
        credential.c.expires_at,
        credential.c.revoked_at,
        credential.c.scopes,
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

_TEXT = {"type": "string"}


def _form(**more: dict[str, Any]) -> dict[str, Any]:
    """The form of a route: key and secret may come in it, or by HTTP Basic."""
    properties = {**more, "client_id": _TEXT, "client_secret": _TEXT}
    schema = {"type": "object", "properties": properties, "required": list(more)}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


class TokenResponse(BaseModel):
    """An access token, and in how many seconds it expires."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the type of a token, not a token
    expires_in: int


@dataclass(frozen=True, slots=True)
class Client:
    """Who has proved to hold a credential, and what else the form says."""

    credential: Credential
    form: Mapping[str, str]
    address: str
    now: datetime


async def authenticated(request: Request, service: Serving, tenant: Hosted) -> Client:
    """The client of a request. Refuses everything that is wrong about it alike, after the same
    work, so that neither answer nor time tells a wrong secret from an unknown key."""
    shown = await presented(request)
    now, address = service.clock(), address_of(request)
    async with service.stores.front(tenant) as database:
        rows, familiar = await together(
            database,
            (_CREDENTIAL, {"client_id": shown.client_id}),
            (FAMILIAR, {"client_id": shown.client_id, "address": address}),
        )
    *known, secret_hash = rows[0] if rows else (None,)
    attempt = Attempt(shown.client_id, address, familiar=familiar[0][0] if familiar else None)
    matches = await service.secrets.match(attempt, shown.client_secret, secret_hash, now)
    if not matches or not known:
        raise invalid_client(basic=shown.basic)
    found = Credential(*known)
    connection = service.configured.answering(found.connection, tenant)
    if not found.usable(now) or connection is None:
        raise invalid_client(basic=shown.basic)
    use = Use(tenant, connection, found.key, address)
    if await standing_of(service, use, found.scopes) is None:
        raise invalid_client(basic=shown.basic)
    request.state.connection = found.connection
    # Not before the secret is known to be right: strangers must not use up a partner's allowance.
    request.state.leave = service.token_load.enter(found.connection, now)
    return Client(found, shown.form, address, now)


@router.post(
    "/token",
    openapi_extra=_form(grant_type={"type": "string", "enum": ["client_credentials"]}),
)
async def token(
    service: Serving,
    tenant: Hosted,
    client: Annotated[Client, Depends(authenticated)],
    response: Response,
) -> TokenResponse:
    """Exchange consumer key and secret for an access token."""
    if required(client.form, "grant_type") != "client_credentials":
        raise Refusal(400, "unsupported_grant_type", "Only client_credentials is supported.")
    response.headers.update(NO_STORE)
    async with service.stores.front(tenant) as database:
        return await _issued(database, client)


@router.post("/revoke", response_class=Response, openapi_extra=_form(token=_TEXT))
async def revoke(
    service: Serving,
    tenant: Hosted,
    client: Annotated[Client, Depends(authenticated)],
) -> Response:
    """End an access token. One that is unknown is as good as ended."""
    ended = digest(required(client.form, "token"))
    async with service.stores.front(tenant) as database:
        await _REVOKE.rows(database, digest=ended, client_id=client.credential.key)
    return Response(headers=NO_STORE)


async def _issued(database: Database, client: Client) -> TokenResponse:
    end = client.now + TOKEN_LIFE
    if client.credential.expires_at is not None:
        end = min(end, client.credential.expires_at)
    made = secrets.token_urlsafe(TOKEN_BYTES)
    token = {
        "digest": digest(made),
        "client_id": client.credential.key,
        "connection": client.credential.connection,
        "issued_at": client.now,
        "expires_at": end,
    }
    await together(
        database,
        (_FORGET, {"now": client.now}),
        (_KEEP, token),
        signed_in(client.credential, client.address, client.now),
    )
    seconds = int((end - client.now).total_seconds())
    return TokenResponse(access_token=made, expires_in=seconds)
