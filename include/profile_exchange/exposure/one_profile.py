"""One profile, as a grant shows it, or as who writes to it may read it back.

A grant shows a profile as its lists do. Who may write and read back sees of a profile what it may
write and match on, whether the profile visited a channel or not.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_into

from profile_exchange.domain.properties import CREATION_DATE
from profile_exchange.domain.refinement import AnyOf, Refinement
from profile_exchange.exposure import definitions
from profile_exchange.exposure.definitions import Rule
from profile_exchange.exposure.grant import Acceptance, Grant
from profile_exchange.exposure.page_query import page_statement, profile_statement
from profile_exchange.exposure.profile_query import ProfileQuery, memberships
from profile_exchange.exposure.stores import Database, compiled, together
from profile_exchange.store.tables import disclosure, exchanged_profile
from profile_exchange.tenants.postgres.exposure_role import SENT

Profile = dict[str, Any]

_NOW = bindparam("now", type_=DateTime(timezone=True))
#: What left beside the lists. Inline, because the API may not read the number of a row.
DISCLOSED = compiled(
    insert(disclosure)
    .inline()
    .values(
        at=_NOW,
        connection=bindparam("connection", type_=Text),
        client_id=bindparam("client_id", type_=Text),
        request=bindparam("request", type_=Text),
        segment="",
        profiles=bindparam("profiles", type_=Integer),
    )
)
_LEFT = compiled(
    insert_into(exchanged_profile)
    .values(
        connection=bindparam("connection", type_=Text),
        direction=literal(SENT, Text),
        profile_id=bindparam("profile_id", type_=Uuid),
        first_at=_NOW,
    )
    .on_conflict_do_nothing()
)
#: The same of several at once.
ALL_LEFT = compiled(
    insert_into(exchanged_profile)
    .from_select(
        ["connection", "direction", "profile_id", "first_at"],
        select(
            bindparam("connection", type_=Text),
            literal(SENT, Text),
            func.unnest(bindparam("ids", type_=ARRAY(Uuid))),
            _NOW,
        ),
    )
    .on_conflict_do_nothing()
)


@dataclass(frozen=True, slots=True)
class AskedProfile:
    """Which profile is asked for, and what of it; ``properties`` None means all there is to see."""

    id: UUID
    properties: tuple[str, ...] | None
    with_segments: bool
    now: datetime

    def shown(self, visible: Sequence[str]) -> tuple[str, ...]:
        """What is shown of what may be seen. What may not is left out, whether it exists or not."""
        wanted = visible if self.properties is None else self.properties
        return tuple(name for name in wanted if name in visible)


async def exposed(database: Database, grant: Grant, asked: AskedProfile) -> Profile | None:
    """The profile as a grant lets it out of any of its segments, with the record of it."""
    segments, objectives = await together(
        database,
        (definitions.SEGMENTS, {"ids": list(grant.goal.segments)}),
        (definitions.OBJECTIVES, {}),
    )
    granted = definitions.rules_of(segment for segment, _ in definitions.segments_in(segments))
    if not granted:
        return None
    query = ProfileQuery(
        audience=definitions.audience(grant.connection, definitions.objectives_in(objectives)),
        segment=_any_of(granted),
        refinement=None,
        properties=asked.shown(grant.goal.readable),
        objectives=grant.objectives,
        shows_creation=CREATION_DATE in grant.goal.readable,
        memberships=memberships(granted) if asked.with_segments else None,
    )
    statement = await page_statement(query)
    rows = await statement.rows(
        database,
        first=asked.id,
        last=asked.id,
        count=1,
        fetched=1,
        now=asked.now,
        connection=grant.connection.id,
        client_id=grant.client_id,
        request=f"one profile; {query.on_record}",
        segment_id="",
    )
    return json.loads(rows[0][0]) if rows else None


async def read_back(
    store: Database, written: Database, acceptance: Acceptance, asked: AskedProfile
) -> Profile | None:
    """The profile as who may write to it may see it.

    ``store`` is a connection of the role that reads, for the record, and ``written`` one of the
    role that writes.
    """
    query = await _reading_back(written, acceptance, asked)
    statement = await profile_statement(query)
    row = await statement.row(written, id=asked.id, now=asked.now)
    if row is None:
        return None
    who = {"connection": acceptance.connection.id, "now": asked.now}
    request = f"one profile, read back; {query.on_record}"
    record = {**who, "client_id": acceptance.client_id, "request": request}
    await together(
        store,
        (DISCLOSED, {**record, "profiles": 1}),
        (_LEFT, {**who, "profile_id": asked.id}),
    )
    found: Profile = json.loads(row[0])
    return found


async def _reading_back(
    written: Database, acceptance: Acceptance, asked: AskedProfile
) -> ProfileQuery:
    objectives = await definitions.objectives(written)
    connection = acceptance.connection
    return ProfileQuery(
        audience=definitions.audience(connection, objectives, visitors_only=False),
        segment=None,
        refinement=None,
        properties=asked.shown(acceptance.goal.described),
        objectives=connection.objectives,
        shows_creation=False,
        memberships=None,
    )


def both(one: Profile | None, other: Profile | None) -> Profile | None:
    """A profile as two rights show it together."""
    if one is None or other is None:
        return one or other
    seen = {each["id"] for each in one["properties"]}
    more = [each for each in other["properties"] if each["id"] not in seen]
    return {**other, **one, "properties": [*one["properties"], *more]}


def _any_of(rules: Collection[Rule]) -> Refinement | None:
    """Whether a profile is in any of these segments; None lets everybody in."""
    known = [rule for _, rule in rules if rule is not None]
    return AnyOf(tuple(known)) if len(known) == len(rules) else None
