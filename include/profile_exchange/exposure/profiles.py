"""``/segments/{segment}/profiles``: what a page of profiles looks like on the wire."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from profile_exchange.exposure.addresses import Addresses
from profile_exchange.exposure.answers import json_answer
from profile_exchange.exposure.asked import Asked, asked
from profile_exchange.exposure.authentication import Granted, Store
from profile_exchange.exposure.cursors import FIRST_PAGE
from profile_exchange.exposure.listings import pages
from profile_exchange.exposure.profile_list import ProfileList, ProfilePage, open_list
from profile_exchange.exposure.service import Serving
from profile_exchange.exposure.wire import Link, ProfilesResponse

router = APIRouter()


@router.get("/segments/{segment}/profiles", tags=["Segments"], response_model=ProfilesResponse)
async def exposed_profiles(
    request: Request,
    *,
    service: Serving,
    database: Store,
    grant: Granted,
    segment: Annotated[str, Path()],
    asking: Annotated[Asked, Depends(asked)],
) -> Response:
    """One page of the profiles that the grant and their consent let out of a segment."""
    now = service.clock()
    found = await open_list(database, grant, segment, asking)
    addresses = Addresses.of(request, asking)
    page = await found.page(service, database, now)
    request.state.count = page.profiles
    return await json_answer(request, _parts(_head(addresses, found, page), page))


def _head(addresses: Addresses, found: ProfileList, page: ProfilePage) -> dict[str, Any]:
    """What comes before the profiles. A list that was not counted has no totals."""
    asking, total = found.asked, page.position.total
    following = found.cursors.seal(page.following) if page.following else None
    return {
        "itemsPerPage": asking.count,
        **({} if total is None else _totals(total, asking.count)),
        "cursor": asking.cursor,
        **({"nextCursor": following} if following else {}),
        "links": [link.model_dump() for link in _links(addresses, found, following)],
    }


def _totals(total: int, count: int) -> dict[str, int]:
    return {"totalPages": pages(total, count), "totalResults": total}


def _links(addresses: Addresses, found: ProfileList, following: str | None) -> list[Link]:
    links = [Link(rel="first", href=addresses.page(FIRST_PAGE))]
    if following:
        links.append(Link(rel="next", href=addresses.page(following)))
    return [*links, *(Link(rel="range", href=addresses.range(each)) for each in found.ranges())]


def _parts(head: dict[str, Any], page: ProfilePage) -> list[bytes]:
    """The page's JSON. The profiles in it are not copied: that is most of it."""
    opened = json.dumps(head).removesuffix("}").encode() + b',"profiles":['
    profiles = (part for json in page.json for part in (b",", json))
    return [opened, *list(profiles)[1:], b"]}"]
