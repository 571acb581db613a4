"""Who may do what: Airflow's answers to Airflow's own questions.

Viewing, running and editing are three rights: to read a connection's DAG, to make it run, and to
change Airflow's connections, beside which our files stand. Each route names the one it needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod

#: The caller, as Airflow knows them.
Caller = Annotated[BaseUser, Depends(get_user)]

#: What a route about one connection needs; its path has the connection's id as ``dag_id``.
VIEWING = Depends(requires_access_dag("GET"))
RUNNING = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
SWITCHING = Depends(requires_access_dag("PUT"))
ANSWERING = Depends(requires_access_dag("PUT", DagAccessEntity.HITL_DETAIL))

FORBIDDEN = 403


def may_edit(user: BaseUser) -> bool:
    """Whether a user may change how connections are configured."""
    allowed: bool = get_auth_manager().is_authorized_connection(
        method="PUT", details=ConnectionDetails(), user=user
    )
    return allowed


def requires_editing(user: Caller) -> None:
    """Refuse whoever may not change how connections are configured."""
    if not may_edit(user):
        raise HTTPException(FORBIDDEN, "You may look at connections, and not change them.")


EDITING = Depends(requires_editing)


@dataclass(frozen=True, slots=True)
class Rights:
    """What the caller may do with one connection, so that the page offers nothing else."""

    run: bool
    switch: bool
    answer: bool
    edit: bool


def rights(user: BaseUser, connection_id: str) -> Rights:
    """What a user may do with a connection that they may see."""
    details = DagDetails(id=connection_id, team_name=DagModel.get_team_name(connection_id))

    def may(method: ResourceMethod, entity: DagAccessEntity | None = None) -> bool:
        allowed: bool = get_auth_manager().is_authorized_dag(
            method=method, access_entity=entity, details=details, user=user
        )
        return allowed

    return Rights(
        run=may("POST", DagAccessEntity.RUN),
        switch=may("PUT"),
        answer=may("PUT", DagAccessEntity.HITL_DETAIL),
        edit=may_edit(user),
    )


def visible(user: BaseUser, connection_ids: Iterable[str]) -> set[str]:
    """Those connections whose DAG a user may see, whether Airflow has read it yet or not."""
    manager = get_auth_manager()
    wanted = set(connection_ids)
    known: set[str] = manager.get_authorized_dag_ids(user=user, method="GET")
    unread: set[str] = manager.filter_authorized_dag_ids(
        dag_ids=wanted - known, user=user, method="GET"
    )
    return (wanted & known) | unread


def token_of(request: Request) -> str:
    """The token with which the caller has logged in, to act as them."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given
    return request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
