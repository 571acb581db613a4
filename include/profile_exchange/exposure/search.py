"""Finding profiles by unique identifiers: for who may match on them, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, FromClause, Integer, Text, and_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from profile_exchange.domain.identifiers import normalise
from profile_exchange.exposure import definitions
from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.refusals import Refusal
from profile_exchange.exposure.stores import Database, Statement, compiled
from profile_exchange.store.tables import profile, profile_identifier
from profile_exchange.tenants.postgres.audience import Audience

#: So many ids are told of those that are found.
MAX_FOUND = 1000
NUL = "\x00"

Pairs = Sequence[tuple[str, str]]


async def search(
    written: Database, acceptance: Acceptance, pairs: Pairs, now: datetime
) -> tuple[list[str], int]:
    """The ids of the profiles that have all these values, and how many there are.

    Refuses a property that is no unique identifier, or not one to match on, alike.
    """
    wanted = await _compared(written, acceptance, pairs)
    if not all(value and NUL not in value for _, value in wanted):
        return [], 0
    objectives = await definitions.objectives(written)
    audience = definitions.audience(acceptance.connection, objectives, visitors_only=False)
    distinct = sorted(set(wanted))
    rows = await _statement(audience).rows(
        written,
        names=[name for name, _ in distinct],
        values=[value for _, value in distinct],
        needed=len(distinct),
        now=now,
    )
    return [str(row[0]) for row in rows], rows[0][1] if rows else 0


async def _compared(
    written: Database, acceptance: Acceptance, pairs: Pairs
) -> list[tuple[str, str]]:
    """The values as they are compared."""
    names = [name for name, _ in pairs if name in acceptance.goal.identifiers]
    known = {
        each.id: each.filter_type
        for each, _ in await definitions.properties(written, names)
        if each.indexed
    }
    if not all(name in known for name, _ in pairs):
        raise Refusal(501, "not_implemented", "A property that is named is no unique identifier.")
    return [(name, normalise(value, known[name])) for name, value in pairs]


@lru_cache(maxsize=64)
def _statement(audience: Audience) -> Statement:
    """``(id, how many there are)``. Binds ``names``, ``values``, ``needed`` and ``now``."""
    names, values = (bindparam(name, type_=ARRAY(Text)) for name in ("names", "values"))
    pairs = func.unnest(names, values).table_valued("name", "value").render_derived()
    agreed = (
        select(profile_identifier.c.profile_id)
        .join(pairs, _same(pairs))
        .group_by(profile_identifier.c.profile_id)
        .having(func.count() == bindparam("needed", type_=Integer))
        .subquery("agreed")
    )
    return compiled(
        select(cast(profile.c.id, Text), func.count().over())
        .join(agreed, agreed.c.profile_id == profile.c.id)
        .where(audience.condition(profile))
        .order_by(profile.c.id)
        .limit(MAX_FOUND)
    )


def _same(pairs: FromClause) -> ColumnElement[bool]:
    known = profile_identifier.c
    return and_(known.property_id == pairs.c.name, known.value == pairs.c.value)
