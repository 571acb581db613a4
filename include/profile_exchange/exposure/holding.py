"""How many profiles hold a value of a property: for who may write it, and for nobody else.

An import asks before its first write to a property, because it must not write over what it did not
bring (SEMANTICS, Mapping and writing 3). So all profiles count, those too that visited no channel
or whose consent lets nothing be written: consent may come later, and their values are there now.
"""

from __future__ import annotations

import logging

from psycopg.errors import QueryCanceled
from sqlalchemy import Text, bindparam, func, select

from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.service import Service
from profile_exchange.exposure.stores import Database, compiled
from profile_exchange.store.tables import profile

log = logging.getLogger(__name__)

#: No index knows it: every profile is read. What takes longer than this is not told.
PATIENCE = "20s"

_UP_TO = compiled(
    select(func.set_config("statement_timeout", bindparam("patience", type_=Text), True))
)
_HELD = compiled(
    select(func.count())
    .select_from(profile)
    .where(func.jsonb_exists(profile.c.properties, bindparam("name", type_=Text)))
)


async def profile_count(
    service: Service, acceptance: Acceptance | None, property_id: str
) -> int | None:
    """How many profiles hold a value; None if it is not the bearer's to know, or takes too long."""
    if acceptance is None or property_id not in acceptance.goal.properties:
        return None
    # One at a time for all who ask: a partner must not keep the database reading everything.
    async with (
        service.counting,
        service.stores.reading_back(acceptance.tenant) as written,
    ):
        return await _counted(written, acceptance, property_id)


async def _counted(written: Database, acceptance: Acceptance, property_id: str) -> int | None:
    try:
        async with written.transaction():
            await _UP_TO.row(written, patience=PATIENCE)
            row = await _HELD.row(written, name=property_id)
    except QueryCanceled:
        log.warning(
            "Connection %s: counting who holds %s took longer than %s, and was given up.",
            acceptance.connection.id,
            property_id,
            PATIENCE,
        )
        return None
    return row[0] if row else None
