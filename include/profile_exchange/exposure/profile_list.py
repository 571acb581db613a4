"""One list of profiles that a grant lets out: a segment, narrowed as asked, read page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.properties import CREATION_DATE
from profile_exchange.domain.tenant import Segment
from profile_exchange.exposure import definitions, page_query
from profile_exchange.exposure.asked import Asked
from profile_exchange.exposure.counting import Counting
from profile_exchange.exposure.cursors import KEY, Cursors, Position, binding
from profile_exchange.exposure.grant import Grant
from profile_exchange.exposure.page_query import count_statement, page_statement
from profile_exchange.exposure.profile_query import ProfileQuery, memberships
from profile_exchange.exposure.refusals import Refusal, not_found
from profile_exchange.exposure.service import Service
from profile_exchange.exposure.stores import Database, together
from profile_exchange.tenants.postgres.audience import Audience

EVERYBODY = IdRange(0, 1)


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """What a page holds, and where the next one starts if there is one.

    ``json`` are the profiles with commas between them, in pieces; ``profiles`` is how many.
    """

    position: Position
    json: Sequence[bytes]
    profiles: int
    following: Position | None


@dataclass(frozen=True, slots=True)
class ProfileList:
    """A list of profiles, as one grant and one request make it."""

    grant: Grant
    segment_id: str
    asked: Asked
    query: ProfileQuery
    cursors: Cursors

    async def page(self, service: Service, database: Database, now: datetime) -> ProfilePage:
        """The page asked for. What leaves with it is on record when this returns."""
        position = await self._position(service.counting, database, now)
        sizes = service.page_sizes
        count = sizes.worth_reading(self.query, self.asked.count, page_query.MAX_PAGE_BYTES)
        statement = await page_statement(self.query)
        rows = await statement.rows(
            database,
            first=position.first,
            last=position.last,
            count=count,
            fetched=count + 1 if count else 0,
            now=now,
            connection=self.grant.connection.id,
            client_id=self.grant.client_id,
            request=self.query.on_record,
            segment_id=self.segment_id,
        )
        page = _page(position, rows)
        sizes.saw(self.query, page.profiles, sum(map(len, page.json)))
        return page

    def ranges(self) -> list[str]:
        """Cursors to the starts of as many equal id ranges as were asked for."""
        parts = self.asked.ranges
        return [self.cursors.seal(Position.of(IdRange(part, parts))) for part in range(parts)]

    async def _position(self, counting: Counting, database: Database, now: datetime) -> Position:
        if not self.asked.is_first_page:
            return self.cursors.open(self.asked.cursor)
        if self.asked.ranges:
            # Who reads in ranges asks once for each of them: counting would cost a pass each.
            return Position.of(EVERYBODY)
        statement = await count_statement(self.query)
        what = f"a list of {self.segment_id}"
        row = await counting.row(database, self.grant.connection, what, statement, now=now)
        return Position.of(EVERYBODY, total=row[0] if row else None)


def _page(position: Position, rows: Sequence[tuple[Any, ...]]) -> ProfilePage:
    """The page in the rows of a page statement; no row is an empty one."""
    left = sum(profiles for _, profiles, _, _ in rows)
    following = None
    if rows:
        _, _, last, found = rows[-1]
        following = position.after(UUID(last)) if found > left else None
    return ProfilePage(position, [json for json, *_ in rows], left, following)


async def open_list(database: Database, grant: Grant, segment_id: str, asked: Asked) -> ProfileList:
    """The list that a request asks for. Refuses whatever of it is not exposed."""
    exposed = grant.goal.segments
    if segment_id not in exposed:
        raise _no_such_segment()
    wanted = exposed if asked.expands_segments else [segment_id]
    segments, objectives, key = await together(
        database,
        (definitions.SEGMENTS, {"ids": list(wanted)}),
        (definitions.OBJECTIVES, {}),
        (KEY, {}),
    )
    if not key:
        raise ConfigurationError(
            "The profile store has no key for cursors: run `exchange migrate`."
        )
    return ProfileList(
        grant=grant,
        segment_id=segment_id,
        asked=asked,
        query=_query(
            grant,
            segment_id,
            asked,
            {segment.id: segment for segment, _ in definitions.segments_in(segments)},
            definitions.audience(grant.connection, definitions.objectives_in(objectives)),
        ),
        cursors=Cursors(key[0][0], binding(grant, segment_id, asked.refinement_text)),
    )


def _query(
    grant: Grant, segment_id: str, asked: Asked, segments: dict[str, Segment], audience: Audience
) -> ProfileQuery:
    if segment_id not in segments:
        raise _no_such_segment()
    return ProfileQuery(
        audience=audience,
        segment=definitions.refinement_of(segments[segment_id]),
        refinement=asked.refinement(grant),
        properties=asked.shown(grant),
        objectives=grant.objectives,
        shows_creation=CREATION_DATE in grant.goal.readable,
        memberships=(
            memberships(definitions.rules_of(segments.values())) if asked.expands_segments else None
        ),
    )


def _no_such_segment() -> Refusal:
    """The same for a segment that is not exposed and for one that does not exist."""
    return not_found("There is no such segment, or it is not exposed.")
