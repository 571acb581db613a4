"""One line a request: method, route, status, connection, count and milliseconds, nothing else.

The address is logged as its route, never as it came: names, cursors and refinements in it may
tell what a partner must not see in our log, or what our log must not hold. This is also where
an error that nobody expected ends: its message may quote a row, so only its kind is logged.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from profile_exchange.exposure.refusals import server_error

access = logging.getLogger("profile_exchange.exposure.access")
log = logging.getLogger(__name__)

UNROUTED = "-"


class AccessLog:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope.setdefault("state", {})
        try:
            await self._app(scope, receive, send_noting_status)
        except Exception as error:
            log.error("%s in %s", type(error).__name__, _route(scope))  # noqa: TRY400
            if not status:
                answer = server_error().response(to_a_write=scope["method"] == "PUT")
                await answer(scope, receive, send_noting_status)
        finally:
            _write(scope, status, (time.perf_counter() - started) * 1000)


def _write(scope: Scope, status: int, milliseconds: float) -> None:
    state: dict[str, Any] = scope["state"]
    access.info(
        "%s %s %s connection=%s count=%s ms=%.1f",
        scope["method"],
        _route(scope),
        # A reader that hung up before the answer got none.
        status or "-",
        state.get("connection", "-"),
        state.get("count", "-"),
        milliseconds,
    )


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", UNROUTED)
