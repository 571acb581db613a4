"""Acting through Airflow's own REST API, in this process, as the caller.

Its permissions are asked again there, and its audit log says who did it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from airflow.api_fastapi.app import cached_app
from fastapi import Depends, HTTPException, Request

from profile_exchange.domain.fates import APPROVE
from profile_exchange.orchestration.pages.access import token_of

TIMEOUT_SECONDS = 30.0
ALL_APPS = "all"


def airflow_app() -> Any:
    """The app that this process serves, by the same call with which Airflow has made it."""
    return cached_app(apps=os.environ.get("AIRFLOW_API_APPS", ALL_APPS))


class Airflow:
    """Airflow's REST API for one caller."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def run(self, connection_id: str, conf: Mapping[str, Any]) -> str:
        """Trigger a run with a configuration. Returns its id."""
        body = {"logical_date": None, "conf": dict(conf)}
        answer = await self._ask("POST", f"/dags/{_in_path(connection_id)}/dagRuns", json=body)
        return str(answer["dag_run_id"])

    async def switch(self, connection_id: str, *, on: bool) -> None:
        """Let Airflow schedule and run a connection, or not."""
        mask = {"update_mask": "is_paused"}
        body = {"is_paused": not on}
        await self._ask("PATCH", f"/dags/{_in_path(connection_id)}", params=mask, json=body)

    async def answer(self, connection_id: str, run_id: str, option: str) -> None:
        """Answer the question at the gate of a run."""
        run = f"/dags/{_in_path(connection_id)}/dagRuns/{_in_path(run_id)}"
        body = {"chosen_options": [option], "params_input": {}}
        await self._ask("PATCH", f"{run}/taskInstances/{APPROVE}/-1/hitlDetails", json=body)

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await self._client.request(method, f"/api/v2{path}", **options)
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        raise HTTPException(answer.status_code, _detail(answer))


def _in_path(name: str) -> str:
    return quote(name, safe="")


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    return detail if isinstance(detail, str) else f"Airflow answered {answer.status_code}."


async def airflow_of(request: Request) -> AsyncIterator[Airflow]:
    """Airflow's REST API for the caller of a request."""
    headers = {
        "Authorization": f"Bearer {token_of(request)}",
        # By it Airflow notes that somebody did this in the UI.
        "Referer": str(request.url),
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=airflow_app()),
        base_url="http://airflow",
        headers=headers,
        timeout=TIMEOUT_SECONDS,
    ) as client:
        yield Airflow(client)


AsCaller = Annotated[Airflow, Depends(airflow_of)]
