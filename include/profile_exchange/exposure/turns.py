"""Whose turn it is: how much of a store each connection may have at work at a time.

A connection has its share, so that it never fills a pool alone; and the last places of a pool are
for those who have nothing at work there, so that a few busy ones together do not fill it either.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from profile_exchange.exposure.refusals import Refusal, too_many

RETRY_SECONDS = 5.0


class Share:
    """So much a connection may have at work."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    @asynccontextmanager
    async def turn(self, patience: float) -> AsyncIterator[None]:
        """Waits until there is room in the share. Refuses who waits for long."""
        try:
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError:
            raise _ask_fewer() from None
        try:
            yield
        finally:
            self._free.release()


class Room:
    """The places of a pool. The last ones are ``kept`` for the first request of a connection."""

    def __init__(self, places: int, kept: int) -> None:
        self._for_more = places - kept
        self._at_work: Counter[str] = Counter()
        self._somebody_left = asyncio.Event()

    @asynccontextmanager
    async def place(self, connection_id: str, patience: float) -> AsyncIterator[None]:
        """Waits until a connection may have a place, or one more. Refuses who waits for long.

        The first is let through at once: whether the pool has one is for the pool to say.
        """
        try:
            async with asyncio.timeout(patience):
                while not self._has_room(connection_id):
                    await self._somebody_left.wait()
        except TimeoutError:
            raise _ask_fewer() from None
        self._at_work[connection_id] += 1
        try:
            yield
        finally:
            self._leave(connection_id)

    def _has_room(self, connection_id: str) -> bool:
        return not self._at_work[connection_id] or self._at_work.total() < self._for_more

    def _leave(self, connection_id: str) -> None:
        self._at_work[connection_id] -= 1
        self._somebody_left.set()
        self._somebody_left = asyncio.Event()


def _ask_fewer() -> Refusal:
    return too_many(
        "Too many requests of this connection are at work: ask fewer at once.", RETRY_SECONDS
    )
