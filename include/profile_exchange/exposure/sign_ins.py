"""The record of who signed in, from where, and whose credentials were used from elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Text, bindparam, insert, select

from profile_exchange.domain.connection import Connection
from profile_exchange.exposure.service import Service
from profile_exchange.exposure.stores import Database, Statement, compiled
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


async def report_elsewhere(
    service: Service, database: Database, connection: Connection, client_id: str, address: str
) -> None:
    """Tell the operators that good credentials were used from where their partner is not."""
    now = service.clock()
    if not service.origins.report_is_due(client_id, address, now):
        return
    row = _row(connection.id, client_id, address, Outcome.ELSEWHERE, now)
    await _APPEND.rows(database, **row)
    log.warning(
        "Connection %s: its credentials were used from %s, where %s is not, and were refused: "
        "see `exchange credentials list %s`.",
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
