"""From an access token to what its bearer may read, or write."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from sqlalchemy import DateTime, LargeBinary, bindparam, or_, select
from starlette.requests import Request

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.scopes import Scope
from profile_exchange.domain.tenant import Tenant
from profile_exchange.exposure.grant import Acceptance, Grant
from profile_exchange.exposure.origins import Standing, address_of
from profile_exchange.exposure.refusals import (
    INSUFFICIENT_SCOPE,
    Refusal,
    insufficient_scope,
    invalid_request,
    invalid_token,
    unavailable,
)
from profile_exchange.exposure.service import Hosted, Service, Serving
from profile_exchange.exposure.sign_ins import Use, report_elsewhere, standing_of
from profile_exchange.exposure.stores import Database, compiled
from profile_exchange.store.tables import access_token, credential

MAX_TOKEN_CHARACTERS = 256

_now = bindparam("now", type_=DateTime(timezone=True))
#: A token is as good as the credential that it was got with.
_BEARER = compiled(
    select(access_token.c.connection, access_token.c.client_id, credential.c.scopes)
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


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose token a request came with: a credential of one connection, and what it is for where
    the request comes from. ``undecided`` is what it may be for, too: nobody knows at the moment."""

    tenant: Tenant
    connection: Connection
    client_id: str
    scopes: frozenset[str]
    undecided: frozenset[Scope] = frozenset()

    def grant(self) -> Grant | None:
        """What the bearer may read, if anything."""
        goal = self.connection.expose if self._is_for(Scope.READ) else None
        return Grant(self.tenant, self.connection, goal, self.client_id) if goal else None

    def acceptance(self) -> Acceptance | None:
        """What the bearer may write, if anything."""
        goal = self.connection.accept if self._is_for(Scope.WRITE) else None
        return Acceptance(self.tenant, self.connection, goal, self.client_id) if goal else None

    def _is_for(self, scope: Scope) -> bool:
        """Whether the bearer may do what a scope is for. Answers 503 when nobody knows."""
        if scope in self.undecided:
            raise unavailable()
        return scope in self.scopes

    @property
    def described(self) -> tuple[str, ...]:
        """Every profile property whose definition the bearer may see."""
        grant, acceptance = self.grant(), self.acceptance()
        readable = grant.goal.readable if grant else ()
        return tuple(dict.fromkeys([*readable, *(acceptance.goal.described if acceptance else ())]))

    @property
    def linkable(self) -> frozenset[str]:
        """The unique identifiers on which the bearer may link or match profiles."""
        goals = [right.goal for right in (self.grant(), self.acceptance()) if right]
        return frozenset(name for goal in goals for name in goal.identifiers)


async def bearer(request: Request, service: Serving, tenant: Hosted) -> AsyncIterator[Bearer]:
    """Whose token a request comes with. Refuses a request without a good token, and reports one
    that is for what is asked, but not from where it is asked.

    No database connection is kept for it: what comes then, such as the body of a request, may
    take its time. Who does something after that asks again (`bearer_now`).
    """
    found, use, standing = await _borne(request, service, tenant)
    request.state.connection = found.connection.id
    request.state.leave = service.load.enter(found.connection.id, service.clock())
    try:
        yield found
    except Refusal as refusal:
        if refusal.code == INSUFFICIENT_SCOPE and standing.elsewhere:
            await report_elsewhere(service, use)
        raise


async def bearer_now(request: Request, service: Service, tenant: Tenant) -> Bearer:
    """Whose token a request comes with, as keys, files and addresses are at this moment."""
    return (await _borne(request, service, tenant))[0]


async def _borne(
    request: Request, service: Service, tenant: Tenant
) -> tuple[Bearer, Use, Standing]:
    if "access_token" in request.query_params:
        raise invalid_request("A token belongs in the Authorization header, not in the address.")
    token = _bearer_token(request)
    async with service.stores.front(tenant) as database:
        row = await _BEARER.row(database, digest=digest(token), now=service.clock())
    connection = service.configured.answering(row[0], tenant) if row else None
    if row is None or connection is None:
        raise invalid_token()
    _, client_id, scopes = row
    use = Use(tenant, connection, client_id, address_of(request))
    standing = await standing_of(service, use, scopes)
    if standing is None:
        raise invalid_token()
    here, undecided = standing.here.intersection(scopes), standing.undecided.intersection(scopes)
    return Bearer(tenant, connection, client_id, here, undecided), use, standing


async def granted(bearer: Annotated[Bearer, Depends(bearer)]) -> Grant:
    """What the bearer of a request's token may read. Refuses one that may not read."""
    grant = bearer.grant()
    if grant is None:
        raise insufficient_scope()
    return grant


async def connected(
    service: Serving, bearer: Annotated[Bearer, Depends(bearer)]
) -> AsyncIterator[Database]:
    """A connection to the store of the tenant that a request is for."""
    async with service.stores.connection(bearer.tenant, bearer.connection.id) as database:
        yield database


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_CHARACTERS:
        raise invalid_token()
    return token.strip()


Borne = Annotated[Bearer, Depends(bearer)]
Granted = Annotated[Grant, Depends(granted)]
#: One connection for all that a request does. It is free again before the answer is sent: a
#: reader that dribbles holds none.
Store = Annotated[Database, Depends(connected, scope="function")]
