"""``/connections`` and its runs: the connection that the credentials are for, and no other.

How a run went is told in BlueConic's states, goal by goal; neither how many profiles it was about
nor why it failed is the partner's to know.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request

from profile_exchange.exposure.authentication import Bearer, Borne
from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.listings import Paged
from profile_exchange.exposure.refusals import insufficient_scope, not_found
from profile_exchange.exposure.runs import runs_of
from profile_exchange.exposure.service import Serving
from profile_exchange.exposure.wire import (
    ConnectionResponse,
    ConnectionsResponse,
    RunResponse,
    RunsResponse,
)

router = APIRouter(prefix="/connections", tags=["Connections"])


@router.get("", response_model_exclude_none=True)
async def own_connection(
    request: Request, *, service: Serving, bearer: Borne, paged: Paged
) -> ConnectionsResponse:
    """The connection that the credentials are for, with its last run."""
    acceptance = _writing(bearer)
    async with service.stores.reading_back(acceptance.tenant, acceptance.connection.id) as database:
        runs, _ = await runs_of(database, acceptance.connection, start=0, count=1)
    last = next(iter(runs), None)
    found = [ConnectionResponse.of(acceptance.connection, last)]
    request.state.count = len(shown := paged.page(found))
    return ConnectionsResponse(**paged.envelope(found), connections=tuple(shown))


@router.get("/{connection}/runs", response_model_exclude_none=True)
async def own_runs(
    request: Request,
    *,
    service: Serving,
    bearer: Borne,
    paged: Paged,
    connection: Annotated[str, Path()],
) -> RunsResponse:
    """The runs of the connection that the credentials are for, the newest first."""
    acceptance = _writing(bearer)
    if connection != acceptance.connection.id:
        raise not_found("There is no such connection, or it is another's.")
    async with service.stores.reading_back(acceptance.tenant, acceptance.connection.id) as database:
        runs, total = await runs_of(
            database, acceptance.connection, start=paged.start, count=paged.count
        )
    request.state.count = len(runs)
    return RunsResponse(
        **paged.envelope_of(total), runs=tuple(RunResponse.of(each) for each in runs)
    )


def _writing(bearer: Bearer) -> Acceptance:
    acceptance = bearer.acceptance()
    if acceptance is None:
        raise insufficient_scope(403)
    return acceptance
