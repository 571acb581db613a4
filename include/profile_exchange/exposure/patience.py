"""How long the service waits for who has connected and says nothing, and for how many of them.

Uvicorn bounds the time between two requests, but neither how long a head may take to come nor how
many connections are open. What comes after a head has its own bounds: `bodies`, `bearing`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds in which the head of a request has to be here, from when it could begin.
HEAD_SECONDS = 20.0
#: Open connections of one worker; behind a proxy, all of the proxy's.
MAX_CONNECTIONS = 1000


class PatientProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, to who says what they want within a bounded time."""

    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._expect_head(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._expect_nothing()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """A head is here: from now on others look at the time."""
        self._expect_nothing()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer is out: the next head may come, as long as the connection is kept."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._expect_head(self.timeout_keep_alive + HEAD_SECONDS)

    def _expect_head(self, seconds: float) -> None:
        self._expect_nothing()
        self._head_due = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _expect_nothing(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None
