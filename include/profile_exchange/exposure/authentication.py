"""From an access token to what its bearer may read."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Depends
from sqlalchemy import DateTime, LargeBinary, bindparam, or_, select
from starlette.requests import Request

from profile_exchange.exposure.grant import Grant
from profile_exchange.exposure.origins import address_of
from profile_exchange.exposure.refusals import invalid_request, invalid_token
from profile_exchange.exposure.service import Hosted, Serving, Store
from profile_exchange.exposure.sign_ins import report_elsewhere
from profile_exchange.exposure.stores import compiled
from profile_exchange.store.tables import access_token, credential

MAX_TOKEN_CHARACTERS = 256

_now = bindparam("now", type_=DateTime(timezone=True))
#: A token is as good as the credential that it was got with.
_BEARER = compiled(
    select(access_token.c.connection, access_token.c.client_id)
    .join(credential, credential.c.client_id == access_token.c.client_id)
    .where(access_token.c.digest == bindparam("digest", type_=LargeBinary))
    .where(access_token.c.expires_at > _now)
    .where(credential.c.connection == access_token.c.connection)
    .where(credential.c.revoked_at.is_(None))
    .where(or_(credential.c.expires_at.is_(None), credential.c.expires_at > _now))
)


def digest(token: str) -> bytes:
    """What is stored of a token. It is random and long, so nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


async def granted(request: Request, service: Serving, tenant: Hosted, database: Store) -> Grant:
    """What the bearer of a request's token may read. Refuses a request without a good token."""
    if "access_token" in request.query_params:
        raise invalid_request("A token belongs in the Authorization header, not in the address.")
    token = _bearer_token(request)
    row = await _BEARER.row(database, digest=digest(token), now=service.clock())
    connection = service.configured.exposing(row[0], tenant) if row else None
    if row is None or connection is None or connection.expose is None:
        raise invalid_token()
    address = address_of(request)
    if not await service.origins.admits(connection, address, service.clock()):
        await report_elsewhere(service, database, connection, row[1], address)
        raise invalid_token()
    request.state.connection = connection.id
    request.state.leave = service.load.enter(connection.id, service.clock())
    return Grant(tenant, connection, connection.expose, client_id=row[1])


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_CHARACTERS:
        raise invalid_token()
    return token.strip()


Granted = Annotated[Grant, Depends(granted)]
