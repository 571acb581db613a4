"""``/segments`` and ``/objectives``: what is exposed, and only that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from profile_exchange.domain.tenant import Segment
from profile_exchange.exposure import definitions
from profile_exchange.exposure.authentication import Borne, Granted, Store
from profile_exchange.exposure.grant import Grant
from profile_exchange.exposure.segment_counts import SegmentCounts
from profile_exchange.exposure.service import Service, Serving
from profile_exchange.exposure.stores import Database
from profile_exchange.exposure.wire import (
    ObjectiveResponse,
    ObjectivesResponse,
    SegmentResponse,
    SegmentsResponse,
)

DEFAULT_COUNT = 20
MAX_COUNT = 10_000
#: Indexes are 32 bits wide in the published schema, or 64 where they are asked for.
MAX_INDEX = 2**31 - 1
MAX_ASKED = 2**63 - 1

router = APIRouter()

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which items of a listing are asked for."""

    start: int
    count: int

    def page(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items of the page."""
        return items[self.start : self.start + self.count]

    def envelope(self, items: Sequence[Any]) -> dict[str, int]:
        """What a listing says about itself."""
        return self.envelope_of(len(items))

    def envelope_of(self, total: int) -> dict[str, int]:
        """What a listing of so many items says about itself."""
        return {
            "items_per_page": self.count,
            "start_index": self.start,
            "total_pages": pages(total, self.count),
            "total_results": total,
        }


def pages(total: int, count: int) -> int:
    """How many pages of ``count`` a total takes; none when nothing fits on a page."""
    return -(-total // count) if count else 0


async def paging(
    start: Annotated[int, Query(alias="startIndex", ge=0, le=MAX_ASKED)] = 0,
    count: Annotated[int, Query(ge=0, le=MAX_ASKED)] = DEFAULT_COUNT,
) -> Paging:
    """The paging of a request. More than `MAX_COUNT` items a page are served as `MAX_COUNT`, and
    an index that no list has as `MAX_INDEX`."""
    return Paging(min(start, MAX_INDEX), min(count, MAX_COUNT))


Paged = Annotated[Paging, Depends(paging)]


@router.get("/segments", tags=["Segments"], response_model_exclude_none=True)
async def exposed_segments(
    request: Request,
    *,
    service: Serving,
    database: Store,
    grant: Granted,
    paged: Paged,
    tags: Annotated[list[str] | None, Query(alias="filterTag")] = None,
) -> SegmentsResponse:
    """The exposed segments, each with how many of its profiles are exposed."""
    found = await definitions.segments(database, grant.goal.segments)
    if tags:
        found = [each for each in found if not set(tags).isdisjoint(each[0].tags)]
    shown = paged.page(found)
    segments = [segment for segment, _ in shown]
    counts = await _counts(service, database, grant, segments)
    request.state.count = len(shown)
    return SegmentsResponse(
        **paged.envelope(found),
        segments=tuple(
            SegmentResponse.of(segment, dates, counts.get(segment.id)) for segment, dates in shown
        ),
    )


@router.get("/objectives", tags=["Objectives"], response_model_exclude_none=True)
async def exposed_objectives(
    request: Request, database: Store, bearer: Borne, paged: Paged
) -> ObjectivesResponse:
    """The objectives whose consent decides which profiles are exposed, and may be written."""
    known = await definitions.objectives(database)
    found = [known[name] for name in sorted(bearer.connection.objectives) if name in known]
    shown = paged.page(found)
    request.state.count = len(shown)
    return ObjectivesResponse(
        **paged.envelope(found),
        objectives=tuple(ObjectiveResponse.of(each, dates) for each, dates in shown),
    )


async def _counts(
    service: Service, database: Database, grant: Grant, segments: Sequence[Segment]
) -> dict[str, int | None]:
    """How many profiles of each segment are exposed; without those that cannot be read, and
    without any that take too long to count."""
    rules = definitions.rules_of(segments)
    if not rules:
        return {}
    audience = definitions.audience(grant.connection, await definitions.objectives(database))
    counts = SegmentCounts(service.counting, grant.connection, audience, service.clock())
    found = await counts.of(database, tuple(rule for _, rule in rules))
    return {segment.id: number for (segment, _), number in zip(rules, found, strict=True)}
