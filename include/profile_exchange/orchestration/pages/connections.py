"""All connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from profile_exchange.config.registry import Configuration
from profile_exchange.domain.connection import Connection
from profile_exchange.orchestration.pages.access import Caller, may_edit, visible
from profile_exchange.orchestration.pages.configured import configuration
from profile_exchange.orchestration.pages.glances import Glance, glances
from profile_exchange.orchestration.pages.rendering import page
from profile_exchange.orchestration.pages.unconfigured import (
    broken,
    gone,
    mistakes,
    unconfigured,
)

router = APIRouter()


@router.get("/")
def connections(
    request: Request,
    user: Caller,
    session: SessionDep,
    label: Annotated[list[str] | None, Query()] = None,
    *,
    favorite: bool = False,
) -> HTMLResponse:
    """Every connection that the caller may see; only favorites, or those of labels, if asked."""
    read = configuration()
    allowed = visible(user, read.connections)
    seen = [each for key, each in read.connections.items() if key in allowed]
    wanted = frozenset(label or ())
    chosen = [each for each in seen if _is_wanted(each, wanted, favorite=favorite)]
    edits, now = may_edit(user), datetime.now(UTC)
    rows = glances(session, read, chosen, now)
    others = set() if favorite or wanted else _without_file(read, rows)
    return page(
        request,
        "connections.html",
        rows=rows,
        others=unconfigured(visible(user, others), read),
        total=len(seen),
        labels=sorted({name for each in seen for name in each.labels}),
        wanted=wanted,
        favorite=favorite,
        edits=edits,
        mistakes=mistakes(read) if edits else (),
        now=now,
    )


def _without_file(read: Configuration, rows: Sequence[Glance]) -> set[str]:
    """Connections that would be missed in the list: their files are gone, or have mistakes."""
    away = frozenset(row.connection.tenant for row in rows if row.away)
    return broken(read) | gone(read, away)


def _is_wanted(connection: Connection, labels: frozenset[str], *, favorite: bool) -> bool:
    return labels <= set(connection.labels) and (connection.favorite or not favorite)
