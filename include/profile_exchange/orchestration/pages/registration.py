"""What Airflow's plugin registers: the pages' app, an entry in the navigation, a tab on each DAG.

Every process of Airflow loads its plugins, and only the API server serves pages: importing this
imports nothing of theirs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.configuration import conf

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

#: Where the pages are, below Airflow's own address.
PREFIX = "/profile-exchange"


class Pages:
    """The pages' app, made when it is asked for the first time."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._app or await self._made()
        await app(scope, receive, send)

    async def _made(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(_create)
            return self._app


def _create() -> ASGIApp:
    from profile_exchange.orchestration.pages.app import create_app

    return create_app()


def fastapi_apps() -> list[dict[str, Any]]:
    """The app to mount."""
    return [{"app": Pages(), "url_prefix": PREFIX, "name": "Profile exchange"}]


def external_views() -> list[dict[str, Any]]:
    """Where Airflow's UI shows the pages: in its navigation, and beside each DAG."""
    above = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    icon = f"{above}{PREFIX}/static/exchange.svg"
    icons = {"icon": icon, "icon_dark_mode": icon.replace("exchange.svg", "exchange-dark.svg")}
    return [
        {
            "name": "Profile exchange",
            "href": f"{above}{PREFIX}/",
            "destination": "nav",
            "url_route": "profile-exchange",
            "nav_top_level": True,
            **icons,
        },
        {
            "name": "Exchange",
            "href": f"{above}{PREFIX}/connections/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "exchange",
            **icons,
        },
    ]
