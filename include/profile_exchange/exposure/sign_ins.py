"""The record of who signed in, from where, and whose credentials were used from elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Text, bindparam, insert, select

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.tenant import Tenant
from profile_exchange.exposure.origins import Standing
from profile_exchange.exposure.refusals import unavailable
from profile_exchange.exposure.service import Service
from profile_exchange.exposure.stores import Statement, compiled
from profile_exchange.store.tables import credential, sign_in
from profile_exchange.tenants.postgres.credentials import Credential, Outcome

log = logging.getLogger(__name__)

_asked, _used = credential.alias("asked"), credential.alias("used")
#: The connection of a consumer key, if any of its keys has been used from an address before: a
#: new key comes from where the old one did. Binds ``client_id`` and ``address``.
FAMILIAR = compiled(
    select(_asked.c.connection)
    .join(_used, _used.c.connection == _asked.c.connection)
    .join(sign_in, sign_in.c.client_id == _used.c.client_id)
    .where(_asked.c.client_id == bindparam("client_id", type_=Text))
    .where(sign_in.c.outcome == Outcome.GRANTED.value)
    .where(sign_in.c.address == bindparam("address", type_=Text))
    .limit(1)
)
#: Inline, because the API may not read the number that a row is given.
_APPEND = compiled(
    insert(sign_in)
    .inline()
    .values(
        at=bindparam("at", type_=DateTime(timezone=True)),
        connection=bindparam("connection", type_=Text),
        client_id=bindparam("client_id", type_=Text),
        address=bindparam("address", type_=Text),
        outcome=bindparam("outcome", type_=Text),
    )
)


def signed_in(
    credential: Credential, address: str, now: datetime
) -> tuple[Statement, Mapping[str, Any]]:
    """The statement that notes that a token was given, with its values."""
    return _APPEND, _row(credential.connection, credential.key, address, Outcome.GRANTED, now)


@dataclass(frozen=True, slots=True)
class Use:
    """A use of good credentials of a connection: which key, and from where."""

    tenant: Tenant
    connection: Connection
    client_id: str
    address: str


async def standing_of(service: Service, use: Use, scopes: Collection[str]) -> Standing | None:
    """What a key of these scopes is good for where it is used; None, and reported, if for nothing.

    Answers 503 when there is nothing to go by: that a name cannot be looked up says nothing about
    who asks.
    """
    now = service.clock()
    found = await service.origins.standing(use.connection, scopes, use.address, now)
    if found.here:
        return found
    if found.undecided:
        raise unavailable()
    await report_elsewhere(service, use)
    return None


async def report_elsewhere(service: Service, use: Use) -> None:
    """Tell the operators that good credentials were used from where they are not good."""
    now, connection, address = service.clock(), use.connection, use.address
    if not service.origins.report_is_due(use.client_id, address, now):
        return
    row = _row(connection.id, use.client_id, address, Outcome.ELSEWHERE, now)
    async with service.stores.front(use.tenant) as database:
        await _APPEND.rows(database, **row)
    log.warning(
        "Connection %s: its credentials were used from %s, from where %s may not do what was "
        "asked, and were refused: see `exchange credentials list %s`.",
        connection.id,
        address,
        connection.partner.host,
        connection.id,
    )


def _row(
    connection: str, client_id: str, address: str, outcome: Outcome, now: datetime
) -> dict[str, Any]:
    return {
        "at": now,
        "connection": connection,
        "client_id": client_id,
        "address": address,
        "outcome": outcome.value,
    }
