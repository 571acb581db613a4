"""What a slow reader costs: a piece of the answer at a time, for so long and no longer."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Seconds in which a reader has to take one piece of an answer (`answers.PIECE_BYTES`).
PIECE_SECONDS = 60.0


class Bearing:
    """ASGI middleware: ends an answer that is not read, and counts a request as done."""

    def __init__(self, app: ASGIApp, seconds: float = PIECE_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._seconds):
                await send(message)

        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, send_in_time)
        finally:
            if leave := state.pop("leave", None):
                leave()
