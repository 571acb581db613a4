"""``PUT /profiles``: what a partner writes, as far as the accept goal of its connection lets it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from profile_exchange.exposure.authentication import Bearer, Borne, bearer_now
from profile_exchange.exposure.bodies import body_of, json_body
from profile_exchange.exposure.description import MEANINGS
from profile_exchange.exposure.entries import (
    BODY_SCHEMA,
    EntryResult,
    read_entries,
    written_results,
)
from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.refusals import (
    NO_STORE,
    insufficient_scope,
    invalid_request,
)
from profile_exchange.exposure.service import Serving
from profile_exchange.tenants.postgres.accepting.accept import (
    Submission,
    accept,
    until_when,
)

MAX_BODY = 10 * 1024 * 1024
OBJECTIVES = "objectiveIds"
#: Characters: as many go into an address, of which servers read 64 KiB, however they are written.
MAX_OBJECTIVES = 5_000
TOO_MANY = 413
#: How long a request waits for others of its connection to be written: they take seconds each.
TURN_SECONDS = 30.0

#: Bodies that one worker reads at a time, beside the event loop: they are large as objects.
_READING = CapacityLimiter(1)

router = APIRouter(tags=["Profiles"])


@router.put(
    "/profiles",
    response_model=list[EntryResult],
    responses={TOO_MANY: {"model": list[EntryResult], "description": MEANINGS[str(TOO_MANY)]}},
    openapi_extra=json_body(BODY_SCHEMA),
)
async def write_profiles(
    request: Request,
    *,
    service: Serving,
    bearer: Borne,
    objective_ids: Annotated[str, Query(alias=OBJECTIVES, max_length=MAX_OBJECTIVES)] = "",
) -> Response:
    """Create or update up to a thousand profiles. Answers each entry, in their order."""
    if len(request.query_params.getlist(OBJECTIVES)) > 1:
        raise invalid_request(f"{OBJECTIVES} is named once, with commas between objectives.")
    _objectives(_acceptance(bearer), objective_ids)
    body = await body_of(request, MAX_BODY)
    entries = await to_thread.run_sync(read_entries, body, limiter=_READING)
    taken = entries.taken
    until = until_when()
    url = service.stores.writing_url(bearer.tenant)
    async with service.stores.turn(url, bearer.connection.id, TURN_SECONDS):
        # The body and the turn took their time: what was taken away meanwhile is not written.
        acceptance = _acceptance(await bearer_now(request, service, bearer.tenant))
        submission = Submission(
            connection=acceptance.connection,
            client_id=acceptance.client_id,
            entries=[each.entry for each in taken],
            objectives=_objectives(acceptance, objective_ids),
            at=service.clock(),
            until=until,
        )
        outcomes = await to_thread.run_sync(accept, url, submission)
    request.state.count = len(taken)
    request.state.states = Counter(outcome.state.value for outcome in outcomes)
    status = TOO_MANY if entries.more else 200
    answer = await to_thread.run_sync(written_results, taken, outcomes)
    return Response(answer, status, NO_STORE, media_type="application/json")


def _acceptance(bearer: Bearer) -> Acceptance:
    """What the bearer may write. Refuses one that may write nothing."""
    acceptance = bearer.acceptance()
    if acceptance is None:
        raise insufficient_scope(403)
    return acceptance


def _objectives(acceptance: Acceptance, listed: str) -> list[str]:
    """The objectives that a request names. Refuses one that is not the connection's."""
    names = list(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not set(names) <= set(acceptance.connection.objectives):
        raise invalid_request("An objective that is named is not exposed.")
    return names
