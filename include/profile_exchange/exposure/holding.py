"""How many profiles hold a value of a property: for who may write it, and for nobody else.

An import asks before its first write to a property, because it must not write over what it did not
bring (SEMANTICS, Mapping and writing 3). So all profiles count, those too that visited no channel
or whose consent lets nothing be written: consent may come later, and their values are there now.
"""

from __future__ import annotations

from sqlalchemy import Text, bindparam, func, select

from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.service import Service
from profile_exchange.exposure.stores import compiled
from profile_exchange.store.tables import profile

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
    connection, what = acceptance.connection, f"who holds {property_id}"
    async with service.stores.reading_back(acceptance.tenant, connection.id) as written:
        row = await service.counting.row(written, connection, what, _HELD, name=property_id)
    return row[0] if row else None
