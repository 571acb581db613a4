"""``/profiles`` and ``/profiles/{profileId}``: finding a profile, and one profile."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from profile_exchange.exposure.asked import names_asked
from profile_exchange.exposure.authentication import Bearer, Borne, Store
from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.one_profile import (
    ALL_LEFT,
    DISCLOSED,
    AskedProfile,
    Profile,
    both,
    exposed,
    read_back,
)
from profile_exchange.exposure.refusals import (
    NO_STORE,
    Refusal,
    insufficient_scope,
    invalid_request,
    not_found,
)
from profile_exchange.exposure.search import MAX_FOUND, search
from profile_exchange.exposure.service import Service, Serving
from profile_exchange.exposure.stores import Database, together
from profile_exchange.exposure.wire import FoundProfile, FoundProfilesResponse, ProfileResponse

EXPAND_SEGMENTS = "profile.segments"
MAX_PAIRS = 20

router = APIRouter(tags=["Profiles"])


@router.get("/profiles")
async def find_profiles(
    request: Request,
    *,
    service: Serving,
    database: Store,
    bearer: Borne,
    names: Annotated[list[str], Query(alias="property", min_length=1, max_length=MAX_PAIRS)],
    values: Annotated[list[str], Query(alias="value", min_length=1, max_length=MAX_PAIRS)],
) -> FoundProfilesResponse:
    """The ids of the profiles with these values of unique identifiers; all have to agree."""
    acceptance = _reads_back(bearer)
    if acceptance is None:
        raise insufficient_scope()
    if len(names) != len(values):
        raise invalid_request("There must be as many values as properties.")
    pairs, now = list(zip(names, values, strict=True)), service.clock()
    async with service.stores.reading_back(acceptance.tenant, acceptance.connection.id) as written:
        ids, total = await search(written, acceptance, pairs, now)
    who = {"connection": acceptance.connection.id, "now": now}
    request_told = f"ids by {', '.join(sorted(set(names)))}"
    record = {**who, "client_id": acceptance.client_id, "request": request_told}
    await together(
        database,
        (DISCLOSED, {**record, "profiles": len(ids)}),
        (ALL_LEFT, {**who, "ids": list(map(UUID, ids))}),
    )
    request.state.count = len(ids)
    return FoundProfilesResponse(
        profiles=tuple(FoundProfile(id=found) for found in ids),
        items_per_page=MAX_FOUND,
        start_index=0,
        total_pages=-(-total // MAX_FOUND),
        total_results=total,
    )


@router.get("/profiles/{profileId}", response_model=ProfileResponse)
async def one_profile(
    request: Request,
    *,
    service: Serving,
    database: Store,
    bearer: Borne,
    profile_id: Annotated[str, Path(alias="profileId")],
    profile_properties: Annotated[list[str] | None, Query(alias="profileProperty")] = None,
    properties: Annotated[str | None, Query(deprecated=True)] = None,
    expand: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """One profile, as far as it may be seen."""
    try:
        wanted = UUID(profile_id)
    except ValueError:
        raise _no_such_profile() from None
    asked = AskedProfile(
        id=wanted,
        properties=names_asked(profile_properties, properties),
        with_segments=EXPAND_SEGMENTS in (expand or ()),
        now=service.clock(),
    )
    found = await _found(service, database, bearer, asked)
    if found is None:
        raise _no_such_profile()
    request.state.count = 1
    return JSONResponse(found, headers=NO_STORE)


async def _found(
    service: Service, database: Database, bearer: Bearer, asked: AskedProfile
) -> Profile | None:
    grant, acceptance = bearer.grant(), _reads_back(bearer)
    if grant is None and acceptance is None:
        raise insufficient_scope()
    shown = await exposed(database, grant, asked) if grant else None
    if acceptance is None:
        return shown
    async with service.stores.reading_back(acceptance.tenant, acceptance.connection.id) as written:
        return both(shown, await read_back(database, written, acceptance, asked))


def _reads_back(bearer: Bearer) -> Acceptance | None:
    acceptance = bearer.acceptance()
    return acceptance if acceptance is not None and acceptance.goal.read_back else None


def _no_such_profile() -> Refusal:
    """The same for a profile that may not be seen and for one that does not exist."""
    return not_found("There is no such profile, or it is not exposed.")
